"""Read images and labels from a source, split them, and write them as one file (Urban 2.1).

Sources: cifar10 and mnist in torchvision's layout, an image folder, or the embedded shapes.
"""

import sys
from pathlib import Path

from mimic import artifact, fingerprint, seeding
from mimic.cli import InputError, parse_settings, run_stage, stage_parser
from mimic.config.data import WHEREABOUTS, DataSettings
from mimic.data import cifar10, image_folder, mnist, shapes
from mimic.data.source import folder_of, from_arrays
from mimic.data.splits import split_rows
from mimic.data.store import make_dataset, write_dataset


def open_source(settings, seed, n_threads=None):
    """The source that the settings name; downloaded first where allowed and needed.

    Parameters
    ----------
    settings : mimic.config.data.DataSettings
    seed : int
        Seed of the run; the embedded set is drawn from it.
    n_threads : int, optional
        For decoding image files.

    Returns
    -------
    mimic.data.source.Source

    Raises
    ------
    InputError
        If the images are not there, or are damaged.
    """
    if settings.source == "shapes":
        return _draw_shapes(settings, seed)
    folder = folder_of(settings)
    if settings.source == "imagefolder":
        return image_folder.load(folder, n_threads)
    module = {"cifar10": cifar10, "mnist": mnist}[settings.source]
    if module.missing_message(folder) is not None and settings.download:
        module.download(folder)
    missing = module.missing_message(folder)
    if missing is not None:
        raise InputError(missing)
    return module.load(folder)


def _draw_shapes(settings, seed):
    sizes = {"train": settings.n_train + settings.n_validation, "test": settings.n_test}
    drawn = {
        part: shapes.generate(size, seeding.numpy_generator(seed, "data", "shapes", part))
        for part, size in sizes.items()
    }
    images = {part: arrays[0] for part, arrays in drawn.items()}
    return from_arrays(shapes.CLASS_NAMES, images, {part: arrays[1] for part, arrays in drawn.items()})


def prepare_dataset(source, settings, generator):
    """Split a source.

    Parameters
    ----------
    source : mimic.data.source.Source
    settings : mimic.config.data.DataSettings
    generator : numpy.random.Generator
        Draws the split.

    Returns
    -------
    mimic.data.store.Dataset

    Raises
    ------
    InputError
        If more images are wanted than there are.
    """
    rows = split_rows(
        len(source.labels["train"]),
        len(source.labels["test"]),
        settings.n_train,
        settings.n_validation,
        settings.n_test,
        generator,
    )
    part_of = {"train": "train", "validation": "train", "test": "test"}
    images = {split: source.read_images(part, rows[split]) for split, part in part_of.items()}
    labels = {split: source.labels[part][rows[split]] for split, part in part_of.items()}
    return make_dataset(images, labels, source.class_names)


def main(argv=None):
    """Command line of the stage."""
    parser = stage_parser(__doc__, "mimic.data.prepare_dataset")
    parser.add_argument("--settings", required=True, help="section data of the config, as JSON")
    parser.add_argument("--seed", required=True, type=int, help="seed of the run")
    parser.add_argument("--images", help="digest of the source's images, kept with the dataset")
    parser.add_argument("--out", required=True, type=Path, help="dataset to write (HDF5)")
    parser.add_argument(
        "--threads", type=int, help="threads that decode image files; all processors unless given"
    )
    arguments = parser.parse_args(argv)
    settings = parse_settings(DataSettings, arguments.settings)

    source = open_source(settings, arguments.seed, arguments.threads)
    dataset = prepare_dataset(source, settings, seeding.numpy_generator(arguments.seed, "data", "split"))

    code = fingerprint.of_stage("mimic.data.prepare_dataset")
    contents = settings.model_dump(exclude=set(WHEREABOUTS))
    sources = {"images": arguments.images} if arguments.images else {}
    provenance = artifact.provenance_of("prepare_dataset", contents, arguments.seed, code, **sources)
    write_dataset(arguments.out, dataset, provenance)


if __name__ == "__main__":
    sys.exit(run_stage(main))
