"""The whole of what is known of a run, on folders in every state."""

import json
import os
import time

import pytest
from tests.unit.status.conftest import NOW, OUT, Folder, config_of, training_log

from mimic.artifact import digest_json, write_json
from mimic.status.snapshot import Reader

KEYS = {"format", "output", "time", "shared", "run", "jobs", "steps", "teachers", "studies"}
KEYS |= {"running", "stopped", "failed", "unreadable", "left"}


def study(standing, name):
    (found,) = (search for search in standing["studies"] if search["name"] == name)
    return found


def test_of_an_empty_folder_everything_waits(folder):
    standing = folder.read()
    assert standing.keys() == KEYS
    assert standing["format"] == "mimic.status/1"
    jobs = standing["jobs"]
    assert jobs["total"] == jobs["waiting"] == len(folder.plan.jobs)
    assert standing["run"] == {"locked_since": None}
    assert standing["left"]["seconds"] is None
    assert standing["teachers"]["best"] is None
    assert list(standing["steps"]) == [
        "data",
        "teachers",
        "ensemble",
        "epochs",
        "logits",
        "students",
        "report",
    ]
    assert not list(folder.path.iterdir())


def test_a_run_in_the_middle_of_its_teachers(folder):
    folder.lock()
    for title in ("prepare_dataset", "propose_teachers 00", "propose_teachers 01"):
        folder.finish(title)
    for trial, accuracy, status in ((0, 0.5, "finished"), (1, 0.7, "finished"), (2, 0.9, "diverged")):
        folder.finish(f"train_teacher 00{trial}", accuracy=accuracy, seconds=20 + 20 * trial, status=status)
    folder.begin("train_teacher 003")
    folder.log("train_teacher 003", training_log(2, 500, accuracy=0.25), age=1)
    folder.begin("train_teacher 004", age=3)
    standing = folder.read()
    assert standing["run"] == {"locked_since": NOW - 50}
    assert standing["steps"]["teachers"] == {
        **{"total": 7, "done": 5, "running": 1, "queued": 1},
        **{"stopped": 0, "failed": 0, "waiting": 0},
    }
    teachers = standing["teachers"]
    assert teachers["trials"]["diverged"] == 1
    assert (teachers["round"], teachers["rounds"]) == (2, 2)
    assert teachers["best"] == {
        "trial": 1,
        "validation_accuracy": 0.7,
        "test_accuracy": pytest.approx(0.69),
    }
    assert teachers["seconds_per_trial"] == 40
    (running,) = standing["running"]
    assert running.pop("seconds") >= 0
    assert running.pop("at_most_seconds_left") >= 0
    assert running == {
        "rule": "train_teacher",
        "name": "003",
        "log": "results/logs/train_teacher/003.log",
        "epoch": 2,
        "epochs": 500,
        "validation_accuracy": 0.25,
        "images_per_second": 1234,
        "log_age_seconds": 1,
        "silent": False,
        "has_checkpoint": False,
    }
    assert standing["left"]["measured"] == {"teachers": 40}
    assert standing["left"]["unmeasured"] == ["students", "epochs", "logits"]
    assert standing["left"]["bound"] == "at least"


def test_the_best_is_chosen_by_validation_and_the_first_of_equals(folder):
    for trial, accuracy in ((0, 0.5), (1, 0.6), (2, 0.6)):
        folder.finish(f"train_student cnn2-30k 00{trial}", accuracy=accuracy)
    path = folder.path / OUT / "students/cnn2-30k/trials/000/metrics.json"
    write_json(path, {**json.loads(path.read_text()), "test_accuracy": 0.99})
    best = study(folder.read(), "cnn2-30k")["best"]
    assert (best["trial"], best["validation_accuracy"]) == (1, 0.6)


@pytest.mark.parametrize(("epochs", "age", "silent"), [(0, 200, False), (0, 400, True), (2, 400, True)])
def test_a_job_whose_log_stands_still_is_silent(folder, epochs, age, silent):
    folder.lock(age=9999)
    folder.begin("train_teacher 000", age=5000)
    folder.log("train_teacher 000", training_log(epochs, 9), age=age)
    (running,) = folder.read()["running"]
    assert running["silent"] == silent


def test_long_epochs_may_take_their_time(folder):
    folder.lock(age=9999)
    folder.begin("train_teacher 000", age=5000)
    folder.log("train_teacher 000", "epoch 2/9  800.0 s, at most 2800.0 s left\n", age=1100)
    assert not folder.read()["running"][0]["silent"]
    folder.log("train_teacher 000", "epoch 2/9  800.0 s, at most 2800.0 s left\n", age=1300)
    assert folder.read()["running"][0]["silent"]


def test_failed_and_stopped_jobs_come_with_their_last_words_and_logs(folder):
    folder.log("train_teacher 000", "error: dataset.h5: damaged\n", age=100)
    folder.log("train_teacher 001", "terminated: run the same command again to go on\n", age=100)
    folder.write(f"{OUT}/teachers/trials/001/checkpoint.safetensors", age=100)
    standing = folder.read()
    assert standing["failed"] == [
        {
            "rule": "train_teacher",
            "name": "000",
            "log": "results/logs/train_teacher/000.log",
            "message": "error: dataset.h5: damaged",
            "log_age_seconds": 100,
            "has_checkpoint": False,
        }
    ]
    (stopped,) = standing["stopped"]
    assert (stopped["name"], stopped["has_checkpoint"]) == ("001", True)
    assert (standing["jobs"]["failed"], standing["jobs"]["stopped"]) == (1, 1)


