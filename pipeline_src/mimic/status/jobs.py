"""The jobs that the workflow has for a config: their names, outputs and logs, without Snakemake.

The same names as in ``workflow/rules`` (a test compares both): `mimic status` must answer at once, and
Snakemake needs seconds to plan.
"""

from dataclasses import dataclass

from mimic.shared.places import Unpacked
from mimic.students.families import group_of, studies_of

STEPS = ("data", "teachers", "ensemble", "epochs", "logits", "shared", "students", "report")
#: Of a trial; the metrics are written last.
TRIAL_FILES = ("history.csv", "weights.safetensors", "predictions.h5", "metrics.json")


@dataclass(frozen=True, eq=False)  # a key of dicts, thousands of times: told apart by identity
class Job:
    """One job of the workflow.

    Parameters
    ----------
    step, rule : str
    name : str
        What tells it from others of its rule, such as ``cnn2-1M 007``; may be empty.
    outputs : tuple of str
        Paths as the rules name them, beginning with the config's ``output``.
    log : str
        Likewise; empty where it is not known yet which job it will be.
    """

    step: str
    rule: str
    name: str
    outputs: tuple
    log: str

    def title(self):
        """``train_student cnn2-1M 007``."""
        return f"{self.rule} {self.name}".rstrip()


@dataclass(frozen=True)
class Search:
    """The teachers or one study: what is searched in rounds.

    Parameters
    ----------
    name : str
        ``teachers`` or the study's name.
    settings : mimic.config.search.SearchSettings
    trials : list of Job
        By trial number.
    study : mimic.students.families.Study or None
        None for the teachers.
    """

    name: str
    settings: object
    trials: list
    study: object = None

    def metrics(self, trial):
        """Path of a trial's ``metrics.json``, as the rules name it."""
        return self.trials[trial].outputs[-1]


@dataclass(frozen=True)
class Plan:
    """All jobs of a config, whether or not they are done; the searches' trials are among them."""

    jobs: list
    searches: list


def plan_of(config, is_shared, members=None):
    """The jobs of the default target, and those before them.

    Parameters
    ----------
    config : mimic.config.whole.Config
    is_shared : bool
        Students learn from an unpacked file's targets; there are no teachers then.
    members : list of int, optional
        Trials of the ensemble; without them it is not known yet whose logits will be recorded.

    Returns
    -------
    Plan
    """
    out = config.output
    unpacked = Unpacked.in_results(out)
    dataset = str(unpacked.dataset) if is_shared else f"{out}/data/dataset.h5"
    jobs = [_single(out, "data", "prepare_dataset", dataset)]
    searches = []
    if is_shared:
        jobs.append(_single(out, "shared", "unpack_targets", *map(str, unpacked.all())))
    else:
        teachers = _search(out, "teachers", "teachers", config.teachers.search)
        searches.append(teachers)
        jobs += _proposals(out, "teachers", "teachers", config.teachers.search) + teachers.trials
        jobs.append(_single(out, "ensemble", "select_ensemble", f"{out}/ensemble/members.json"))
        for shard in range(config.epochs.n_shards()):
            jobs.append(_numbered(out, "epochs", "generate_epochs", f"{shard:02d}", f"{out}/epochs"))
        jobs += _recordings(out, config.ensemble.n_members, members)
        jobs.append(_single(out, "logits", "average_logits", f"{out}/logits/targets.h5"))
    for study in studies_of(config.students):
        settings = group_of(config.students, study).search
        search = _search(out, "students", f"students/{study.name}", settings, study)
        searches.append(search)
        jobs += _proposals(out, "students", f"students/{study.name}", settings) + search.trials
    return Plan(jobs + _report(out, searches), searches)


def _single(out, step, rule, *outputs):
    return Job(step, rule, "", outputs, f"{out}/logs/{rule}.log")


def _numbered(out, step, rule, name, folder):
    return Job(step, rule, name, (f"{folder}/{name}.h5",), f"{out}/logs/{rule}/{name}.log")


def _recordings(out, n_members, members):
    """A job a member; nameless ones, which wait, before the ensemble is selected."""
    if members is None:
        return [Job("logits", "record_logits", "", (), "") for _ in range(n_members)]
    folder = f"{out}/logits/members"
    return [_numbered(out, "logits", "record_logits", f"{trial:03d}", folder) for trial in members]


def _log_folder(out, rule, folder):
    """Teachers' logs lie in the rule's folder, students' in one a study below it."""
    return f"{out}/logs/{rule}" + folder.removeprefix("students").removeprefix("teachers")


def _names(folder, number):
    return f"{folder.removeprefix('students/')} {number}" if folder != "teachers" else number


def _proposals(out, step, folder, settings):
    rule = "propose_teachers" if step == "teachers" else "propose_students"
    logs = _log_folder(out, rule, folder)
    return [
        Job(
            step,
            rule,
            _names(folder, f"{number:02d}"),
            (f"{out}/{folder}/round-{number:02d}/proposals.json",),
            f"{logs}/{number:02d}.log",
        )
        for number in range(settings.n_rounds())
    ]


def _search(out, step, folder, settings, study=None):
    rule = "train_teacher" if step == "teachers" else "train_student"
    logs, trials = _log_folder(out, rule, folder), []
    for number in range(settings.trials):
        place = f"{out}/{folder}/trials/{number:03d}/"
        outputs = tuple([place + file for file in TRIAL_FILES])
        trials.append(Job(step, rule, _names(folder, f"{number:03d}"), outputs, f"{logs}/{number:03d}.log"))
    return Search(study.name if study else "teachers", settings, trials, study)


def _report(out, searches):
    jobs = []
    for search in searches:
        folder = f"students/{search.name}" if search.study else "teachers"
        log = f"{out}/logs/tabulate_trials/{folder}.log"
        jobs.append(Job("report", "tabulate_trials", search.name, (f"{out}/{folder}/trials.csv",), log))
    for table in ("table1", "table2"):
        files = (f"{out}/{table}.csv", f"{out}/{table}_long.csv")
        jobs.append(_single(out, "report", f"tabulate_{table}", *files))
    for figure in ("figure1", "figure2"):
        files = (f"{out}/{figure}.{suffix}" for suffix in ("png", "svg", "csv"))
        jobs.append(_single(out, "report", f"plot_{figure}", *files))
    jobs.append(_single(out, "report", "publish_report", f"{out}/report.html"))
    return jobs
