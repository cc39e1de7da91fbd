"""``mimic pack`` and ``mimic unpack``: a run's targets, for students without teachers."""

import glob
from pathlib import Path

from mimic.cli import InputError
from mimic.shared.pack_targets import main as pack_targets
from mimic.shared.places import Unpacked
from mimic.shared.unpack_targets import main as unpack_targets


def pack(results, out, with_recipes):
    """Pack the targets of a results folder.

    Parameters
    ----------
    results : path
    out : path
        File to write; must not exist.
    with_recipes : bool
    """
    folder, shared = Path(results), Unpacked.in_results(results)
    if not folder.is_dir():
        raise InputError(f"{results}: no such folder (expected results)")
    if shared.marker.exists():
        shards, targets = [str(shared.epochs)], shared.targets
        members, teachers = shared.members, shared.teachers
    else:
        shards = sorted(glob.glob(f"{glob.escape(str(folder))}/epochs/*.h5"))
        targets, members = folder / "logits" / "targets.h5", folder / "ensemble" / "members.json"
        teachers = folder / "teachers" / "trials.csv"
    for path in (targets, members, teachers):
        if not path.is_file():
            raise InputError(f"{path}: no such file; make it first: snakemake --cores all {path}")
    if Path(out).exists():
        raise InputError(f"{out}: exists already; nothing is overwritten")
    options = ["--dataset", str(folder / "data" / "dataset.h5"), "--epochs", *shards]
    options += ["--targets", str(targets), "--members", str(members), "--teachers", str(teachers)]
    pack_targets([*options, "--pack", str(out), *(["--recipes"] if with_recipes else [])])
    print(f"{out}: {Path(out).stat().st_size:,} bytes; `mimic inspect {out}` shows its digest")


def unpack(path, results):
    """Lay out a pack in a results folder.

    Parameters
    ----------
    path : path
    results : path
        The config's ``output``.
    """
    places = Unpacked.in_results(results)
    for place in places.all():
        if place.exists():
            raise InputError(f"{place}: exists already; nothing is overwritten: remove {places.folder} first")
    options = ["--pack", str(path), "--dataset", str(Path(results) / "data" / "dataset.h5")]
    unpack_targets([*options, "--folder", str(places.folder)])
    print(f"{places.folder}: students of {results} now learn from these targets; remove it to go back")
