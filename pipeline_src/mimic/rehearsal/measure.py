"""Read the times of a finished run.

Of a trial, ``metrics.json`` tells the seconds of training and the epochs. Whole jobs are told by Snakemake's
records (``.snakemake/metadata``): ``starttime`` is when Snakemake started a job, ``endtime`` the time of its
output. That is the stage's own time where Snakemake ran it itself. Of a job that was submitted it may include
waiting, or be later than the end: the job's own Snakemake takes the mark of the start away, and the one that
submitted writes the time at which it saw the end. So of a run on a cluster the submitted jobs are read from
their metrics, and from the last line of progress in their logs, which both leave the start of the stage out.
"""

import base64
import binascii
import json
import os
import platform
import re
import statistics
import time
from pathlib import Path

from mimic.artifact import MAX_JSON_BYTES, read_json
from mimic.cli import InputError
from mimic.models.architecture import count_multiply_adds
from mimic.rehearsal.times import MeasuredTrial, StageTimes, facts_of
from mimic.search.rounds import TRIAL_FORMAT
from mimic.students.families import student_architecture, studies_of, study_settings
from mimic.teachers.space import teacher_of

#: Multiply-adds hardly depend on the number of classes, which only the images know.
N_CLASSES = 10
PROGRESS = re.compile(r"^\S.* \d+/\d+  ([0-9]+\.[0-9]) s, at most ", re.MULTILINE)
TRAINING_RULES = ("train_teacher", "train_student")
#: Rules whose jobs are submitted and have no metrics.
LOGGED_RULES = ("record_logits", "generate_epochs")


def measure(config, results, records, on_cluster=False):
    """Times of a finished run.

    Parameters
    ----------
    config : mimic.config.whole.Config
        That of the run.
    results : path
        Its results folder, as the config names it.
    records : path
        Snakemake's folder, ``.snakemake``.
    on_cluster : bool
        The rules that train, record and generate were submitted to a cluster.

    Returns
    -------
    StageTimes

    Raises
    ------
    InputError
        If a trial's metrics are wrong, or there is no finished trial or no record at all.
    """
    results = Path(results)
    spans = read_spans(Path(records, "metadata"), results)
    if not spans:
        raise InputError(f"{records}/metadata: expected Snakemake's records of {results}, found none")
    studies, devices = read_trials(config, results)
    if not any(studies.values()):
        raise InputError(f"{results}: expected finished trials (metrics.json), found none")
    starts, rules = {}, {}
    for (rule, log), (start, end) in sorted(spans.items()):
        if rule in TRAINING_RULES:
            if not on_cluster and end > start:
                trained = _seconds_of(studies, rule, log)
                if trained is not None and end - start > trained:
                    starts.setdefault(rule, []).append(end - start - trained)
        elif rule in LOGGED_RULES and (on_cluster or end <= start):
            found = PROGRESS.findall(_text_of(Path(records).parent / log))
            if found:
                rules.setdefault(rule, []).append(float(found[-1]))
        elif end > start:
            rules.setdefault(_kind(rule, log), []).append(end - start)
    ended = max(end for _, end in spans.values())
    return StageTimes(
        machine={
            "devices": "; ".join(sorted(devices)),
            "processor": processor(),
            "n_cores": str(os.cpu_count()),
            "date": time.strftime("%Y-%m-%d", time.gmtime(ended)),
            "on_cluster": str(on_cluster).lower(),
        },
        facts=facts_of(config),
        stage_start={rule: round(statistics.median(found), 3) for rule, found in starts.items()},
        studies={name: trials for name, trials in studies.items() if trials},
        rules={rule: [round(value, 3) for value in found] for rule, found in sorted(rules.items())},
    )


def _kind(rule, log):
    """Name under which a job's seconds are kept; see `mimic.rehearsal.times`."""
    if not rule.startswith("propose_"):
        return rule
    return f"{rule} first" if Path(log).stem == "00" else f"{rule} later"


def _seconds_of(studies, rule, log):
    """Training seconds of the trial with a log ``.../train_student/STUDY/TTT.log``."""
    path = Path(log)
    study = "teachers" if rule == "train_teacher" else path.parent.name
    return next((t.seconds for t in studies.get(study, []) if f"{t.trial:03d}" == path.stem), None)


def read_spans(folder, results):
    """Start and end of every recorded job below a results folder.

    Parameters
    ----------
    folder : Path
        ``.snakemake/metadata``: a file an output, named by its path in URL-safe base64, cut into folders
        that begin with ``@`` where it is long.

    Returns
    -------
    dict of (rule, log) to (start, end)
        Seconds since 1970; the end is that of the last output. Records that tell no times are left out.
    """
    spans = {}
    for root, _, files in sorted(os.walk(folder)):
        for name in sorted(files):
            path = Path(root, name)
            coded = "".join(part.removeprefix("@") for part in path.relative_to(folder).parts)
            record = _record(path, coded, results)
            if record is None:
                continue
            job, start, end = record
            before = spans.get(job)
            spans[job] = (min(before[0], start), max(before[1], end)) if before else (start, end)
    return spans


def _record(path, coded, results):
    """Job, start and end that a record tells; None where it is of another folder or tells none."""
    try:
        output = base64.urlsafe_b64decode(coded).decode()
        if not Path(output).is_relative_to(results) or path.stat().st_size > MAX_JSON_BYTES:
            return None
        value = json.loads(path.read_text(encoding="utf-8"))
        (log,) = value["log"]
        return (str(value["rule"]), str(log)), float(value["starttime"]), float(value["endtime"])
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        return None  # half written, of another version of Snakemake, or no record


def read_trials(config, results):
    """Finished trials of every study of the config, and the devices that they name.

    Returns
    -------
    studies : dict of str to list of MeasuredTrial
    devices : set of str
    """
    studies, devices = {}, set()

    def read(name, folder, n_trials, multiply_adds):
        studies[name] = []
        for trial in range(n_trials):
            path = results / folder / "trials" / f"{trial:03d}" / "metrics.json"
            if not path.exists():
                continue
            metrics = read_json(path, TRIAL_FORMAT)
            try:
                cost = multiply_adds(metrics["hyperparameters"])
                seconds, epochs = float(metrics["seconds"]), int(metrics["epochs"])
                devices.add(str(metrics["device"]))
            except (KeyError, TypeError, ValueError) as error:
                raise InputError(
                    f"{path}: expected the metrics of a trial of this config: {error!r}"
                ) from None
            if seconds > 0 and epochs > 0:
                row = MeasuredTrial(trial=trial, seconds=round(seconds, 3), epochs=epochs, multiply_adds=cost)
                studies[name].append(row)

    search = config.teachers.search
    read("teachers", "teachers", search.trials, lambda h: count_multiply_adds(teacher_of(h, N_CLASSES)))
    for study in studies_of(config.students):
        settings = study_settings(config.students, study)
        group = config.students.hard_label if study.hard_label else config.students

        def cost(hyperparameters, study=study, settings=settings):
            return count_multiply_adds(student_architecture(study, settings, hyperparameters, N_CLASSES))

        read(study.name, f"students/{study.name}", group.search.trials, cost)
    return studies, devices


def _text_of(path):
    """A log's text, as far as it is there."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def processor():
    """Name of this machine's processor, as the system gives it."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.machine()
