"""Places on fake GPUs, with a process for each job."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from tests.slot_jobs import Jobs, Server


@pytest.fixture(scope="module")
def server():
    with Server() as server:
        yield server


@pytest.fixture
def jobs(server, tmp_path):
    """Two fake GPUs with a place each."""
    with Jobs(
        server, tmp_path, MIMIC_FAKE_GPUS="2", MIMIC_JOBS_PER_GPU="1", CUDA_VISIBLE_DEVICES="0,1"
    ) as jobs:
        yield jobs


def test_two_jobs_have_a_gpu_each_and_a_third_gets_the_place_of_one_that_is_killed(jobs):
    first, second = jobs.start(), jobs.start()
    assert sorted([first.held(20)[0], second.held()[0]]) == ["fake-0", "fake-1"]
    third = jobs.start()
    line = third.said("waiting for a GPU")
    assert f"pid {first.pid} (job {first.pid})" in line
    assert f"pid {second.pid} (job {second.pid})" in line
    assert third.held(1) is None
    os.kill(second.pid, signal.SIGKILL)
    killed = time.monotonic()
    assert third.held() == second.held()
    assert time.monotonic() - killed < 5
    # It is not reaped yet: a dead process holds no lock.
    assert second.code() == -signal.SIGKILL


def test_sigterm_ends_a_job_that_waits_with_75_and_takes_it_out_of_the_line(jobs, tmp_path):
    held = jobs.start(CUDA_VISIBLE_DEVICES="0")
    assert held.held(20)
    waiting = jobs.start(CUDA_VISIBLE_DEVICES="0")
    assert waiting.said("waiting for a GPU")
    asked = time.monotonic()
    os.kill(waiting.pid, signal.SIGTERM)
    assert waiting.code() == 75
    assert time.monotonic() - asked < 2
    assert list((tmp_path / "slots" / "waiting").iterdir()) == []


def test_sigterm_ends_a_job_that_has_a_place_and_the_next_one_gets_it(jobs):
    first = jobs.start(CUDA_VISIBLE_DEVICES="1")
    assert first.held(20) == ["fake-1", 0]
    os.kill(first.pid, signal.SIGTERM)
    assert first.code() == 75
    assert jobs.start(CUDA_VISIBLE_DEVICES="1").held() == ["fake-1", 0]


def test_gpus_that_are_not_visible_are_not_used(jobs, tmp_path):
    assert jobs.start(CUDA_VISIBLE_DEVICES="1").held(20) == ["fake-1", 0]
    assert jobs.start(CUDA_VISIBLE_DEVICES="1").held(1) is None
    assert jobs.start(CUDA_VISIBLE_DEVICES="0").held() == ["fake-0", 0]


@pytest.mark.parametrize(
    "environ",
    [
        {"CUDA_VISIBLE_DEVICES": ""},
        {"CUDA_VISIBLE_DEVICES": "-1"},
        {"CUDA_VISIBLE_DEVICES": "", "MIMIC_FAKE_GPUS": "0"},
    ],
)
def test_without_a_gpu_nothing_is_said_and_no_folder_is_made(jobs, tmp_path, environ):
    job = jobs.start(**environ)
    assert job.said("held ", 20) == "held null\n"
    assert job.log.read_text() == "held null\n"
    assert not (tmp_path / "slots").exists()


def test_gpus_that_are_named_and_not_there_are_said(jobs, tmp_path):
    job = jobs.start(CUDA_VISIBLE_DEVICES="0,7", MIMIC_FAKE_GPUS="0")
    assert job.said("held ", 20) == "held null\n"
    assert job.log.read_text().startswith("CUDA_VISIBLE_DEVICES=0,7: no such GPU answers; on the processor\n")
    assert not (tmp_path / "slots").exists()


def test_two_jobs_of_slurm_that_see_the_same_number_do_not_wait_for_each_other(jobs):
    first = jobs.start(CUDA_VISIBLE_DEVICES="0", SLURM_JOB_ID="7")
    assert first.held(20) == ["fake-0", 0]
    assert jobs.start(CUDA_VISIBLE_DEVICES="0", SLURM_JOB_ID="8").held() == ["fake-0", 0]
    assert jobs.start(CUDA_VISIBLE_DEVICES="0", SLURM_JOB_ID="7").held(1) is None


@pytest.mark.parametrize("child", ["started", "forked"])
def test_a_child_that_survives_a_killed_job_does_not_keep_its_place(jobs, child):
    job = jobs.start(CUDA_VISIBLE_DEVICES="0", child=child)
    assert job.held(20)
    os.kill(job.pid, signal.SIGKILL)
    assert jobs.start(CUDA_VISIBLE_DEVICES="0").held() == ["fake-0", 0]


def test_a_child_that_ends_does_not_take_the_place_with_it(jobs):
    job = jobs.start(CUDA_VISIBLE_DEVICES="0", child="forked and ends")
    assert job.held(20)
    assert jobs.start(CUDA_VISIBLE_DEVICES="0").held(1) is None


CONTENDER = """
import json, os, random, sys, time
from mimic.gpus import place as gpu_place
gpu_place._POLL_SECONDS = (0.002, 0.02)
n_processes, n_rounds = 20, 3
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
children = []
for number in range(n_processes):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            random.seed(number)
            for _ in range(n_rounds):
                claim = random.choice([1000, 3000, 6000])
                with gpu_place.gpu_place("contender", claim, note=str) as place:
                    entry = [place.room.name, place.owner.place, claim, time.monotonic_ns()]
                    time.sleep(random.uniform(0.001, 0.02))
                    entry.append(time.monotonic_ns())
                os.write(log, (json.dumps(entry) + "\\n").encode())
            code = 0
        finally:
            os._exit(code)
    children.append(pid)
sys.exit(any(os.waitpid(pid, 0)[1] for pid in children))
"""


def test_twenty_processes_contend_for_four_places_and_never_share_one(tmp_path):
    environ = {"MIMIC_FAKE_GPUS": "2x8000", "MIMIC_JOBS_PER_GPU": "2", "MIMIC_SLOTS": str(tmp_path / "slots")}
    visible = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    run = subprocess.run(
        [sys.executable, "-c", CONTENDER, str(tmp_path / "log")],
        capture_output=True,
        text=True,
        timeout=60,
        env=visible | environ,
    )
    assert run.returncode == 0, run.stderr
    held = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert len(held) == 60
    assert {(gpu, place) for gpu, place, *_ in held} == {(f"fake-{g}", p) for g in (0, 1) for p in (0, 1)}
    for gpu, place, _, start, end in held:
        beside = [entry for entry in held if entry[0] == gpu and entry[3] <= start < entry[4]]
        assert [entry[1] for entry in beside].count(place) == 1, "one owner of a place"
        assert sum(entry[2] for entry in beside) <= 7500, "claims within the memory"
        assert end > start
