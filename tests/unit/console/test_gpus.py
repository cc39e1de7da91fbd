import json
import os

import pytest

from mimic.console.main import main
from mimic.gpus.slots import Slots
from mimic.gpus.visible import Gpu


@pytest.fixture(autouse=True)
def slots(monkeypatch, tmp_path):
    """A fake GPU, one place, and the folder for it, which is not there yet."""
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MIMIC_FAKE_GPUS", "2x8000")
    monkeypatch.setenv("MIMIC_JOBS_PER_GPU", "1")
    monkeypatch.setenv("MIMIC_SLOTS", str(tmp_path / "slots"))
    return Slots(tmp_path / "slots")


def test_gpus_that_nobody_uses_are_shown_and_no_folder_is_made(capsys, slots):
    assert main(["gpus"]) == 0
    assert capsys.readouterr().out == (
        "GPU 0  fake-0  8,000 MB, 0 claimed  0 of 1 places\n"
        "GPU 1  fake-1  8,000 MB, 0 claimed  0 of 1 places\n"
    )
    assert not slots.folder.exists()


def test_owners_those_who_wait_and_closed_gpus_are_shown(capsys, slots):
    present = [Gpu("fake-0", "0", 8000)]
    with slots.ticket("train_teacher 7", 2300, ["fake-0"], 1) as ticket:
        place, _ = slots.try_take(ticket, present)
    slots.close("fake-1", "uncorrectable ECC error")
    with slots.ticket("train_student cnn2-1M 3", 900, ["fake-0"], 1):
        assert main(["gpus"]) == 0
        text = capsys.readouterr().out
        assert main(["gpus", "--json"]) == 0
    place.release()
    pid = os.getpid()
    lines = text.splitlines()
    assert lines[0] == "GPU 0  fake-0  8,000 MB, 2,300 claimed  1 of 1 places"
    assert lines[1] == f"    place 0: train_teacher 7, pid {pid}, 0 min 0 s, claims 2,300 MB"
    assert lines[3].startswith("    closed to all jobs for ")
    assert lines[3].endswith(" s: uncorrectable ECC error")
    assert lines[4] == f"waiting: train_student cnn2-1M 3, pid {pid}, 0 min 0 s, claims 900 MB"
    value = json.loads(capsys.readouterr().out)
    assert value["folder"] == str(slots.folder)
    assert value["gpus"][0]["owners"][0]["what"] == "train_teacher 7"
    assert value["gpus"][1]["closed"]["reason"] == "uncorrectable ECC error"
    assert value["waiting"][0]["claim_mb"] == 900


def test_an_owner_that_cannot_be_seen_is_said_to_be_so(capsys, slots):
    with slots.ticket("train_teacher 7", 2300, ["fake-0"], 1) as ticket:
        place, _ = slots.try_take(ticket, [Gpu("fake-0", "0", 8000)])
    path = slots.folder / "fake-0.0.place"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": 2**22 + 1}))
    assert main(["gpus"]) == 0
    assert f"train_teacher 7, pid {2**22 + 1} (not seen from here)" in capsys.readouterr().out
    place.release()


@pytest.mark.parametrize("named", ["", "garbage"])
def test_without_a_gpu_it_says_where_jobs_run_and_who_chose_that(capsys, monkeypatch, named):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert main(["gpus"]) == 0
    assert capsys.readouterr().out == (
        f"no GPU that this process may use (CUDA_VISIBLE_DEVICES={named}): jobs run on the processor\n"
    )


def test_a_wrong_variable_is_one_line(capsys, monkeypatch):
    monkeypatch.setenv("MIMIC_JOBS_PER_GPU", "0")
    assert main(["gpus"]) == 1
    expected = "error: MIMIC_JOBS_PER_GPU: expected a number from 1 to 1000, got '0'\n"
    assert capsys.readouterr() == ("", expected)
