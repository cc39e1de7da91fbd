"""Lay out another run's targets for the students of this one (Urban 2.2).

Everything is checked before anything is written: the file's checksums, that its epochs are drawn here as
they were there, and that the dataset at hand, if there is one, is the one that the teachers saw."""

import sys
from pathlib import Path

import numpy as np

from mimic.artifact import write_json, written_whole
from mimic.augment.recipe import draw_epoch
from mimic.cli import InputError, run_stage, stage_parser
from mimic.data.store import read_dataset_header, write_split
from mimic.epochs.store import epoch_digest, write_shard
from mimic.logits.store import TARGETS_FORMAT, Member, write_logits
from mimic.shared.places import Unpacked
from mimic.shared.store import SHARED_FORMAT, open_pack

STAGE = "mimic.shared.unpack_targets"


def unpack_recipes(pack):
    """Recipes of all epochs, drawn again or read, and checked against their digests.

    Parameters
    ----------
    pack : mimic.shared.store.Pack

    Returns
    -------
    dict of int to mimic.augment.recipe.Recipe

    Raises
    ------
    InputError
        If a recipe is not the one that the logits belong to.
    """
    a, recipes = pack.header.augmentation, {}
    for epoch, digest in enumerate(pack.epoch_digests()):
        if pack.has_recipes:
            recipe = pack.stored_recipe(epoch)
        else:
            recipe = draw_epoch(pack.n_images, epoch, a.hsv, a.crop, a.seed)
        if epoch_digest(recipe, pack.header.dataset_digest) != digest:
            versions = pack.header.provenance.get("versions")
            there = versions.get("numpy") if isinstance(versions, dict) else None
            how = (
                "does not match its digest"
                if pack.has_recipes
                else (
                    f"is not drawn here as it was there (numpy {np.__version__} here, {there} there): "
                    "ask for a pack made with --recipes"
                )
            )
            raise InputError(f"{pack.path}: epoch {epoch} {how}")
        recipes[epoch] = recipe
    return recipes


def check_dataset(pack, path):
    """Refuse a dataset that is not the one that the targets belong to."""
    if path is None or not Path(path).exists():
        return
    found, expected = read_dataset_header(path)[0], pack.header.dataset_digest
    if found != expected:
        raise InputError(
            f"{path}: another dataset than that of {pack.path}: expected digest {expected[:16]}, "
            f"got {found[:16]}"
        )


def unpack_targets(pack, places):
    """Write the parts of a pack.

    Parameters
    ----------
    pack : mimic.shared.store.Pack
    places : mimic.shared.store.Unpacked
    """
    header, digests = pack.header, pack.epoch_digests()
    recipes = unpack_recipes(pack)
    members = [Member(**member.model_dump()) for member in header.targets.members]
    write_split(places.split, pack.rows(), header.dataset_digest, header.provenance)
    augmentation = header.augmentation.model_dump()
    seed = augmentation.pop("seed")
    provenance = {**header.provenance, "seed": seed, "settings": {"store": "recipe", **augmentation}}
    probes = (pack.probe(epoch) for epoch in sorted(recipes))
    write_shard(
        places.epochs,
        recipes,
        lambda recipe: next(probes),
        False,
        header.dataset_digest,
        provenance,
        n_probe=len(pack.probe(0)),
    )
    logits = (pack.logits(epoch) for epoch in range(pack.n_epochs))
    layout = (pack.n_images, pack.n_classes, pack.dtype, members, header.targets.provenance)
    write_logits(places.targets, TARGETS_FORMAT, logits, digests, *layout)
    write_json(places.members, header.ensemble.model_dump(mode="json"))
    with written_whole(places.teachers) as temporary:
        temporary.write_bytes(pack.teachers())
    write_json(
        places.marker,
        {
            "format": SHARED_FORMAT,
            "pack": pack.digest,
            "dataset": header.dataset_digest,
            "n_epochs": pack.n_epochs,
            "n_images": pack.n_images,
        },
    )


def main(argv=None):
    parser = stage_parser(__doc__, STAGE)
    parser.add_argument("--pack", required=True, help="file made by `mimic pack`")
    parser.add_argument("--digest", nargs="?", help="refuse a pack with another digest")
    parser.add_argument(
        "--dataset", nargs="?", help="refuse a pack of another dataset.h5 than this, if it exists"
    )
    parser.add_argument("--folder", required=True, type=Path, help="folder to write")
    args = parser.parse_args(argv)
    with open_pack(args.pack) as pack:
        if args.digest is not None and pack.digest != args.digest:
            raise InputError(
                f"{args.pack}: expected digest {args.digest}, got {pack.digest}; "
                f"get the pack again, or set shared.digest"
            )
        pack.verify()
        check_dataset(pack, args.dataset)
        unpack_targets(pack, Unpacked(args.folder))


if __name__ == "__main__":
    sys.exit(run_stage(main))
