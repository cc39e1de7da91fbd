"""Each state, from files alone; ages are seconds before now."""

import pytest
from tests.unit.status.conftest import NOW, OUT, training_log

from mimic.status.runs import read_run
from mimic.status.states import ALIVE_SECONDS, GRACE_SECONDS, Files, standing_of

TITLE = "train_student cnn2-30k 001"
CHECKPOINT = f"{OUT}/students/cnn2-30k/trials/001/checkpoint.safetensors"
LONG_AGO = 10_000.0


def standing(folder, title=TITLE):
    run = read_run(folder.path, OUT)
    return standing_of(folder.jobs[title], Files(folder.path), run, NOW)


def state(folder, title=TITLE):
    return standing(folder, title).state


def test_all_outputs_make_a_job_done_and_one_less_does_not(folder):
    folder.finish(TITLE)
    assert state(folder) == "done"
    for output in folder.jobs[TITLE].outputs:
        content = (folder.path / output).read_bytes()
        (folder.path / output).unlink()
        assert state(folder) == "waiting"
        (folder.path / output).write_bytes(content)
    assert state(folder) == "done"


def test_a_job_without_a_name_waits(folder):
    (job,) = {job for job in folder.plan.jobs if job.rule == "record_logits"} - {folder.jobs["record_logits"]}
    assert standing_of(job, Files(folder.path), read_run(folder.path, OUT), NOW).state == "waiting"


@pytest.mark.parametrize("log", ["", training_log(1, 4), "cnn2-30k 1: cpu\n"])
def test_a_job_that_snakemake_began_runs_however_long_it_is_silent(folder, log):
    folder.lock(age=LONG_AGO)
    folder.begin(TITLE, age=5000)
    folder.log(TITLE, log, age=4000)
    assert state(folder) == "running"


def test_a_job_that_was_handed_over_and_has_no_log_yet_is_queued(folder):
    folder.lock()
    folder.begin(TITLE, age=40)
    assert state(folder) == "queued"


def test_a_job_that_is_handed_over_again_is_queued_whatever_its_old_log_says(folder):
    folder.lock()
    folder.log(TITLE, "error: no room\n", age=60)
    assert state(folder) == "failed"
    folder.begin(TITLE, age=40)
    assert state(folder) == "queued"
    folder.log(TITLE, "", age=30)
    assert state(folder) == "running"


def test_marks_of_a_run_that_is_gone_make_nothing_queued(folder):
    folder.begin(TITLE, age=LONG_AGO)
    assert state(folder) == "waiting"


@pytest.mark.parametrize("is_begun", [False, True])
@pytest.mark.parametrize("is_locked", [False, True])
@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("error: x.h5: damaged\n", "failed"),
        ("Traceback (most recent call last):\n  File\nValueError: no\n", "failed"),
        ("terminated: run the same command again to go on\n", "stopped"),
        ("interrupted\n", "stopped"),
    ],
)
def test_the_last_word_of_a_log_decides(folder, is_begun, is_locked, last, expected):
    if is_locked:
        folder.lock(age=LONG_AGO)
    if is_begun:
        folder.begin(TITLE, age=100)
    folder.log(TITLE, training_log(2, 4) + last, age=1)
    found = standing(folder)
    assert (found.state, found.message) == (expected, last.splitlines()[-1])


def test_a_job_that_snakemake_saw_end_without_a_last_word_failed(folder):
    folder.lock(age=LONG_AGO)
    folder.log(TITLE, training_log(2, 4), age=GRACE_SECONDS + 1)
    assert state(folder) == "failed"
    assert "without a last word" in standing(folder).message


def test_a_job_that_begins_or_ends_while_we_look_has_not_failed(folder):
    folder.lock(age=LONG_AGO)
    folder.log(TITLE, "", age=GRACE_SECONDS - 1)
    assert state(folder) == "running"


def test_outputs_that_were_removed_make_a_job_wait_not_fail(folder):
    folder.lock()
    folder.log(TITLE, training_log(4, 4), age=LONG_AGO)
    assert state(folder) == "failed"
    folder.record("metadata", folder.jobs[TITLE].outputs[0])
    assert state(folder) == "waiting"


def test_a_killed_run_leaves_jobs_that_go_on(folder):
    folder.begin(TITLE, age=LONG_AGO)
    folder.log(TITLE, training_log(2, 4), age=ALIVE_SECONDS + 1)
    folder.write(CHECKPOINT, age=ALIVE_SECONDS + 1)
    found = standing(folder)
    assert (found.state, found.has_checkpoint) == ("stopped", True)


@pytest.mark.parametrize(
    ("age", "expected"), [(ALIVE_SECONDS - 1, "running"), (ALIVE_SECONDS + 1, "stopped")]
)
def test_a_stage_that_runs_by_hand_is_seen_by_what_it_writes(folder, age, expected):
    folder.log(TITLE, training_log(2, 4), age=500)
    assert state(folder) == "stopped"
    folder.write(CHECKPOINT, age=age)
    assert state(folder) == expected


def test_without_snakemakes_files_a_log_since_the_lock_means_running(folder):
    folder.lock(age=1000)
    folder.write(".snakemake/metadata.db")
    folder.log(TITLE, training_log(2, 4), age=900)
    assert state(folder) == "running"
    folder.log(TITLE, training_log(2, 4), age=1100)
    assert state(folder) == "stopped"
