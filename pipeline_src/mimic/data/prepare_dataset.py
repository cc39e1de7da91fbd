"""Read images and labels from a source, split them, and write them as one file (Urban 2.1).

The sources are those of `mimic.data.sources`.
"""

import sys
from pathlib import Path

import numpy as np

from mimic import artifact, fingerprint, seeding
from mimic.cli import InputError, parse_settings, run_stage, stage_parser, whole_number
from mimic.config.data import WHEREABOUTS, DataSettings
from mimic.data.source import folder_of
from mimic.data.sources import is_drawn, missing_files, module_of
from mimic.data.splits import split_rows
from mimic.data.store import make_dataset, read_split, write_dataset


def open_source(settings, seed, n_threads=None):
    """The source that the settings name; downloaded first where allowed and needed.

    Parameters
    ----------
    settings : mimic.config.data.DataSettings
    seed : int
        Seed of the run; images without files are drawn from it.
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
    module = module_of(settings)
    if is_drawn(module):
        sizes = {"train": settings.n_train + settings.n_validation, "test": settings.n_test}
        return module.draw(sizes, seed)
    folder = folder_of(settings)
    if missing_files(module, folder) is not None and settings.download:
        module.download(folder)
    missing = missing_files(module, folder)
    if missing is not None:
        raise InputError(missing)
    return module.load(folder, n_threads)


def prepare_dataset(source, settings, generator, rows=None):
    """Split a source.

    Parameters
    ----------
    source : mimic.data.source.Source
    settings : mimic.config.data.DataSettings
    generator : numpy.random.Generator
        Draws the split.
    rows : dict, split -> int64 array, optional
        Another run's split, in place of a drawn one.

    Returns
    -------
    mimic.data.store.Dataset

    Raises
    ------
    InputError
        If more images are wanted than there are.
    """
    sizes = {part: len(labels) for part, labels in source.labels.items()}
    wanted = {"train": settings.n_train, "validation": settings.n_validation, "test": settings.n_test}
    if rows is None:
        rows = split_rows(sizes["train"], sizes["test"], *wanted.values(), generator)
    part_of = {"train": "train", "validation": "train", "test": "test"}
    for split, part in part_of.items():
        if len(rows[split]) != wanted[split]:
            raise InputError(f"data.n_{split}: the shared split has {len(rows[split])}, got {wanted[split]}")
        if len(rows[split]) and not 0 <= min(rows[split]) <= max(rows[split]) < sizes[part]:
            raise InputError(f"the shared split wants images beyond the {sizes[part]} of part {part}")
    images = {split: source.read_images(part, rows[split]) for split, part in part_of.items()}
    labels = {split: source.labels[part][rows[split]] for split, part in part_of.items()}
    return make_dataset(
        images, labels, source.class_names, {split: np.asarray(r, np.int64) for split, r in rows.items()}
    )


def main(argv=None):
    """Command line of the stage."""
    parser = stage_parser(__doc__, "mimic.data.prepare_dataset")
    parser.add_argument("--settings", required=True, help="section data of the config, as JSON")
    parser.add_argument("--seed", required=True, type=whole_number(0), help="seed of the run")
    parser.add_argument("--images", help="digest of the source's images, kept with the dataset")
    parser.add_argument("--out", required=True, type=Path, help="dataset to write (HDF5)")
    parser.add_argument(
        "--threads", type=whole_number(1), help="threads that decode image files; all processors unless given"
    )
    parser.add_argument("--split", nargs="?", type=Path, help="split of another run, see `mimic unpack`")
    arguments = parser.parse_args(argv)
    rows, expected = read_split(arguments.split) if arguments.split else (None, None)
    settings = parse_settings(DataSettings, arguments.settings)

    source = open_source(settings, arguments.seed, arguments.threads)
    generator = seeding.numpy_generator(arguments.seed, "data", "split")
    dataset = prepare_dataset(source, settings, generator, rows)
    if expected is not None and dataset.digest != expected:
        raise InputError(
            f"data: these are not the images that the shared targets belong to: expected digest "
            f"{expected[:16]}, got {dataset.digest[:16]}"
        )

    code = fingerprint.of_stage("mimic.data.prepare_dataset")
    contents = settings.model_dump(exclude=set(WHEREABOUTS))
    sources = {"images": arguments.images} if arguments.images else {}
    if expected is not None:
        sources["split"] = expected
    provenance = artifact.provenance_of("prepare_dataset", contents, arguments.seed, code, **sources)
    write_dataset(arguments.out, dataset, provenance)


if __name__ == "__main__":
    sys.exit(run_stage(main))
