"""Real processes that are ended while they train, and started again: the bytes of an undisturbed run."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from mimic.config.whole import load
from mimic.data.prepare_dataset import main as prepare_dataset
from mimic.epochs.generate_epochs import main as generate_epochs
from mimic.search.rounds import write_proposals
from mimic.students.families import parse_study, study_settings
from mimic.students.train_student import main as train_student
from mimic.teachers.train_teacher import main as train_teacher
from tests.e2e.conftest import OVERLAY, changed
from tests.stopping import outcome
from tests.workflow.conftest import ROOT, command_of

CONFIG = load(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))
# Many short epochs that never stop early: a few seconds of training, in which it is ended.
LONG = {"batch_size": 16, "max_epochs": 100, "stop_patience": 1000}
FILES = {
    "metrics": "metrics.json",
    "history": "history.csv",
    "weights": "weights.safetensors",
    "predictions": "predictions.h5",
}
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    """Function from a folder to the command line that trains a small net with dropout into it."""
    folder = tmp_path_factory.mktemp("inputs")
    dataset, shard, proposals = (str(folder / name) for name in ("dataset.h5", "00.h5", "proposals.json"))
    data = CONFIG.data.model_dump() | OVERLAY["data"]
    prepare_dataset(["--settings", json.dumps(data), "--seed", "0", "--out", dataset])
    settings = CONFIG.epochs.model_dump(include={"hsv", "crop"}) | {"store": "pixels"}
    epochs = ["--settings", json.dumps(settings), "--seed", "0", "--epochs", "0", "1", "2"]
    generate_epochs([*epochs, "--dataset", dataset, "--shard", shard])
    study = parse_study("cnn2-10k-hard")
    hyperparameters = dict.fromkeys(("dropout_conv1", "dropout_conv2", "dropout_fc1"), 0.2)
    hyperparameters |= {"learning_rate": 0.002, "momentum": 0.9, "C1": 0.5, "C2": 0.5}
    write_proposals(proposals, study.name, 0, range(1), [hyperparameters])
    settings = study_settings(CONFIG.students, study).model_dump()
    settings |= {"training": settings["training"] | LONG, "width_multiple": 1}
    given = ["--study", study.name, "--settings", json.dumps(settings), "--seed", "0", "--trial", "0"]
    given += ["--dataset", dataset, "--epochs", shard, "--targets", "--proposals", proposals]

    def into(place):
        return [*given, *(part for name, file in FILES.items() for part in (f"--{name}", str(place / file)))]

    return into


ENVIRONMENT = {**os.environ, "MIMIC_CHECKPOINT_SECONDS": "0", "PYTHONWARNINGS": "ignore"}


def wait_until(condition):
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError("nothing came")


def test_a_student_killed_and_terminated_is_the_one_left_in_peace(arguments, tmp_path):
    """SIGKILL, then SIGTERM, each once the process is known to have saved; then in peace."""
    place = tmp_path / "ended"
    command = [sys.executable, "-m", "mimic.students.train_student", *arguments(place)]
    checkpoint = place / "checkpoint.safetensors"
    ends, before = [], 0

    def has_saved():
        return checkpoint.exists() and checkpoint.stat().st_mtime_ns > before

    for number in (signal.SIGKILL, signal.SIGTERM):
        process = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
        wait_until(has_saved)
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
        ends.append(process.returncode)
        before = checkpoint.stat().st_mtime_ns
    assert ends == [-signal.SIGKILL, 75]
    assert said.splitlines()[-1] == "terminated: run the same command again to go on"
    assert "Traceback" not in said
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "resumed at epoch" in done.stderr
    train_student(arguments(tmp_path / "whole"))
    assert outcome(place) == outcome(tmp_path / "whole")


def test_snakemake_retries_a_terminated_training_which_goes_on(tmp_path, monkeypatch):
    place = tmp_path / "out" / "teachers" / "trials" / "000"
    log = tmp_path / "out" / "logs" / "train_teacher" / "000.log"
    overlay = changed(teachers__training=LONG)
    target = str(place.relative_to(tmp_path) / "metrics.json")
    command = command_of(tmp_path, target, "--cores", "1", "--retries", "2", "-p", overlay=overlay)[0]
    with open(tmp_path / "said", "w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=ENVIRONMENT)

    def training():
        """The process that trains the teacher, once it has saved."""
        if not (place / "checkpoint.safetensors").exists():
            return None
        children = psutil.Process(process.pid).children(recursive=True)
        return next((c for c in children if c.cmdline()[1:3] == ["-m", "mimic.teachers.train_teacher"]), None)

    wait_until(training).terminate()
    code, said = process.wait(PATIENCE_SECONDS), (tmp_path / "said").read_text()
    assert code == 0, said
    assert "Trying to restart" in said
    assert "resumed at epoch" in log.read_text()
    shell = next(line for line in said.splitlines() if "-m mimic.teachers.train_teacher" in line)
    parts = shlex.split(shell)
    given = parts[parts.index("mimic.teachers.train_teacher") + 1 : parts.index(">")]
    monkeypatch.chdir(tmp_path)
    train_teacher([part.replace("trials/000", "trials/whole") for part in given])
    assert outcome(place) == outcome(Path("out/teachers/trials/whole"))
