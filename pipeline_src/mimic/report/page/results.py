"""What a run has left so far, read for the page: all of it, or as much as there is.

Which files there are is what the config says, so that no name in a folder is believed. A file that is not
there yet is left out; one that cannot be read is left out and named, or ends the stage where `strict`.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from mimic.cli import InputError
from mimic.config.families import CNN_FAMILIES
from mimic.config.whole import Config
from mimic.report.members import Ensemble, read_ensemble
from mimic.report.page.histories import read_history
from mimic.report.trials import read_metrics, read_teachers, trials_frame

TEACHERS = "teachers"


@dataclass(frozen=True)
class Study:
    """The teachers, or one study of the students.

    Parameters
    ----------
    name : str
    family, budget : str or None
        None for the teachers.
    is_hard : bool
        Trained on hard labels.
    n_planned : int
        Trials of the config.
    trials : DataFrame or None
        See `mimic.report.trials`; None before one has ended.
    histories : dict of int to mimic.report.page.histories.History
        By trial.
    devices : dict of int to str
        What each trial was trained on.
    """

    name: str
    family: str | None
    budget: str | None
    is_hard: bool
    n_planned: int
    trials: pd.DataFrame | None
    histories: dict
    devices: dict

    @property
    def n_trials(self):
        """Trials that have ended, finished or diverged."""
        return 0 if self.trials is None else len(self.trials)


@dataclass(frozen=True)
class Results:
    """What a run has left so far.

    Parameters
    ----------
    config : mimic.config.whole.Config
    places : Places
    teachers : Study
    students : tuple of Study
        Those that mimic, then those that learn from hard labels.
    ensemble : mimic.report.members.Ensemble or None
    problems : list of str
        A line for each file that could not be read.
    """

    config: Config
    places: "Places"
    teachers: Study
    students: tuple
    ensemble: Ensemble | None
    problems: list = field(default_factory=list)

    def studies(self, is_hard=False):
        """Trials of the students' studies of one kind that have any, by family and budget."""
        return {
            (study.family, study.budget): study.trials
            for study in self.students
            if study.is_hard == is_hard and study.trials is not None
        }

    @property
    def n_planned(self):
        """Trials of the config; those of the teachers only where there are any to train."""
        return sum(study.n_planned for study in self.all_studies())

    @property
    def n_trials(self):
        """Trials that have ended."""
        return sum(study.n_trials for study in self.all_studies())

    @property
    def is_complete(self):
        """Whether every trial has ended and the ensemble is known."""
        return self.n_trials == self.n_planned and self.ensemble is not None

    @property
    def is_empty(self):
        """Whether no trial has ended, and no images are prepared."""
        return not self.n_trials and self.teachers.trials is None and not self.places.dataset.exists()

    def all_studies(self):
        """Teachers, where the run trains them, and students."""
        return self.students if self.places.is_shared else (self.teachers, *self.students)


@dataclass(frozen=True)
class Places:
    """Where a run's files lie; from `mimic.report.page.results.places_of`."""

    folder: Path
    is_shared: bool

    @property
    def dataset(self):
        """The images."""
        return self.folder / ("shared" if self.is_shared else "data") / "dataset.h5"

    @property
    def members(self):
        """The ensemble."""
        return self.folder / ("shared" if self.is_shared else "ensemble") / "members.json"

    @property
    def targets(self):
        """The ensemble's logits."""
        return self.folder / ("shared" if self.is_shared else "logits") / "targets.h5"

    @property
    def teachers(self):
        """Teachers of another run, all in one table."""
        return self.folder / "shared" / "teachers.csv"

    def epochs(self, config):
        """Shards of the stored epochs."""
        if self.is_shared:
            return [self.folder / "shared" / "epochs.h5"]
        return [self.folder / "epochs" / f"{shard:02d}.h5" for shard in range(config.epochs.n_shards())]

    def trial(self, study, trial, file):
        """A file of a trial."""
        parent = self.folder if study == TEACHERS else self.folder / "students"
        return parent / study / "trials" / f"{trial:03d}" / file


def places_of(folder, config):
    """Places of a run: with another run's targets where these were unpacked or the config names them."""
    folder = Path(folder)
    is_shared = config.shared.pack is not None or (folder / "shared" / "pack.json").exists()
    return Places(folder, is_shared)


class Reading:
    """Reads files that may not be there.

    Parameters
    ----------
    strict : bool
        End with an error where a file cannot be read; else note it in `problems` and do without.
    """

    def __init__(self, strict):
        self.strict, self.problems = strict, []

    def read(self, reader, path, *arguments):
        """What a reader makes of a file; None where it is not there or cannot be read."""
        try:
            if not Path(path).exists():
                return None
            return reader(path, *arguments)
        except (InputError, OSError) as error:
            if self.strict:
                raise
            self.problems.append(str(error))
            return None


def read_results(folder, config, strict=True):
    """Trials and ensemble of a run.

    Parameters
    ----------
    folder : path
        The config's ``output``.
    config : mimic.config.whole.Config
    strict : bool
        See `Reading`.

    Returns
    -------
    Results

    Raises
    ------
    InputError
        In one line, where a file cannot be read and `strict` is set.
    """
    places, reading = places_of(folder, config), Reading(strict)
    if places.is_shared:
        frame = reading.read(read_teachers, places.teachers)
        teachers = Study(TEACHERS, None, None, False, 0, frame, {}, {})
    else:
        n_trials = config.teachers.search.trials
        teachers = _read_study(reading, places, TEACHERS, None, None, False, n_trials)
    students = []
    for is_hard in (False, True):
        group = config.students.hard_label if is_hard else config.students
        for family in group.families:
            for budget in group.budgets:
                name = f"{family}-{budget}" + ("-hard" if is_hard else "")
                parts = (name, family, budget, is_hard, group.search.trials)
                students.append(_read_study(reading, places, *parts))
    ensemble = None
    if teachers.trials is not None:
        ensemble = reading.read(read_ensemble, places.members, teachers.trials)
    return Results(config, places, teachers, tuple(students), ensemble, reading.problems)


def no_results(folder, config):
    """A run of which nothing is read, for a page about another paper alone."""
    teachers = Study(TEACHERS, None, None, False, 0, None, {}, {})
    return Results(config, places_of(folder, config), teachers, (), None)


def _read_study(reading, places, name, family, budget, is_hard, n_planned):
    trials, histories = [], {}
    for number in range(n_planned):
        trial = reading.read(_read_trial, places.trial(name, number, "metrics.json"), name, number)
        if trial is None:
            continue
        trials.append(trial)
        history = reading.read(read_history, places.trial(name, number, "history.csv"))
        if history is not None:
            histories[number] = history
    frame = trials_frame(trials, name) if trials else None
    devices = {trial.trial: trial.device for trial in trials if trial.device}
    return Study(name, family, budget, is_hard, n_planned, frame, histories, devices)


def _read_trial(path, study, number):
    """A trial from the file of its own place."""
    trial = read_metrics(path)
    if (trial.study, trial.trial) != (study, number):
        raise InputError(f"{path}: expected trial {number} of {study}, found {trial.trial} of {trial.study}")
    if trial.family != "teacher":
        is_hard = trial.loss == "cross_entropy"
        expected = f"{trial.family}-{trial.budget}" + ("-hard" if is_hard else "")
        if study != expected or (is_hard and trial.family not in CNN_FAMILIES):
            raise InputError(f"{path}: a trial of {expected}, found in {study}")
    return trial
