"""A stage on a fake GPU: what it sees, and what happens when the GPU fails."""

import json
import os
import subprocess
import sys

import pytest
import torch

from mimic.cli import InputError, run_stage
from mimic.gpus import place as module
from mimic.gpus.place import fault_of, gpu_place
from mimic.gpus.slots import Slots
from mimic.gpus.visible import Gpu, Gpus
from mimic.termination import StartAgain

MISSING = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total of\nmore")
BROKEN = RuntimeError("CUDA error: uncorrectable ECC error encountered\nCUDA kernel errors might be ...")


@pytest.fixture(autouse=True)
def environ(monkeypatch, tmp_path):
    """Two fake GPUs, and nothing else that the machine of the tests may have set."""
    for name in (
        "CUDA_VISIBLE_DEVICES",
        "MIMIC_JOBS_PER_GPU",
        "MIMIC_CLAIM_MB",
        "MIMIC_GPU_TRY",
        "SLURM_JOB_ID",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MIMIC_SLOTS", str(tmp_path / "slots"))
    monkeypatch.setenv("MIMIC_FAKE_GPUS", "2x8000")
    return monkeypatch


def fails(error):
    """What is raised in place of an error inside, and the lines of the log."""
    lines = []
    with pytest.raises((StartAgain, RuntimeError)) as caught, gpu_place("job", 1000, lines.append):
        raise error
    return caught.value, lines


def test_the_stage_sees_its_gpu_alone_and_the_environment_is_put_back(environ):
    present = [Gpu("GPU-a", "GPU-a", 8000, 7000), Gpu("GPU-b", "GPU-b", 8000, 7000)]
    environ.setattr(Gpus, "read", lambda gpus: present)
    environ.setattr(module, "_built_for_them", lambda: True)
    environ.setattr(torch.cuda, "is_available", lambda: True)
    lines = []
    with gpu_place("first", 1000, lines.append):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-a"
        with gpu_place("second", 1000, lines.append):
            assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-b"
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert lines == ["GPU 0 of 2, place 0", "GPU 1 of 2, place 0"]


def test_on_a_fake_no_gpu_is_seen():
    with gpu_place("job", 1000, str):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_the_claim_of_the_environment_counts(environ):
    environ.setenv("MIMIC_CLAIM_MB", "777")
    with gpu_place("job", 1000, str) as place:
        assert place.owner.claim_mb == 777
    environ.setenv("MIMIC_CLAIM_MB", "much")
    with pytest.raises(InputError, match="MIMIC_CLAIM_MB: expected a whole number, got 'much'"):
        fails(BROKEN)


def test_a_torch_without_cuda_takes_no_place_on_a_real_gpu(environ, tmp_path):
    environ.setattr(Gpus, "read", lambda gpus: [Gpu("GPU-a", "GPU-a", 8000, 7000)])
    environ.setattr(module, "_built_for_them", lambda: False)
    with gpu_place("job", 1000, pytest.fail) as place:
        assert place is None
    assert not (tmp_path / "slots").exists()


def test_a_gpu_that_torch_does_not_find_is_failed(environ):
    environ.setattr(Gpus, "read", lambda gpus: [Gpu("GPU-a", "GPU-a", 8000, 7000)])
    environ.setattr(module, "_built_for_them", lambda: True)
    environ.setattr(torch.cuda, "is_available", lambda: False)
    expected = r"GPU 0 of 1 \(GPU-a\) failed: No CUDA GPUs are available to torch"
    with pytest.raises(StartAgain, match=expected), gpu_place("job", 1000, str):
        raise AssertionError("went on")


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (MISSING, "full"),
        (BROKEN, "failed"),
        (RuntimeError("CUDA error: out of memory"), "full"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "full"),
        (RuntimeError("CUDA error: CUDA-capable device(s) is/are busy or unavailable"), "failed"),
        (RuntimeError("CUDA error: no CUDA-capable device is detected"), "failed"),
        (RuntimeError("No CUDA GPUs are available"), "failed"),
        (RuntimeError("CUDA error: unspecified launch failure"), "failed"),
        (
            torch.AcceleratorError("CUDA error: unknown error")
            if hasattr(torch, "AcceleratorError")
            else BROKEN,
            "failed",
        ),
        (RuntimeError("CUDA error: device-side assert triggered"), None),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), None),
        (RuntimeError("CUDA error: operation not permitted when stream is capturing"), None),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"), None),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
            None,
        ),
    ],
)
def test_faults_of_the_gpu_are_told_from_those_of_the_program(error, fault):
    assert fault_of(error) == fault


def test_a_fault_of_the_program_keeps_its_traceback_and_closes_no_gpu(tmp_path):
    error = RuntimeError("CUDA error: device-side assert triggered")
    assert fails(error)[0] is error
    assert list((tmp_path / "slots").glob("*.closed")) == []


