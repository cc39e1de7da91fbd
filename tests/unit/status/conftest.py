"""A results folder in any state: its files made by the package's own functions, Snakemake's by hand."""

import base64
import json
import os
from pathlib import Path

import pytest
import yaml

from mimic.config.whole import load
from mimic.progress import Report
from mimic.status.jobs import plan_of
from mimic.status.snapshot import Reader
from mimic.training.loop import EpochRecord, Fit
from mimic.training.trial import report_epoch, write_metrics

ROOT = Path(__file__).resolve().parents[3]
NOW = 1_800_000_000.0
OUT = "results"


def config_of(**changes):
    """The paper's config; a search's sizes as (trials, first round, later ones)."""
    values = yaml.safe_load((ROOT / "config.yaml").read_text())
    students = values["students"]
    for section, key in ((values["teachers"], "teachers"), (students, "students")):
        if key in changes:
            sizes = zip(("trials", "first_round", "round_size"), changes.pop(key), strict=True)
            section["search"] = dict(sizes)
    students["hard_label"]["search"] = students["search"]
    for key, value in changes.items():
        section = values
        *parents, last = key.split("__")
        for parent in parents:
            section = section[parent]
        section[last] = value
    return load(values)


SMALL = {
    "teachers": (5, 3, 2),
    "students": (3, 2, 1),
    "ensemble__n_members": 2,
    "epochs__n_epochs": 4,
    "epochs__shard_size": 2,
    "students__families": ["mlp1", "cnn2"],
    "students__budgets": ["30k"],
    "students__hard_label__families": ["cnn2"],
    "students__hard_label__budgets": ["30k"],
}


class Folder:
    """A run's folder that a test fills.

    Parameters
    ----------
    path : Path
        Where Snakemake works.
    config : mimic.config.whole.Config
    """

    def __init__(self, path, config):
        self.path, self.config = path, config
        self.plan = plan_of(config, is_shared=False)
        self.jobs = {job.title(): job for job in self.plan.jobs}

    def write(self, name, content=b"", age=0.0):
        """A file that was written so many seconds ago."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.utime(path, (NOW - age, NOW - age))
        return path

    def finish(self, title, age=100.0, accuracy=0.5, seconds=60.0, status="finished"):
        """All outputs of a job, its metrics with such an accuracy."""
        job = self.jobs[title]
        for output in job.outputs:
            self.write(output, b"", age)
        if not output.endswith("metrics.json"):
            return
        study, number = title.split()[1:] if "student" in title else ("teachers", title.split()[1])
        path = self.path / output
        scores = {"validation": (accuracy, 1.0), "test": (accuracy - 0.01, 1.1)}
        fit = Fit(status, "last epoch", [], 1)
        write_metrics(path, fit, scores, study=study, trial=int(number), seconds=seconds, round=0)
        os.utime(path, (NOW - age, NOW - age))

    def log(self, title, text="", age=1.0):
        """What a job has said."""
        self.write(self.jobs[title].log, text, age)

    def begin(self, title, age=2.0):
        """Snakemake's mark that a job was begun."""
        for output in self.jobs[title].outputs:
            self.record("incomplete", output, age)

    def record(self, kind, output, age=0.0):
        """A file of Snakemake's for an output."""
        name = base64.urlsafe_b64encode(output.encode()).decode()
        parts = [name[start : start + 254] for start in range(0, len(name), 254)]
        parts = [f"@{part}" for part in parts[:-1]] + parts[-1:]
        self.write("/".join([".snakemake", kind, *parts]), json.dumps({}), age)

    def lock(self, age=50.0, output=OUT):
        """A run holds the folder."""
        for kind in ("incomplete", "metadata"):
            (self.path / ".snakemake" / kind).mkdir(parents=True, exist_ok=True)
        self.write(".snakemake/locks/0.output.lock", f"{output}/table1.csv\n{output}/table2.csv\n", age)

    def read(self, now=NOW):
        """What `mimic status` knows of it."""
        return Reader(self.config, self.path).read(now)


def training_log(done, total, accuracy=0.4, before=""):
    """The log of a training after some epochs, written as a stage writes it."""

    class Text:
        text = before

        def isatty(self):
            return False

        def write(self, text):
            self.text += text

        def flush(self):
            pass

    stream = Text()
    with Report("epoch", total, stream) as report:
        show = report_epoch(report)
        for epoch in range(1, done + 1):
            show(EpochRecord(epoch, 0.01, 2.0, 2.1, accuracy, 3.0, 1234.5))
    return stream.text


@pytest.fixture
def folder(tmp_path):
    """Five teachers, three studies of three trials; nothing made yet."""
    return Folder(tmp_path, config_of(**SMALL))
