"""How long each job of a run takes: drawn from measured times, or extrapolated from them.

Notation: a trial's work is W = multiply-adds x (3 n_train + n_validation) x epochs: forward, twice as much
backward, and a forward pass to validate. A measured trial of s seconds has the rate s / W; a study that was
not measured takes the rates of the nearest one that was (same family and loss, nearest budget; else the same
kind of net), times its own W. Small nets waste more of a device, so that such numbers show proportions, not
dates. Whatever was extrapolated is said in a note, and refused unless it is asked for.
"""

import math
from dataclasses import dataclass

import numpy as np

from mimic.cli import InputError
from mimic.models.architecture import count_multiply_adds
from mimic.rehearsal.jobs import RULES, TEACHERS, Cost
from mimic.rehearsal.measure import N_CLASSES, TRAINING_RULES
from mimic.rehearsal.times import facts_of, step_of
from mimic.search.space import Dimension
from mimic.seeding import numpy_generator
from mimic.students.families import parse_study, student_architecture, study_settings
from mimic.students.space import student_space
from mimic.teachers.space import teacher_of, teacher_space

#: Nets that are drawn from a search space to know its multiply-adds and their spread.
N_NETS = 16
SPREADS = ("resample", "lognormal", "replay")


@dataclass(frozen=True)
class Extrapolation:
    """How measured times become those of another run.

    Parameters
    ----------
    spread : str
        ``resample`` measured trials of the study, draw from a ``lognormal`` with their mean and standard
        deviation, or ``replay``: trial 3 takes as long as trial 3 took, where that was measured.
    scale : bool
        Extrapolate at all.
    speed : float
        How many times faster a GPU does the work of submitted jobs than what was measured.
    epochs : int or None
        That a trial trains for; else the same share of its maximum as measured. Only where extrapolated.
    given : dict of str to float
        Seconds of a job of a rule, in place of measured ones.
    """

    spread: str = "resample"
    scale: bool = False
    speed: float = 1.0
    epochs: int | None = None
    given: dict | None = None


def costs_of(jobs, config, times, how, cluster, seed):
    """Cost of every job.

    Parameters
    ----------
    jobs : list of mimic.rehearsal.jobs.Job
    config : mimic.config.whole.Config
    times : mimic.rehearsal.times.StageTimes
    how : Extrapolation
    cluster : mimic.rehearsal.cluster.ClusterSettings
        Says which rules run on GPUs.
    seed : int
        A trial's draw depends on it, the study and the trial alone, not on rounds or other jobs.

    Returns
    -------
    costs : list of mimic.rehearsal.jobs.Cost
    notes : list of str
        What was extrapolated or is not known, for the reader.

    Raises
    ------
    InputError
        If a time is missing and may not be, or cannot be, extrapolated.
    """
    unknown = sorted(set(how.given or {}) - set(RULES))
    if unknown:
        raise InputError(f"--seconds: {unknown[0]}: the workflow has no such rule")
    clock = _Clock(config, times, how, seed)
    costs = []
    for job in jobs:
        cost = clock.cost(job)
        if cluster.submits(job.rule, config):
            cost = Cost(cost.start, cost.work / how.speed)
        costs.append(cost)
    extrapolated = [*_told(clock.scaled), *clock.extrapolated]
    if extrapolated and not how.scale:
        others = f" (and {len(extrapolated) - 1} more)" if len(extrapolated) > 1 else ""
        raise InputError(f"--times: {extrapolated[0]}{others}; give --scale to extrapolate")
    return costs, [*extrapolated, *clock.notes]


def _told(scaled):
    """A line for the teachers and one for all students that differ as much from what was measured."""
    for (_, size), studies in scaled.items():
        factors = [factor for *_, factor in studies]
        low, high = f"{min(factors):.3g}", f"{max(factors):.3g}"
        names = [study if study == donor else f"{study} as {donor}" for study, donor, _ in studies]
        few = ", ".join(names) if len(names) < 4 else f"{names[0]}, ..., {names[-1]} ({len(names)} studies)"
        yield f"{few}: {low if low == high else f'{low} to {high}'} times the multiply-adds, {size}"