def damage(path, kind):
    content = path.read_bytes()
    path.unlink()
    if kind == "half":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "edited":
        path.write_bytes(content.replace(b"finished", b"diverged"))
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "dangling":
        path.symlink_to("nowhere")


@pytest.mark.parametrize("kind", ["half", "empty", "edited", "folder", "pipe", "dangling"])
def test_a_damaged_file_is_named_in_one_line_and_the_rest_is_read(folder, kind):
    for trial in range(3):
        folder.finish(f"train_student cnn2-30k 00{trial}", accuracy=0.5 + trial / 10)
    name = f"{OUT}/students/cnn2-30k/trials/002/metrics.json"
    damage(folder.path / name, kind)
    folder.finish("select_ensemble")
    standing = folder.read()
    assert [found["file"] for found in standing["unreadable"]] == [f"{OUT}/ensemble/members.json", name]
    assert all("\n" not in found["reason"] for found in standing["unreadable"])
    assert str(folder.path) not in standing["unreadable"][1]["reason"]
    found = study(standing, "cnn2-30k")
    assert (found["trials"]["done"], found["trials"]["unreadable"]) == (3, 1)
    assert found["best"]["trial"] == 1
    json.dumps(standing, allow_nan=False)


def test_the_members_logits_are_the_jobs_once_the_ensemble_is_known(folder):
    write_json(
        folder.path / OUT / "ensemble/members.json", {"format": "mimic.ensemble", "members": [4, 1, 2]}
    )
    folder.write(f"{OUT}/logits/members/004.h5")
    assert folder.read()["steps"]["logits"]["total"] == 4
    assert folder.read()["steps"]["logits"]["done"] == 1


def test_a_run_from_a_pack_has_no_teachers(folder):
    for name in (
        "split.h5",
        "epochs.h5",
        "targets.h5",
        "members.json",
        "teachers.csv",
        "pack.json",
        "dataset.h5",
    ):
        folder.write(f"{OUT}/shared/{name}")
    standing = folder.read()
    assert (standing["shared"], standing["teachers"]) == (True, None)
    assert list(standing["steps"]) == ["data", "shared", "students", "report"]
    assert standing["steps"]["shared"]["done"] == standing["steps"]["data"]["done"] == 1
    assert standing["unreadable"] == []


def test_a_second_look_sees_what_changed(folder):
    reader = Reader(folder.config, folder.path)
    folder.finish("train_teacher 000", accuracy=0.5)
    assert reader.read(NOW)["teachers"]["best"]["validation_accuracy"] == 0.5
    folder.finish("train_teacher 000", accuracy=0.6, age=90)
    folder.finish("train_teacher 001", accuracy=0.4)
    standing = reader.read(NOW)
    assert standing["teachers"]["best"]["validation_accuracy"] == 0.6
    assert standing["teachers"]["trials"]["done"] == 2


def test_the_time_of_members_logits_is_read_from_their_logs(folder):
    write_json(folder.path / OUT / "ensemble/members.json", {"format": "mimic.ensemble", "members": [4, 1]})
    folder.write(f"{OUT}/logits/members/004.h5")
    folder.write(f"{OUT}/logs/record_logits/004.log", "epoch 8/8  33.0 s, at most 0.0 s left\n")
    assert folder.read()["left"]["measured"] == {"logits": 33}


def test_2500_finished_trials_are_read_in_less_than_two_seconds(tmp_path):
    folder = Folder(tmp_path, config_of(teachers=(129, 17, 8), students=(60, 16, 8)))
    folder.finish("train_teacher 000")
    template = json.loads((tmp_path / folder.plan.searches[0].metrics(0)).read_text())
    template |= {"hyperparameters": {f"rate{i}": 0.1 / 3 for i in range(18)}, "architecture": "c" * 40}
    del template["sha256"]
    n_trials = 0
    for search in folder.plan.searches:
        for trial, job in enumerate(search.trials):
            # not by the package's function, which waits for the disk each time
            place = tmp_path / job.outputs[0]
            place.parent.mkdir(parents=True, exist_ok=True)
            for output in job.outputs[:-1]:
                (tmp_path / output).touch()
            values = {**template, "study": search.name, "trial": trial}
            values["sha256"] = digest_json(values)
            (tmp_path / job.outputs[-1]).write_text(json.dumps(values, indent=1, sort_keys=True))
            n_trials += 1
    assert n_trials == 129 + 40 * 60
    started = time.process_time()  # that of this process: a busy machine is no failure
    standing = folder.read()
    seconds = time.process_time() - started
    assert standing["unreadable"] == []
    assert sum(found["trials"]["done"] for found in standing["studies"]) == 2400
    assert seconds < 2, seconds
