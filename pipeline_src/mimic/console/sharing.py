"""``mimic pack`` and ``mimic unpack``: a run's targets, for students without teachers."""

import glob
import shutil
from pathlib import Path

from mimic.cli import InputError
from mimic.ensemble.store import read_members
from mimic.epochs.store import select_shards
from mimic.logits.store import TARGETS_FORMAT, read_epoch_digests
from mimic.report.members import read_ensemble
from mimic.report.trials import read_metrics, read_teachers
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

    Raises
    ------
    InputError
        If a part is missing, or is not that of the same ensemble as the others.
    """
    folder, shared = Path(results), Unpacked.in_results(results)
    if not folder.is_dir():
        raise InputError(
            f"{results}: no such folder (expected results); give the config's `output` by --results"
        )
    if Path(out).exists():
        raise InputError(f"{out}: exists already; nothing is overwritten: give another name by --out")
    if shared.marker.exists():
        parts = (shared.dataset, shared.targets, shared.members, shared.teachers)
        weights, shards = [], [shared.epochs]
    else:
        parts = (
            folder / "data" / "dataset.h5",
            folder / "logits" / "targets.h5",
            folder / "ensemble" / "members.json",
            folder / "teachers" / "trials.csv",
        )
        shards = sorted(glob.glob(f"{glob.escape(str(folder))}/epochs/*.h5"))
    for path in parts:
        if not path.is_file():
            raise InputError(f"{path}: no such file; make it first: snakemake --cores all {path}")
    dataset, targets, members, teachers = parts
    if not shared.marker.exists():
        weights = _weights_of(folder, members, teachers)
    read_ensemble(members, read_teachers(teachers))
    shards = select_shards(shards, len(read_epoch_digests(targets, TARGETS_FORMAT)[0]))
    options = ["--dataset", str(dataset), "--epochs", *map(str, shards), "--targets", str(targets)]
    options += ["--members", str(members), "--teachers", str(teachers), "--weights", *map(str, weights)]
    pack_targets([*options, "--pack", str(out), *(["--recipes"] if with_recipes else [])])
    print(f"{out}: {Path(out).stat().st_size:,} bytes; `mimic inspect {out}` shows its digest")


def _weights_of(folder, members, teachers):
    """Weights of the members; refuses a table of teachers that is older than they are."""
    table = read_teachers(teachers).set_index("trial")
    weights = []
    for trial in read_members(members):
        place = folder / "teachers" / "trials" / f"{trial:03d}"
        metrics = read_metrics(place / "metrics.json")
        if trial not in table.index or table.loc[trial, "test_accuracy"] != metrics.test_accuracy:
            raise InputError(
                f"{teachers}: is not of the teachers at hand (trial {trial}); make it again first: "
                f"snakemake --cores all {teachers}"
            )
        weights.append(place / "weights.safetensors")
    return weights


def unpack(path, results):
    """Lay out a pack in a results folder, whole or not at all.

    Parameters
    ----------
    path : path
    results : path
        The config's ``output``.

    Raises
    ------
    InputError
        If something is there already, or the pack does not fit.
    """
    places = Unpacked.in_results(results)
    if places.folder.exists():
        raise InputError(f"{places.folder}: exists already; nothing is overwritten: remove it first")
    part = Unpacked(places.folder.with_name(".shared.part"))
    shutil.rmtree(part.folder, ignore_errors=True)  # of an attempt that was killed
    try:
        options = ["--pack", str(path), "--dataset", str(Path(results) / "data" / "dataset.h5")]
        unpack_targets([*options, "--folder", str(part.folder)])
        read_ensemble(part.members, read_teachers(part.teachers))
        part.folder.rename(places.folder)
    finally:
        shutil.rmtree(part.folder, ignore_errors=True)
    print(f"{places.folder}: students of {results} now learn from these targets; remove it to go back")