class _Clock:
    """Seconds of any job; keeps what it drew, and what it had to extrapolate."""

    def __init__(self, config, times, how, seed):
        self.config, self.times, self.how, self.seed = config, times, how, seed
        self.wanted, self.measured = facts_of(config), times.facts
        self.extrapolated, self.notes = {}, {}  # ordered sets
        self.scaled = {}  # (teachers or not, images and epochs) -> [(study, donor, multiply-adds)]
        self.drawn, self.nets = {}, {}

    def cost(self, job):
        given = (self.how.given or {}).get(job.rule)
        if given is not None:
            return Cost(0.0, given)
        if job.rule == "all":
            return Cost(0.0, 0.0)
        if job.rule in TRAINING_RULES:
            return Cost(self.start(job.rule), self.trial(job.study, job.number))
        return self.other(job)

    def start(self, rule):
        """Seconds before a training; those of the other training where only that was measured."""
        known = self.times.stage_start
        if not known:
            self.notes["stage starts were not measured: taken to be part of start_seconds"] = True
            return 0.0
        return known.get(rule, next(iter(known.values())))

    def trial(self, study, number):
        """Training seconds of a trial."""
        if study not in self.drawn:
            self.drawn[study] = self._draw(study)
        return float(self.drawn[study][number])

    def _draw(self, study):
        """Seconds of all trials of a study."""
        hard = study != TEACHERS and parse_study(study).hard_label
        step = step_of(study, hard)
        group = {
            "teachers": self.config.teachers,
            "students": self.config.students,
            "hard_label": self.config.students.hard_label,
        }[step]
        own = self.times.studies.get(study)
        donor = study if own else self._nearest(study, hard)
        trials = self.times.studies[donor]
        measured = bool(own) and self._is_as_measured(study, step)
        if measured:
            pool = np.array([trial.seconds for trial in trials])
        else:
            pool = self._extrapolate(study, step, donor, trials)
        generator = numpy_generator(self.seed, "rehearsal", study)
        n = group.search.trials
        if self.how.spread == "lognormal":
            variance = math.log1p(float(np.var(pool)) / float(np.mean(pool)) ** 2)
            normal = generator.standard_normal(n)
            return np.mean(pool) * np.exp(math.sqrt(variance) * normal - variance / 2)
        seconds = generator.choice(pool, n)
        if self.how.spread == "replay" and measured:
            for trial in trials:
                if trial.trial < n:
                    seconds[trial.trial] = trial.seconds
        return seconds

    def _is_as_measured(self, study, step):
        """Whether trials of a study train such nets on as many images and epochs as the measured ones did."""

        def sizes(facts):
            return facts.n_train, facts.n_validation, facts.max_epochs[step], facts.nets.get(study)

        return sizes(self.wanted) == sizes(self.measured)

    def _extrapolate(self, study, step, donor, trials):
        """Seconds that trials of a study may take: the donor's rates times this study's work."""
        wanted, measured = self.wanted, self.measured
        images = 3 * wanted.n_train + wanted.n_validation
        images_measured = 3 * measured.n_train + measured.n_validation
        donor_step = step_of(donor, donor != TEACHERS and parse_study(donor).hard_label)
        rates = [t.seconds / (t.multiply_adds * images_measured * t.epochs) for t in trials]
        share = np.mean([t.epochs for t in trials]) / measured.max_epochs[donor_step]
        epochs = self.how.epochs or max(1, round(share * wanted.max_epochs[step]))
        nets = self._multiply_adds(study)
        factor = np.mean(nets) / np.mean([t.multiply_adds for t in trials])
        size = (
            f"{images / images_measured:.3g} times the images, {epochs} epochs where "
            f"{np.mean([t.epochs for t in trials]):.3g} were measured"
        )
        self.scaled.setdefault((study == TEACHERS, size), []).append((study, donor, float(factor)))
        return np.array([rate * net * images * epochs for rate in rates for net in nets])

    def _nearest(self, study, hard):
        """The measured study whose rates come nearest."""
        if study == TEACHERS:
            raise InputError("--times: expected times of teachers, found none")
        wanted = parse_study(study)

        def distance(name):
            found = parse_study(name)
            budgets = abs(math.log(found.budget / wanted.budget))
            kind = found.family[:3] != wanted.family[:3]
            return (kind, found.family != wanted.family, found.hard_label != hard, budgets, name)

        names = [name for name in self.times.studies if name != TEACHERS]
        if not names:
            raise InputError(f"--times: expected times of students such as {study}, found none")
        return min(names, key=distance)

    def _multiply_adds(self, study):
        """Multiply-adds of nets drawn uniformly from a study's search space."""
        if study not in self.nets:
            generator = numpy_generator(self.seed, "rehearsal", "nets", study)
            if study == TEACHERS:
                dimensions = teacher_space(self.config.teachers.search_space)
                self.nets[study] = [
                    count_multiply_adds(teacher_of(_point(dimensions, generator), N_CLASSES))
                    for _ in range(N_NETS)
                ]
            else:
                of, students = parse_study(study), self.config.students
                space = (students.hard_label if of.hard_label else students).search_space
                dimensions, settings = student_space(of, space), study_settings(students, of)
                self.nets[study] = [
                    count_multiply_adds(
                        student_architecture(of, settings, _point(dimensions, generator), N_CLASSES)
                    )
                    for _ in range(N_NETS)
                ]
        return self.nets[study]

    def other(self, job):
        """Cost of a job that trains nothing."""
        name, factor, start = self._measured_as(job)
        seconds = self.times.rules[name]
        generator = numpy_generator(self.seed, "rehearsal", *job.key)
        found = float(generator.choice(seconds))
        if not math.isclose(factor, 1.0):
            self.extrapolated[f"{job.rule}: {factor:.3g} times the measured size"] = True
        start = min(start, *seconds)
        return Cost(start, (found - start) * factor)

    def _measured_as(self, job):
        """Name of the times to use, how many times larger the job is, and the start that stays the same."""
        wanted, measured, rule = self.wanted, self.measured, job.rule
        name, factor, start = rule, 1.0, 0.0
        if rule.startswith("propose_"):
            return self._proposal(job)
        if rule == "prepare_dataset":
            factor = _images(wanted) / _images(measured)
        elif rule == "select_ensemble":
            factor = wanted.n_teachers * (wanted.n_validation + wanted.n_test)
            factor /= measured.n_teachers * (measured.n_validation + measured.n_test)
        elif rule == "average_logits":
            factor = wanted.n_members * _views(wanted) / (measured.n_members * _views(measured))
        elif rule == "record_logits":
            factor, start = self._teachers_factor() * _views(wanted) / _views(measured), self.start(rule)
        elif rule == "generate_epochs":
            epochs = len(self.config.epochs.epochs_of_shard(job.number))
            shard = min(measured.shard_size, measured.n_epochs)
            factor, start = epochs * wanted.n_train / (shard * measured.n_train), self.start(rule)
            if (wanted.store, measured.store) == ("pixels", "recipe"):
                self.extrapolated[
                    f"{rule}: pixels were not rendered in the measured run, so that this is too little"
                ] = True
        if name not in self.times.rules:
            raise InputError(f"--times: no time of {rule}; give --seconds {rule}=SECONDS")
        return name, factor, start

    def _proposal(self, job):
        """As `_measured_as`, for a round's proposals."""
        kinds = ["first"] if job.round == 0 else ["later", "first"]
        for kind in kinds:
            for rule in (job.rule, "propose_teachers", "propose_students"):
                name = f"{rule} {kind}"
                if name in self.times.rules:
                    if name != f"{job.rule} {kinds[0]}":
                        self.notes[f"{job.rule}, {kinds[0]} rounds: not measured; as {name}"] = True
                    return name, 1.0, 0.0
        raise InputError(f"--times: no time of {job.rule}; give --seconds {job.rule}=SECONDS")

    def _teachers_factor(self):
        """How many times more multiply-adds a member has than a measured one."""
        trials = self.times.studies.get(TEACHERS)
        if not trials or self.wanted.nets[TEACHERS] == self.measured.nets.get(TEACHERS):
            return 1.0
        return float(np.mean(self._multiply_adds(TEACHERS)) / np.mean([t.multiply_adds for t in trials]))


def _point(dimensions, generator):
    """A point of a search space, uniform between the ends or between their logarithms."""
    return {item.name: Dimension.from_unit(item, generator.random()) for item in dimensions}


def _images(facts):
    return facts.n_train + facts.n_validation + facts.n_test


def _views(facts):
    return facts.n_epochs * facts.n_train
