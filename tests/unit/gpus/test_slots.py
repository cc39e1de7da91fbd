"""Places on GPUs, taken by tickets of one process: flock tells apart descriptors, not processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mimic.cli import InputError
from mimic.gpus.ledger import PATIENCE_SECONDS
from mimic.gpus.slots import CLOSED_SECONDS, Slots, is_there, places_per_gpu, slots_of
from mimic.gpus.visible import Gpu

NOW = 1_000_000.0


def gpus(*total_mb):
    return [Gpu(f"g{number}", str(number), total) for number, total in enumerate(total_mb)]


@pytest.fixture
def slots(tmp_path):
    return Slots(tmp_path / "slots")


@pytest.fixture
def take(slots):
    """Function that takes a place, or gives None, with a ticket that is given back."""

    def taken(claim_mb, present, now=NOW, places=4):
        with slots.ticket("a job", claim_mb, [gpu.name for gpu in present], places, now) as ticket:
            return slots.try_take(ticket, present, now)[0]

    return taken


def where(place):
    return place and (place.room.name, place.owner.place)


def test_jobs_go_to_the_least_loaded_gpu_until_all_places_are_taken(take):
    present = gpus(8000, 8000)
    places = [take(10, present, NOW + i, places=2) for i in range(5)]
    assert [where(place) for place in places] == [("g0", 0), ("g1", 0), ("g0", 1), ("g1", 1), None]


def test_a_place_that_is_given_back_is_taken_again(take):
    first, second = take(10, gpus(8000), places=2), take(10, gpus(8000), places=2)
    assert where(second) == ("g0", 1)
    first.release()
    assert where(take(10, gpus(8000), places=2)) == ("g0", 0)


def test_claims_are_added_up_to_the_memory_of_the_gpu_less_a_reserve(take):
    held = [take(2500, gpus(8000)) for _ in range(4)]
    assert [where(place) for place in held] == [("g0", 0), ("g0", 1), ("g0", 2), None]
    held[0].release()
    assert take(2501, gpus(8000)) is None
    assert where(take(2500, gpus(8000))) == ("g0", 0)


def test_a_job_that_claims_more_than_any_gpu_has_gets_one_alone(take):
    first = take(10, gpus(8000))
    assert take(9000, gpus(8000)) is None
    first.release()
    assert take(9000, gpus(8000)).owner.claim_mb == 7500


def test_a_gpu_that_somebody_else_fills_is_passed_over(take):
    present = [Gpu("g0", "0", 8000, free_mb=99), Gpu("g1", "1", 8000, free_mb=100)]
    assert where(take(100, present)) == ("g1", 0)
    # and what a job claimed but has not allocated yet is not there for the next one
    assert take(100, present) is None
    assert where(take(100, present, NOW + 121)) == ("g1", 1)


def test_a_limit_of_one_job_counts_those_that_others_let_in(take):
    held = [take(10, gpus(8000)), take(10, gpus(8000))]
    held[0].release()
    assert take(10, gpus(8000), places=1) is None


def test_the_file_of_a_place_tells_people_who_is_there(slots, take):
    place = take(10, gpus(8000))
    (path,) = slots.folder.glob("*.place")
    assert path.name == "g0.0.place"
    expected = {"place": 0, "pid": os.getpid(), "what": "a job", "since": NOW, "claim_mb": 10}
    assert json.loads(path.read_text()) == expected
    rooms, _ = slots.look(gpus(8000))
    assert rooms[0].owners == (place.owner,)
    place.release()
    rooms, _ = slots.look(gpus(8000))
    assert rooms[0].owners == ()


def test_the_pid_in_a_file_decides_nothing(slots, take):
    take(10, gpus(8000), places=1).release()
    # A live process is named in the file, but no lock is held: the place is free.
    assert json.loads((slots.folder / "g0.0.place").read_text())["pid"] == os.getpid()
    place = take(10, gpus(8000), places=1)
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    path = slots.folder / "g0.0.place"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": int(gone.stdout)}))
    assert not is_there(int(gone.stdout))
    assert take(10, gpus(8000), places=1) is None
    place.release()


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"pid": 1}', '{"place": 0, "claim_mb": -5}', "null"])
def test_nothing_fits_beside_an_owner_whose_claim_cannot_be_read(slots, take, text):
    place = take(10, gpus(8000))
    (slots.folder / "g0.0.place").write_text(text)
    assert take(10, gpus(8000)) is None
    assert where(take(10, gpus(8000, 8000))) == ("g1", 0)
    place.release()


def test_who_waits_longest_goes_first(slots):
    present = gpus(8000)
    names = ["g0"]
    with (
        slots.ticket("first", 10, names, 1, NOW) as first,
        slots.ticket("second", 10, names, 1, NOW + 1) as second,
    ):
        assert slots.try_take(second, present, NOW + 2)[0] is None, "left to the first"
        assert [ticket.what for ticket in slots.look(present, NOW + 2)[1]] == ["first", "second"]
        place, _ = slots.try_take(first, present, NOW + 2)
        assert where(place) == ("g0", 0)
    assert slots.look(present, NOW + 2)[1] == []


def test_who_asks_no_more_holds_nobody_up(slots):
    with (
        slots.ticket("stopped", 10, ["g0"], 1, NOW) as stopped,
        slots.ticket("next", 10, ["g0"], 1, NOW + 1) as ticket,
    ):
        full, _ = slots.try_take(stopped, gpus(None), NOW)
        assert slots.try_take(stopped, gpus(None), NOW)[0] is None
        full.release()
        assert slots.try_take(ticket, gpus(None), NOW + 9)[0] is None
        assert where(slots.try_take(ticket, gpus(None), NOW + 11)[0]) == ("g0", 0)


def test_who_died_in_the_line_holds_nobody_up(slots, take):
    with slots.ticket("killed", 10, ["g0"], 1, NOW):
        (path,) = (slots.folder / "waiting").iterdir()
        text = path.read_text()
        assert take(10, gpus(8000), NOW + 1, places=1) is None
    path.write_text(text)  # as a kill leaves it: without a lock
    os.utime(path, (NOW, NOW))
    assert where(take(10, gpus(8000), NOW + 1, places=1)) == ("g0", 0)
    assert not path.exists()


def test_a_small_job_passes_a_large_one_that_is_patient_and_no_other(slots, take):
    small = take(4000, gpus(8000))
    with slots.ticket("large", 6000, ["g0"], 4, NOW) as large:
        assert slots.try_take(large, gpus(8000), NOW)[0] is None
        assert where(take(1000, gpus(8000), NOW + 1)) == ("g0", 1)
        late = NOW + PATIENCE_SECONDS + 1
        assert slots.try_take(large, gpus(8000), late)[0] is None
        assert take(1000, gpus(8000), late) is None
        small.release()


def test_a_closed_gpu_is_left_alone_for_some_minutes(slots, take):
    present = gpus(8000, 8000)
    take(10, present).release()
    slots.close("g0", "uncorrectable ECC error", now=NOW)
    assert [where(take(10, present, NOW + 1)) for _ in range(2)] == [("g1", 0), ("g1", 1)]
    assert take(10, present[:1], NOW + CLOSED_SECONDS - 1) is None
    assert where(take(10, present, NOW + CLOSED_SECONDS)) == ("g0", 0)


def test_a_gpu_that_was_full_is_closed_to_claims_as_large_alone(slots, take):
    take(10, gpus(8000)).release()
    slots.close("g0", "out of memory", from_mb=3000, now=NOW)
    assert take(3000, gpus(8000), NOW) is None
    assert where(take(2999, gpus(8000), NOW)) == ("g0", 0)
    slots.close("g0", "out of memory", from_mb=5000, now=NOW)
    assert take(3000, gpus(8000), NOW) is None, "the smaller of two claims that failed counts"


@pytest.mark.parametrize("text", ["", "[]", '{"until": 1e18, "reason": "x", "from_mb": 0}', '{"until": "x"}'])
def test_a_note_that_makes_no_sense_closes_nothing(slots, take, text):
    take(10, gpus(8000)).release()
    (slots.folder / "g0.closed").write_text(text)
    assert where(take(10, gpus(8000))) == ("g0", 0)


def test_looking_makes_no_folder(slots):
    rooms, waiting = slots.look(gpus(8000))
    assert [room.name for room in rooms] == ["g0"]
    assert waiting == []
    assert not slots.folder.exists()


def test_the_folder_is_the_users_alone(slots, take):
    take(10, gpus(8000))
    assert slots.folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_everyone_can_write_to_is_refused(slots, take):
    slots.folder.mkdir()
    slots.folder.chmod(0o777)
    with pytest.raises(InputError, match="not everyone can write to, got 777"):
        take(10, gpus(8000))


def test_a_folder_of_another_user_is_refused(slots, take, monkeypatch):
    slots.folder.mkdir()
    uid = os.getuid()
    monkeypatch.setattr("mimic.gpus.slots.os.getuid", lambda: uid + 1)
    with pytest.raises(InputError, match=f"expected a folder of user {uid + 1}"):
        take(10, gpus(8000))
    (slots.folder / "guard").touch()
    with pytest.raises(InputError, match=f"expected a folder of user {uid + 1}"):
        slots.look(gpus(8000))


def test_a_link_in_place_of_the_folder_is_refused(slots, take, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    slots.folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="found another's"):
        take(10, gpus(8000))
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_allocation_of_slurm_has_a_folder_of_its_own():
    assert slots_of({"MIMIC_SLOTS": "/a"}).folder == Path("/a")
    assert slots_of({"MIMIC_SLOTS": "/a", "SLURM_JOB_ID": "12"}).folder == Path("/a/slurm-12")
    assert slots_of({"MIMIC_SLOTS": "/a", "SLURM_JOB_ID": "../x/12"}).folder == Path("/a/slurm-x12")
    assert slots_of({}).folder == Path(f"/tmp/mimic-gpus-{os.getuid()}")


def test_four_jobs_share_a_gpu_unless_told_otherwise():
    assert places_per_gpu({}) == 4
    assert places_per_gpu({"MIMIC_JOBS_PER_GPU": "1"}) == 1


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "1001", "²"])
def test_a_number_of_jobs_that_is_none_is_refused(text):
    with pytest.raises(InputError, match="MIMIC_JOBS_PER_GPU: expected a number from 1 to 1000"):
        places_per_gpu({"MIMIC_JOBS_PER_GPU": text})
