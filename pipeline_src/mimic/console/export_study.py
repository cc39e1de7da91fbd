"""``mimic export-study``: a study's finished trials as an Optuna study in SQLite, for optuna-dashboard.

The results' files stay the database; this is a copy to look at, rebuilt as ``propose_...`` rebuilds a study.
A diverged trial is failed there (to the search it is as good as the worst), and Optuna numbers the trials
anew: their own numbers are the attribute ``trial``.
"""

import datetime
import os
import shutil
import sqlite3
import tempfile
import warnings
from contextlib import closing
from pathlib import Path

from mimic.artifact import written_whole
from mimic.cli import InputError
from mimic.console.overlays import merged_config, outputs_of_presets
from mimic.console.trial_folders import check_study, finished_trials
from mimic.search.propose import check_finished, distributions_of
from mimic.search.rounds import FinishedTrial
from mimic.students.families import group_of, parse_study
from mimic.students.space import student_space
from mimic.teachers.space import teacher_space

#: Of a trial's metrics; they become attributes in Optuna.
ATTRIBUTES = (
    *("trial", "round", "status", "test_accuracy", "validation_loss", "n_parameters", "seconds"),
    *("architecture", "epochs", "best_epoch", "loss", "family", "budget"),
)
_SQLITE = b"SQLite format 3\0"


def export(study, sqlite, results, configs):
    """Copy a study.

    Parameters
    ----------
    study : str
        ``teachers`` or a student study's name.
    sqlite : path
        Database to write; one that Optuna wrote gets one study more.
    results : path or None
        None for the config's ``output``.
    configs : sequence of path
        A whole config, and overlays upon it: they tell the ranges of the search.

    Raises
    ------
    InputError
        In one line: an unknown study, a damaged file, a trial outside the ranges, a database that has it.
    """
    config, folder = _config_of(results, configs)
    check_study(folder, study)
    check_database(sqlite, study)
    space = _space_of(config, study)
    found = finished_trials(folder, study)
    if not found:
        raise InputError(f"{folder}: no trial of {study} has ended yet; `mimic status` shows the run")
    try:
        check_finished(space, [_as_finished(trial.metrics) for trial in found])
    except InputError as error:
        raise InputError(
            f"{folder}: study {study}: {error}; give the overlay of this run by --configfile"
        ) from None
    distributions = distributions_of(space)
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch, "copy.db")  # a name that an address of SQLAlchemy can hold
        if Path(sqlite).exists():
            with closing(sqlite3.connect(sqlite)) as old, closing(sqlite3.connect(copy)) as new:
                old.backup(new)
        _add_study(copy, study, [optuna_trial(trial, distributions) for trial in found], str(folder))
        with written_whole(sqlite) as temporary:
            shutil.copyfile(copy, temporary)
    print(f"{sqlite}: study {study}, {len(found)} trials; look at it: optuna-dashboard sqlite:///{sqlite}")


def _config_of(results, configs):
    """The config, and the results folder; a preset that writes to it is taken where no overlay is given."""
    config = merged_config(configs)
    if results is None or len(configs) > 1 or os.path.normpath(results) == config.output:
        return config, Path(results or config.output)
    overlay = outputs_of_presets(Path(configs[0]).parent).get(os.path.normpath(results))
    if overlay is None:
        raise InputError(
            f"{results}: {configs[0]} writes to {config.output}; give the overlay of this run by --configfile"
        )
    print(f"ranges of the search: {overlay}, which writes to {os.path.normpath(results)}")
    return merged_config([*configs, overlay]), Path(results)


def _space_of(config, study):
    """Search space of a study, as its ``propose_...`` has it."""
    if study == "teachers":
        return teacher_space(config.teachers.search_space)
    parsed = parse_study(study)
    return student_space(parsed, group_of(config.students, parsed).search_space)


def _as_finished(metrics):
    return FinishedTrial(metrics.trial, metrics.hyperparameters, metrics.validation_accuracy)


def optuna_trial(trial, distributions):
    """A trial as Optuna keeps it: state, value, parameters with their ranges, accuracy by epoch, times.

    Parameters
    ----------
    trial : mimic.console.trial_folders.FinishedFolder
    distributions : dict of str to optuna.distributions.BaseDistribution

    Returns
    -------
    optuna.trial.FrozenTrial
    """
    from optuna.trial import TrialState, create_trial

    metrics = trial.metrics
    finished = metrics.status == "finished"
    frozen = create_trial(
        state=TrialState.COMPLETE if finished else TrialState.FAIL,
        value=metrics.validation_accuracy if finished else None,
        params={name: metrics.hyperparameters[name] for name in distributions},
        distributions=distributions,
        user_attrs={name: getattr(metrics, name) for name in ATTRIBUTES},
        intermediate_values={row["epoch"]: row["validation_accuracy"] for row in trial.history},
    )
    ended = datetime.datetime.fromtimestamp(trial.ended)
    frozen.datetime_complete = ended
    frozen.datetime_start = ended - datetime.timedelta(seconds=min(metrics.seconds, trial.ended))
    return frozen


def check_database(path, study):
    """Refuse what is there already and no database of Optuna's, or has the study.

    Raises
    ------
    InputError
    """
    if not os.path.lexists(path):
        return
    if not Path(path).is_file():
        raise InputError(f"{path}: expected a file; give another name by --sqlite")
    with open(path, "rb") as file:
        is_sqlite = file.read(len(_SQLITE)) == _SQLITE
    try:
        if not is_sqlite:
            raise sqlite3.DatabaseError
        address = f"{Path(path).resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as database:
            database.execute("SELECT schema_version FROM version_info").fetchall()
            names = {name for (name,) in database.execute("SELECT study_name FROM studies")}
    except sqlite3.Error:
        raise InputError(
            f"{path}: exists already and is no database of Optuna's; nothing is overwritten: "
            "give another name by --sqlite"
        ) from None
    if study in names:
        raise InputError(
            f"{path}: has a study {study} already; nothing is overwritten: give another name by --sqlite"
        )


def _add_study(database, name, trials, results):
    """Write a study into a database of Optuna's, which may be new."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(study_name=name, storage=f"sqlite:///{database}", direction="maximize")
    except RuntimeError as error:  # tables of another version of Optuna
        raise InputError(f"{' '.join(str(error).split())}; give another name by --sqlite") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(["validation_accuracy"])
    study.set_user_attr("results", results)
    study.add_trials(trials)
