"""The jobs that cache a folder's images for the third paper: how many there are, its shards say."""

import os

from mimic.cli import InputError
from mimic.sealed import open_sealed
from mimic.status.jobs import Job
from mimic.win import shards
from mimic.win.listing import PARTS

_MOST_SHARDS = 100_000  # of a part; one file's word must not fill the memory


def shard_jobs(config, files):
    """Jobs of rule ``cache_images``, known once the first shard of a part says how many images there are.

    To list the folder of images, as the rules do, would take long.
    """
    settings = config.win.folder
    if config.win.data.source != "imagenet" or not settings.cached:
        return []
    try:
        root = shards.cache_root(config.output, settings.cache_folder)
        with os.scandir(files.path(root)) as entries:
            ending = f"-{settings.cache_size}-{settings.images_per_shard}"
            found = [(entry.stat().st_mtime, entry.name) for entry in entries if entry.name.endswith(ending)]
    except (InputError, OSError):
        return []
    name = max(found, default=(0, ""))[1]  # the latest, where runs with other images share the folder
    jobs = []
    for part in PARTS if name else ():
        for number in range(_n_shards(files.path(f"{root}/{name}"), part, settings.images_per_shard)):
            shard = shards.shard_name(part, number)
            log = f"{config.output}/logs/cache_images/{name}-{shard.removesuffix('.h5')}.log"
            jobs.append(
                Job("win", "cache_images", shard.removesuffix(".h5"), (f"{root}/{name}/{shard}",), log)
            )
    return jobs


def _n_shards(folder, part, per_shard):
    """Shards of a part, as its first one says; none where it is not there or damaged."""
    try:
        with open_sealed(f"{folder}/{shards.shard_name(part, 0)}", shards.FORMAT, shards.VERSION) as file:
            n = -(-shards.read_header(file)["n_part"] // per_shard)
    except (InputError, OSError):
        return 0
    return n if n <= _MOST_SHARDS else 0
