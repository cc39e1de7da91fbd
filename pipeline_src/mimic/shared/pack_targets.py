"""Put what students need of a run into one file, for someone else to train students on (Urban 2.2).

The images are not in it: whoever unpacks it has the same images, or is told that they are others.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError

from mimic.artifact import digest_file, provenance_of, read_json
from mimic.augment.recipe import draw_epoch
from mimic.augment.render import Renderer
from mimic.cli import InputError, run_stage, stage_parser, validation_message
from mimic.data.store import read_dataset
from mimic.epochs.store import StoredEpochs, epoch_digest
from mimic.fingerprint import of_stage
from mimic.logits.store import TARGETS_FORMAT, StoredLogits
from mimic.progress import Report
from mimic.shared.store import (
    N_PROBE,
    Augmentation,
    PackedMember,
    PackedTargets,
    PackHeader,
    write_pack,
)

STAGE = "mimic.shared.pack_targets"


def pack_targets(epochs, targets, augmentation, with_recipes):
    """What a pack holds of each epoch, checked: the images that are rendered here are those of the probe.

    Parameters
    ----------
    epochs : mimic.epochs.store.StoredEpochs
    targets : mimic.logits.store.StoredLogits
    augmentation : mimic.shared.store.Augmentation
        From which the epochs must be drawn again, unless recipes are packed.
    with_recipes : bool

    Yields
    ------
    digest : bytes, 32
    logits : float array, shape (n, n_classes)
    probe : uint8 array, shape (p, 3, 32, 32)
    recipe : mimic.augment.recipe.Recipe

    Raises
    ------
    InputError
        If an epoch is not the one that the augmentation draws, or its images are not those of the probe.
    """
    a = augmentation
    for epoch in range(epochs.n_epochs):
        drawn = draw_epoch(epochs.n_images, epoch, a.hsv, a.crop, a.seed)
        if not with_recipes and epoch_digest(drawn, epochs.dataset_digest) != epochs.digests[epoch]:
            raise InputError(
                f"epoch {epoch} is not the one that seed {a.seed} draws here (numpy {np.__version__}): "
                "pack it with --recipes"
            )
        epochs.check_probe(epoch)
        yield epochs.digests[epoch], targets.epoch(epoch), epochs.probe(epoch)[:N_PROBE], epochs.recipe(epoch)


def augmentation_of(provenance, path):
    """What epochs were drawn from, as their provenance says; an InputError where it says nothing."""
    settings = provenance.get("settings")
    settings = settings if isinstance(settings, dict) else {}
    values = {"seed": provenance.get("seed"), "hsv": settings.get("hsv"), "crop": settings.get("crop")}
    try:
        return Augmentation.model_validate(values)
    except ValidationError as error:
        raise InputError(validation_message(error, f"{path}: provenance")) from None


def main(argv=None):
    parser = stage_parser(__doc__, STAGE)
    parser.add_argument("--dataset", required=True, help="dataset.h5")
    parser.add_argument("--epochs", nargs="+", required=True, help="shards of epochs")
    parser.add_argument("--targets", required=True, help="targets.h5")
    parser.add_argument("--members", required=True, help="members.json")
    parser.add_argument("--teachers", required=True, help="trials.csv of the teachers")
    parser.add_argument("--weights", nargs="*", default=[], help="weights of every member, if at hand")
    parser.add_argument("--recipes", action="store_true", help="store the recipes too, not only their seed")
    parser.add_argument("--pack", required=True, help="file to write")
    args = parser.parse_args(argv)
    dataset = read_dataset(args.dataset)
    images = torch.from_numpy(dataset.images["train"])
    epochs = StoredEpochs(args.epochs, dataset.digest, images, Renderer(images.device))
    targets = StoredLogits(args.targets, TARGETS_FORMAT, epochs.digests, epochs.n_images)
    ensemble = read_json(args.members, "mimic.ensemble")
    found = [member.trial for member in targets.members]
    if found != ensemble.get("members"):
        raise InputError(f"{args.targets}: expected members {ensemble.get('members')}, got {found}")
    if args.weights and len(args.weights) != len(targets.members):
        raise InputError(f"--weights: expected {len(targets.members)} files, got {len(args.weights)}")
    for member, path in zip(targets.members, args.weights, strict=False):
        if digest_file(path) != member.weights_digest:
            raise InputError(
                f"{args.targets}: made with other weights than {path} has now; make it again first: "
                f"snakemake --cores all {args.targets}"
            )
    try:
        header = PackHeader(
            dataset_digest=dataset.digest,
            ensemble=ensemble,
            augmentation=augmentation_of(epochs.provenance, args.epochs[0]),
            targets=PackedTargets(
                members=[PackedMember(**vars(member)) for member in targets.members],
                provenance=targets.provenance,
            ),
            provenance=provenance_of(
                "pack_targets",
                {"recipes": args.recipes},
                None,
                of_stage(STAGE),
                dataset=dataset.digest,
                epochs=epochs.digest(),
            ),
        )
    except ValidationError as error:
        raise InputError(validation_message(error, args.members)) from None
    n_probe = min(N_PROBE, len(epochs.probe(0)))
    layout = (epochs.n_epochs, epochs.n_images, targets.n_classes, n_probe, targets.dtype, args.recipes)
    with Report("epoch", epochs.n_epochs) as report:

        def packed():
            for epoch in pack_targets(epochs, targets, header.augmentation, args.recipes):
                yield epoch
                report.step(n_images=epochs.n_images)

        write_pack(args.pack, header, dataset.rows, Path(args.teachers).read_bytes(), layout, packed())


if __name__ == "__main__":
    sys.exit(run_stage(main))
