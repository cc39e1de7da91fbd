"""Generate a shard of augmented epochs (Urban 2.5).

Every epoch passes over the training images once, in an order of its own, each image with its own colour
jitter, mirror and crop. All students see the same epochs in the same order.
"""

import sys

import torch

from mimic.allocator import keep_memory
from mimic.artifact import provenance_of
from mimic.augment.recipe import draw_epoch
from mimic.augment.render import Renderer
from mimic.cli import parse_settings, run_stage, stage_parser, whole_number
from mimic.config.epochs import AugmentedEpochs
from mimic.data.store import read_dataset
from mimic.epochs.store import write_shard
from mimic.fingerprint import of_stage
from mimic.gpus.claims import rendering_claim_mb
from mimic.gpus.place import gpu_place
from mimic.progress import Report

STAGE = "mimic.epochs.generate_epochs"


def generate_epochs(n_images, epoch_numbers, settings, seed):
    """Recipes of epochs; epoch 17 is the same alone, in a shard or in the full run.

    Parameters
    ----------
    n_images : int
        Training images.
    epoch_numbers : iterable of int
    settings : mimic.config.epochs.AugmentedEpochs
    seed : int
        Of the run.

    Returns
    -------
    dict of int to Recipe
        By epoch number; `image_index` is a permutation of the training images.
    """
    return {epoch: draw_epoch(n_images, epoch, settings.hsv, settings.crop, seed) for epoch in epoch_numbers}


def main(argv=None):
    parser = stage_parser(__doc__, STAGE)
    parser.add_argument(
        "--settings", required=True, help="`store`, `hsv` and `crop` of the section `epochs`, as JSON"
    )
    parser.add_argument("--seed", type=whole_number(0), required=True, help="seed of the run")
    parser.add_argument(
        "--epochs", type=whole_number(0), nargs="+", required=True, help="epoch numbers of the shard"
    )
    parser.add_argument("--dataset", required=True, help="dataset.h5")
    parser.add_argument("--threads", type=whole_number(1), default=1, help="CPU threads")
    parser.add_argument("--shard", required=True, help="file to write")
    args = parser.parse_args(argv)
    settings = parse_settings(AugmentedEpochs, args.settings)
    torch.set_num_threads(args.threads)
    keep_memory()
    dataset = read_dataset(args.dataset, splits=("train",))
    n_train = len(dataset.images["train"])
    with gpu_place(f"generate_epochs {args.epochs[0]} to {args.epochs[-1]}", rendering_claim_mb(n_train)):
        _write(args, settings, dataset)


def _write(args, settings, dataset):
    """Render the shard on the device that there is."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    images = torch.from_numpy(dataset.images["train"]).to(device)
    renderer = Renderer(device)
    recipes = generate_epochs(len(images), args.epochs, settings, args.seed)
    provenance = provenance_of(
        "generate_epochs", settings.model_dump(), args.seed, of_stage(STAGE), dataset=dataset.digest
    )
    with Report("epoch", len(recipes)) as report:
        write_shard(
            args.shard,
            recipes,
            lambda recipe: renderer.render(images, recipe).cpu().numpy(),
            settings.store == "pixels",
            dataset.digest,
            provenance,
            on_epoch=lambda number, held: report.step(
                f"number {number}{', already there' if held else ''}", len(images), held
            ),
            resume_key=str(device),
        )


if __name__ == "__main__":
    sys.exit(run_stage(main))
