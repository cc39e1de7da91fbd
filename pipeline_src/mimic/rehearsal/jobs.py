"""A run's jobs and who waits for whom, from the config alone: what Snakemake plans, without Snakemake.

A rehearsal is of a whole, fresh run. One thing is known here that Snakemake's plan does not show: the jobs
behind the checkpoint `select_ensemble`, one `record_logits` a member. Which trials become members is unknown
before the run: they are taken to be the first ones.
"""

from dataclasses import dataclass

from mimic.cli import InputError
from mimic.students.families import group_of, studies_of

#: What a run may be asked for, as the rule that makes it.
TARGETS = {
    "all": "all",
    "table1": "tabulate_table1",
    "table2": "tabulate_table2",
    "figure1": "plot_figure1",
    "figure2": "plot_figure2",
    "report": "publish_report",
}
TEACHERS = "teachers"
#: All rules of the workflow.
RULES = (
    *("unpack_targets", "prepare_dataset", "propose_teachers", "train_teacher", "select_ensemble"),
    *("generate_epochs", "record_logits", "average_logits", "propose_students", "train_student"),
    *("tabulate_trials", *TARGETS.values()),
)


@dataclass(frozen=True)
class Job:
    """One job of the plan.

    Parameters
    ----------
    rule : str
    study : str
        ``teachers``, the name of a students' study, or empty where the rule has none.
    number : int or None
        Trial, round or shard; None where the rule has none.
    round : int or None
        Of a trial or proposal.
    needs : tuple of int
        Jobs, by their places in the list, that must be finished before.
    """

    rule: str
    study: str = ""
    number: int | None = None
    round: int | None = None
    needs: tuple = ()

    @property
    def key(self):
        """What tells the job from all others of the run, whatever the plan's order."""
        return self.rule, self.study, self.number


@dataclass(frozen=True)
class Cost:
    """Seconds of a job's stage: its start, which each attempt repeats, and its work."""

    start: float
    work: float


def with_round_size(config, round_size):
    """The config with another number of trials a later round, in all searches; the first round stays."""
    values = config.model_dump()
    sections = (values["teachers"], values["students"], values["students"]["hard_label"])
    for section in sections:
        section["search"]["round_size"] = round_size
    return type(config).model_validate(values)


def jobs_of(config, target="all", shared=False, barriers=True):
    """All jobs of a run.

    Parameters
    ----------
    config : mimic.config.whole.Config
    target : str
        A key of `TARGETS`.
    shared : bool
        Students learn from another run's targets, which lie unpacked or are unpacked by a job of the run.
    barriers : bool
        False: a round of a search does not wait for the rounds before it. No such run exists; it shows what
        the rounds cost.

    Returns
    -------
    list of Job
        Each after all that it needs.

    Raises
    ------
    InputError
        If there is no such target.
    """
    if target not in TARGETS:
        raise InputError(f"target: expected one of {', '.join(TARGETS)}, got {target!r}")
    plan = _Plan(config, shared or config.shared.pack is not None, barriers)
    plan.add_all()
    return _needed(plan.jobs, plan.index[TARGETS[target], "", None])


class _Plan:
    """Jobs in the order in which they are added, and where each is."""

    def __init__(self, config, shared, barriers):
        self.config, self.shared, self.barriers = config, shared, barriers
        self.jobs, self.index = [], {}

    def add(self, rule, study="", number=None, needs=(), round_index=None):
        job = Job(rule, study, number, round_index, tuple(needs))
        self.index[job.key] = len(self.jobs)
        self.jobs.append(job)
        return self.index[job.key]

    def add_all(self):
        unpacked = [self.add("unpack_targets")] if self.config.shared.pack is not None else []
        dataset = self.add("prepare_dataset", needs=unpacked)
        if self.shared:
            epochs = targets = members = teachers = unpacked
        else:
            trials = self.add_search("teachers", self.config.teachers.search, [dataset])
            members = [self.add("select_ensemble", needs=[dataset, *trials])]
            shards = range(self.config.epochs.n_shards())
            epochs = [self.add("generate_epochs", number=shard, needs=[dataset]) for shard in shards]
            targets = [self.add_logits(dataset, trials, members, epochs)]
            teachers = [self.add("tabulate_trials", TEACHERS, needs=trials)]
        tables = {False: [], True: []}
        for study in studies_of(self.config.students):
            needs = [dataset, *epochs, *([] if study.hard_label else targets)]
            search = group_of(self.config.students, study).search
            trials = self.add_search("students", search, needs, study.name)
            tables[study.hard_label].append(self.add("tabulate_trials", study.name, needs=trials))
        compared = [*tables[True], *teachers, *members]
        report = [
            self.add("tabulate_table1", needs=compared),
            self.add("tabulate_table2", needs=tables[False]),
            self.add("plot_figure1", needs=[*tables[False], *compared]),
            self.add("plot_figure2", needs=tables[False]),
        ]
        shown = [dataset, *epochs[:1], *targets, *tables[False], *compared]
        report.append(self.add("publish_report", needs=list(dict.fromkeys(shown))))
        self.add("all", needs=report)

    def add_search(self, step, search, needs, study=TEACHERS):
        """Rounds of proposals and trials; returns the trials."""
        trained = "train_teacher" if step == "teachers" else "train_student"
        trials = []
        for number in range(search.n_rounds()):
            earlier = tuple(trials) if self.barriers else ()
            proposed = self.add(f"propose_{step}", study, number, earlier, number)
            for trial in search.trials_of_round(number):
                trials.append(self.add(trained, study, trial, [proposed, *needs], number))
        return trials

    def add_logits(self, dataset, trials, members, epochs):
        """The members' logits and their mean; returns the mean."""
        recorded = [
            self.add("record_logits", number=trial, needs=[dataset, *epochs, trials[trial], *members])
            for trial in range(self.config.ensemble.n_members)
        ]
        return self.add("average_logits", needs=[*members, *recorded])


def _needed(jobs, target):
    """The target and what it needs, directly or not, in the same order."""
    wanted, stack = {target}, [target]
    while stack:
        for need in jobs[stack.pop()].needs:
            if need not in wanted:
                wanted.add(need)
                stack.append(need)
    kept = sorted(wanted)
    place = {old: new for new, old in enumerate(kept)}
    return [
        Job(job.rule, job.study, job.number, job.round, tuple(place[need] for need in job.needs))
        for job in (jobs[old] for old in kept)
    ]


def longest_path(jobs, seconds):
    """Seconds of the longest chain of jobs of which each waits for the one before.

    Parameters
    ----------
    jobs : list of Job
    seconds : sequence of float
        Of each job.
    """
    ends = []
    for job, duration in zip(jobs, seconds, strict=True):
        ends.append(duration + max((ends[need] for need in job.needs), default=0.0))
    return max(ends, default=0.0)
