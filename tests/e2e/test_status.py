"""``mimic status`` beside a real run: while it goes on, at its end, and where a job failed."""

import itertools
import json
import subprocess
import sys
import time

from tests.e2e.conftest import SMALLEST, changed
from tests.workflow.conftest import ROOT, command_of, run_snakemake

N_EPOCHS = 60
#: Two teachers side by side, at work for several looks.
OVERLAY = changed(
    SMALLEST,
    teachers__search={"trials": 2, "first_round": 2, "round_size": 1},
    teachers__training__max_epochs=N_EPOCHS,
)
TEACHERS = "out/teachers/trials.csv"


def look(folder):
    """What ``mimic status`` knows of a folder; it must never fail."""
    command = [sys.executable, "-m", "mimic", "status", "--json", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--configfile", "overlay.yaml"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=60)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def is_training(standing):
    return any(job["rule"] == "train_teacher" and job["epoch"] for job in standing["running"])


def test_a_run_is_seen_under_way_and_done(tmp_path):
    command, environment = command_of(tmp_path, TEACHERS, "--cores", "2", overlay=OVERLAY)
    looks = [look(tmp_path)]
    started = time.time()
    with open(tmp_path / "printed.txt", "w") as printed:
        process = subprocess.Popen(command, env=environment, stdout=printed, stderr=subprocess.STDOUT)
    try:
        while process.poll() is None:
            looks.append(look(tmp_path))
    finally:
        process.kill()
    assert process.returncode == 0, (tmp_path / "printed.txt").read_text()
    looks.append(look(tmp_path))
    assert looks[0]["jobs"]["waiting"] == looks[0]["jobs"]["total"]
    # at whatever instant one looks, nothing of a sound run seems broken, and nothing done is undone
    for before, standing in itertools.pairwise(looks):
        assert (standing["failed"], standing["stopped"], standing["unreadable"]) == ([], [], [])
        assert standing["jobs"]["done"] >= before["jobs"]["done"]
        assert standing["jobs"]["running"] <= 2
    under_way = next(standing for standing in looks if is_training(standing))
    assert started - 1 <= under_way["run"]["locked_since"] <= time.time()
    assert under_way["steps"]["data"]["done"] == 1
    training = next(job for job in under_way["running"] if job["rule"] == "train_teacher" and job["epoch"])
    assert training["epochs"] == N_EPOCHS
    assert 0 < training["epoch"] <= N_EPOCHS
    assert 0 <= training["validation_accuracy"] <= 1
    assert training["images_per_second"] > 0

    done = looks[-1]
    assert done["steps"]["teachers"]["done"] == done["steps"]["teachers"]["total"] == 3
    assert (done["steps"]["report"]["done"], done["jobs"]["done"]) == (1, 5)
    assert done["run"]["locked_since"] is None


def test_of_a_finished_run_all_is_done_and_the_best_are_those_of_the_files(finished_run):
    standing = look(finished_run)
    assert standing["jobs"]["done"] == standing["jobs"]["total"]
    assert standing["left"]["work_seconds"] == 0
    assert len(standing["studies"]) == 4
    for search in (standing["teachers"], *standing["studies"]):
        metrics = [json.loads(path.read_text()) for path in trials_of(finished_run, search["name"])]
        sound = [trial for trial in metrics if trial["status"] == "finished"]
        best = max(sound, key=lambda trial: (trial["validation_accuracy"], -trial["trial"]))
        assert search["best"] == {key: best[key] for key in search["best"]}
        assert search["trials"]["done"] == len(metrics)
        assert search["trials"]["diverged"] == len(metrics) - len(sound)


def trials_of(folder, name):
    place = "teachers" if name == "teachers" else f"students/{name}"
    return sorted((folder / "out" / place / "trials").glob("*/metrics.json"))


def test_a_job_that_fails_is_named_with_its_log(tmp_path):
    overlay = changed(SMALLEST, teachers__training__max_epochs=1)
    assert (
        run_snakemake(
            tmp_path, "out/teachers/round-00/proposals.json", "--cores", "1", overlay=overlay
        ).returncode
        == 0
    )
    proposals = tmp_path / "out/teachers/round-00/proposals.json"
    proposals.write_text(proposals.read_text().replace('"learning_rate"', '"rate"'))
    target = "out/teachers/trials/000/metrics.json"
    failed = run_snakemake(tmp_path, target, "--cores", "1", overlay=overlay)
    assert failed.returncode != 0
    standing = look(tmp_path)
    (job,) = standing["failed"]
    assert (job["rule"], job["name"], job["log"]) == (
        "train_teacher",
        "000",
        "out/logs/train_teacher/000.log",
    )
    assert job["message"].startswith("error: ")
    assert (tmp_path / job["log"]).read_text().endswith(f"{job['message']}\n")
