"""Shards of a folder as the rule makes them, for tests."""

import json

from mimic.win.cache_images import main
from mimic.win.listing import PARTS, list_folder
from mimic.win.shards import shard_name


def shard_arguments(folder, out, part, number, per_shard=7, size=48, **changed):
    """Command line of a shard's job."""
    listing = list_folder(folder)
    pieces = listing.pieces(part, number * per_shard, (number + 1) * per_shard)
    settings = {
        "part": part,
        "first_row": number * per_shard,
        "pieces": [(piece.label, piece.name, piece.first, piece.stop) for piece in pieces],
        "files": listing.digest_of(part, pieces),
        "listing": listing.digest(),
        "n_part": listing.n_images(part),
        "n_classes": listing.n_classes,
        "cache_size": size,
        **changed,
    }
    shard = str(out / shard_name(part, number))
    return ["--settings", json.dumps(settings), "--images", str(folder), "--shard", shard]


def cache(folder, out, per_shard=7, size=48, threads=2):
    """Write all shards of a folder; returns their folder."""
    listing = list_folder(folder)
    for part in PARTS:
        for number in range(-(-listing.n_images(part) // per_shard)):
            main([*shard_arguments(folder, out, part, number, per_shard, size), "--threads", str(threads)])
    return out