def test_a_failed_gpu_is_one_line_and_the_stage_starts_again_on_another(tmp_path):
    again, _ = fails(BROKEN)
    assert str(again) == (
        "GPU 0 of 2 (fake-0) failed: CUDA error: uncorrectable ECC error encountered; claimed 1,000 MB; "
        "shared with no other job of ours; starting again on another GPU"
    )
    assert again.environ["MIMIC_GPU_TRY"] == "2"
    assert "CUDA_VISIBLE_DEVICES" not in again.environ, "else it would see the failed one alone"
    assert "MIMIC_CLAIM_MB" not in again.environ
    with gpu_place("next", 10, str) as place:
        assert place.room.name == "fake-1"


def test_a_full_gpu_names_who_shares_it_and_what_was_too_little_is_not_claimed_again(environ):
    environ.setenv("CUDA_VISIBLE_DEVICES", "0")
    slots = Slots(os.environ["MIMIC_SLOTS"])
    with slots.ticket("train_teacher 7", 3000, ["fake-0"], 4) as ticket:
        other, _ = slots.try_take(ticket, [Gpu("fake-0", "0", 8000)])
    environ.delenv("CUDA_VISIBLE_DEVICES")
    with slots.ticket("train_student 1", 3000, ["fake-1"], 4) as ticket:
        beside, _ = slots.try_take(ticket, [Gpu("fake-1", "1", 8000)])
    again, _ = fails(MISSING)
    assert str(again).startswith(
        "GPU 0 of 2 (fake-0) is full: CUDA out of memory. Tried to allocate 2.00 GiB."
    )
    assert f"; claimed 1,000 MB; shared with pid {os.getpid()} (train_teacher 7); " in str(again)
    assert again.environ["MIMIC_CLAIM_MB"] == "2000"
    with gpu_place("smaller", 999, str) as place:
        assert place.room.name == "fake-0", "which is closed to larger ones alone"
    other.release()
    beside.release()


@pytest.mark.parametrize(
    "changes", [{"MIMIC_GPU_TRY": "3"}, {"CUDA_VISIBLE_DEVICES": "1"}, {"MIMIC_FAKE_GPUS": "1"}]
)
def test_with_no_other_gpu_or_no_try_left_it_ends_to_be_repeated_later(environ, changes):
    for name, value in changes.items():
        environ.setenv(name, value)
    later, _ = fails(BROKEN)
    assert later.environ is None
    assert str(later).endswith("run the same command again to go on")


def test_with_both_gpus_failed_the_next_job_waits_and_says_why(environ):
    assert fails(BROKEN)[0].environ is not None
    assert fails(BROKEN)[0].environ is None
    lines = []

    class Enough(BaseException):
        pass

    def sleep(seconds):
        raise Enough

    environ.setattr(module.time, "sleep", sleep)
    with pytest.raises(Enough), gpu_place("job", 1000, lines.append):
        raise AssertionError("went on")
    (line,) = lines
    assert line.startswith(
        "waiting for a GPU with 1,000 MB: GPU 0 not used by us, 0 of 8,000 MB claimed, left alone until"
    )
    assert line.count("uncorrectable ECC error") == 2


def test_gpus_that_vanish_while_a_job_waits_end_it(environ):
    present = [[Gpu("g0", "0", 8000, 0, fake=True)], []]
    environ.setattr(Gpus, "read", lambda gpus: present.pop(0))
    environ.setattr(module.time, "sleep", lambda seconds: None)
    with pytest.raises(StartAgain, match="no GPU answers any more"), gpu_place("job", 1000, str):
        raise AssertionError("went on")


def test_a_stage_ends_with_75_and_a_line_where_it_cannot_start_again(environ, capsys):
    environ.setenv("MIMIC_FAKE_GPUS", "1")

    def main(argv):
        with gpu_place("job", 1000, str):
            raise BROKEN

    assert run_stage(main) == 75
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: GPU 0 of 1 (fake-0) failed: CUDA error: uncorrectable ECC error")
    assert err.count("\n") == 1


STAGE = """
import os, sys, torch
from mimic.cli import run_stage
from mimic.gpus.place import gpu_place

def main(argv):
    leak = os.open("leak", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(leak, True)
    with gpu_place("stage", 3000) as place:
        n_open = len(os.listdir("/proc/self/fd"))
        print("runs", sys.argv[1:], place.room.name, place.owner.claim_mb, n_open, flush=True)
        if place.room.name != "fake-2":
            raise torch.OutOfMemoryError("CUDA out of memory.")

raise SystemExit(run_stage(main))
"""


def test_the_same_command_line_is_started_again_until_it_finds_a_gpu_with_room(tmp_path):
    (tmp_path / "stage.py").write_text(STAGE)
    environ = {**os.environ, "MIMIC_FAKE_GPUS": "3"}
    command = [sys.executable, "stage.py", "--name", "a b"]
    run = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    lines = [line.split("] ")[1].split() for line in run.stdout.splitlines()]
    assert [line[:2] for line in lines] == [["fake-0", "3000"], ["fake-1", "6000"], ["fake-2", "12000"]]
    assert len({line[2] for line in lines}) == 1, "descriptors are not left open from try to try"
    assert run.stdout.count("runs ['--name', 'a b']") == 3
    assert run.stderr.count("starting again on another GPU") == 2
    notes = [
        json.loads(path.read_text())["from_mb"] for path in sorted((tmp_path / "slots").glob("*.closed"))
    ]
    assert notes == [3000, 6000]
