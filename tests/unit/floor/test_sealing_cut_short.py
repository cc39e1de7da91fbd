"""Writing sealed files: what is left when the work is cut short, and how it goes on."""

import contextlib
import errno
import os
import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest

from mimic.cli import InputError
from mimic.sealed import checksum_name, open_sealed
from mimic.sealing import Layout, sealed_writer

LAYOUTS = {"logits": Layout("f4", (6, 5, 3)), "epoch": Layout("i4", (6,))}
ATTRIBUTES = {"provenance": {"seed": 7}}


def logits_of(row):
    return np.random.default_rng(row).normal(size=(1, 5, 3)).astype(np.float32)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


class Stop(BaseException):
    """What no handler expects, as when a process is killed."""


def write_rows(path, key="key", stop_after=None, attributes=ATTRIBUTES, layouts=LAYOUTS):
    """Write the missing rows of a file; returns those that an earlier attempt had written."""
    held = []
    with sealed_writer(path, "mimic.thing", 1, attributes, layouts, key) as writer:
        for row in range(6):
            if writer.holds(row):
                held.append(row)
                continue
            if row == stop_after:
                raise Stop
            writer.write("logits", logits_of(row), row)
            writer.write("epoch", np.array([row], np.int32), row)
    return held


@pytest.fixture
def whole(tmp_path):
    """Bytes of a file that was written at once, without a key."""
    write_rows(tmp_path / "whole.h5", None)
    content = (tmp_path / "whole.h5").read_bytes()
    (tmp_path / "whole.h5").unlink()
    return content


@pytest.fixture
def part(tmp_path):
    """Stops after some rows; returns the part file."""

    def stop(after, key="key"):
        with pytest.raises(Stop):
            write_rows(tmp_path / "a.h5", key, after)
        return tmp_path / ".a.h5.part"

    return stop


@pytest.mark.parametrize("after", range(6))
def test_a_file_goes_on_where_it_was_stopped_and_has_the_same_bytes(tmp_path, whole, part, after):
    part(after)
    assert names(tmp_path) == [".a.h5.part"]
    assert write_rows(tmp_path / "a.h5") == list(range(after))
    assert names(tmp_path) == ["a.h5"]
    assert (tmp_path / "a.h5").read_bytes() == whole


def test_a_file_is_stopped_again_and_again(tmp_path, whole, part):
    for after in (1, 1, 4, 5):
        part(after)
    assert write_rows(tmp_path / "a.h5") == [0, 1, 2, 3, 4]
    assert (tmp_path / "a.h5").read_bytes() == whole


def test_without_a_key_nothing_is_left_and_nothing_is_gone_on_from(tmp_path, whole, part):
    part(3, key=None)
    assert names(tmp_path) == []
    part(3)
    assert write_rows(tmp_path / "a.h5", None) == []
    assert (tmp_path / "a.h5").read_bytes() == whole
    assert names(tmp_path) == ["a.h5"]


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "another"},
        {"key": ""},
        {"attributes": {"provenance": {"seed": 8}}},
        {"layouts": LAYOUTS | {"epoch": Layout("i4", (6, 1))}},
        {"layouts": LAYOUTS | {"more": Layout("i4", (6,))}},
    ],
    ids=["key", "empty key", "attribute", "shape", "array"],
)
def test_another_plan_starts_afresh(tmp_path, part, changes):
    part(3)
    with pytest.raises(Stop):
        write_rows(tmp_path / "a.h5", **{"stop_after": 0, **changes})
    assert write_rows_held(tmp_path / "a.h5") == []


def write_rows_held(path):
    """Rows that the first plan finds after all."""
    held = None
    with (
        contextlib.suppress(Stop),
        sealed_writer(path, "mimic.thing", 1, ATTRIBUTES, LAYOUTS, "key") as writer,
    ):
        held = [row for row in range(6) if writer.holds(row)]
        raise Stop
    return held


@pytest.mark.parametrize("name", ["logits", "crc32/logits", "epoch", "crc32/epoch"])
def test_damaged_rows_of_a_part_file_are_written_again(tmp_path, whole, part, name):
    with h5py.File(part(5)) as file:
        place = file[name].id.get_offset() + 2 * file[name].id.get_storage_size() // 6
    flip(tmp_path / ".a.h5.part", place)
    assert write_rows(tmp_path / "a.h5") == [0, 1, 3, 4]
    assert (tmp_path / "a.h5").read_bytes() == whole


def flip(path, place):
    with open(path, "r+b") as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 1]))


def test_damaged_structure_of_a_part_file_is_written_again(tmp_path, whole, part):
    """A crash of the machine can lose any block of it, also where nothing stands between arrays."""
    with h5py.File(part(4)) as file:
        arrays = [file[name].id for name in (*LAYOUTS, *map(checksum_name, LAYOUTS))]
        places = [(array.get_offset(), array.get_storage_size()) for array in arrays]
    content = bytearray((tmp_path / ".a.h5.part").read_bytes())
    kept = np.zeros(len(content), bool)
    kept[: content.index(b"\n") + 1] = True
    for offset, n_bytes in places:
        kept[offset : offset + n_bytes] = True
    damaged = np.frombuffer(content, np.uint8) ^ np.where(kept, 0, 255).astype(np.uint8)
    (tmp_path / ".a.h5.part").write_bytes(damaged.tobytes())
    assert write_rows(tmp_path / "a.h5") == [0, 1, 2, 3]
    assert (tmp_path / "a.h5").read_bytes() == whole


@pytest.mark.parametrize("n_bytes", [0, 50, 6000, -1])
def test_a_part_file_of_another_size_is_begun_afresh(tmp_path, whole, part, n_bytes):
    path = part(4)
    os.truncate(path, n_bytes % path.stat().st_size if n_bytes < 0 else n_bytes)
    assert write_rows(tmp_path / "a.h5") == []
    assert (tmp_path / "a.h5").read_bytes() == whole


def test_rows_without_a_checksum_of_their_own_are_not_asked_for(tmp_path):
    layouts = {"x": Layout("f4", (6,), 2)}
    with (
        pytest.raises(ValueError, match="x: expected a checksum for every row"),
        sealed_writer(tmp_path / "a.h5", "f", 1, {}, layouts, "key") as writer,
    ):
        writer.holds(0)


@pytest.mark.parametrize("key", ["key", None])
def test_stopped_at_any_write_the_next_run_ends_with_the_same_bytes(tmp_path, whole, monkeypatch, key):
    """Also while it is sealed and named: the old file stays until the new one is whole."""
    path, n_calls = tmp_path / "a.h5", 0
    path.write_text("old")
    calls = ("pwrite", "ftruncate", "posix_fallocate", "fsync", "replace")
    real = {name: getattr(os, name) for name in calls}

    def counted(name, at):
        def call(*args, **options):
            nonlocal n_calls
            n_calls += 1
            if n_calls == at:
                if name == "pwrite":
                    real[name](args[0], bytes(args[1])[: len(args[1]) // 2], args[2])
                raise Stop
            return real[name](*args, **options)

        return call

    for at in range(1, 1000):
        n_calls = 0
        with monkeypatch.context() as context:
            for name in real:
                context.setattr(os, name, counted(name, at))
            try:
                write_rows(path, key)
            except Stop:
                assert path.read_bytes() in (b"old", whole)
            else:
                break
        write_rows(path, key)
        assert path.read_bytes() == whole
        assert names(tmp_path) == ["a.h5"]
        path.write_text("old")
    assert at > 30


@pytest.mark.parametrize("key", ["key", None])
def test_a_full_disk_names_the_file_and_gives_its_room_back(tmp_path, whole, monkeypatch, key):
    path = tmp_path / "a.h5"

    def fallocate(descriptor, offset, n_bytes):
        os.ftruncate(descriptor, n_bytes // 2)  # as far as it came
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as context:
        context.setattr(os, "posix_fallocate", fallocate)
        with pytest.raises(OSError, match="No space left") as error:
            write_rows(path, key)
    assert error.value.filename == str(path)
    assert names(tmp_path) == ([".a.h5.part"] if key else [])
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) == 0
    assert write_rows(path, key) == []
    assert path.read_bytes() == whole


def test_a_disk_that_fills_up_later_keeps_what_was_written(tmp_path, whole, monkeypatch):
    """Where room cannot be kept free, as on a file system that copies on writing."""
    path, pwrite = tmp_path / "a.h5", os.pwrite

    def full(descriptor, data, offset):
        if bytes(data) == logits_of(4).tobytes():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwrite(descriptor, data, offset)

    with monkeypatch.context() as context:
        context.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space left") as error:
            write_rows(path)
    assert error.value.filename == str(path)
    assert names(tmp_path) == [".a.h5.part"]
    assert write_rows(path) == [0, 1, 2, 3]
    assert path.read_bytes() == whole


def test_writes_that_the_system_cuts_short_are_gone_on_with(tmp_path, whole, monkeypatch):
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: pwrite(fd, data[:17], offset))
    write_rows(tmp_path / "a.h5")
    assert (tmp_path / "a.h5").read_bytes() == whole


def test_the_room_is_taken_before_the_work_is_done(tmp_path, monkeypatch):
    with sealed_writer(tmp_path / "a.h5", "f", 1, {}, {"x": Layout("f4", (10**6,), 1000)}, "key") as writer:
        assert (tmp_path / ".a.h5.part").stat().st_blocks * 512 >= 4 * 10**6
        writer.write("x", np.ones(10**6, np.float32))


CHILD = """
import os, resource, signal, sys
import numpy as np
from mimic.artifact import write_json
from mimic.cli import run_stage
from mimic.sealing import Layout, sealed_writer, write_sealed

def limited(path):
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    write_sealed(path, "f", 1, {}, {"x": np.ones(10_000, np.float32)}, 1000)

def killed(path):
    layouts = {"x": Layout("i4", (6,))}
    with sealed_writer(path, "f", 1, {}, layouts, "key") as writer:
        for row in range(3):
            writer.write("x", np.array([row], np.int32), row)
        os.kill(os.getpid(), signal.SIGKILL)

def waiting(path):
    with sealed_writer(path, "f", 1, {}, {"x": Layout("i4", (6,))}, "key") as writer:
        writer.write("x", np.arange(6, dtype=np.int32))
        print("holds it", flush=True)
        sys.stdin.readline()

sys.exit(run_stage(lambda argv: globals()[sys.argv[1]](sys.argv[2])))
"""


def child(what, path, piped=None):
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, what, str(path)],
        text=True,
        stderr=subprocess.PIPE,
        stdin=piped,
        stdout=piped,
    )


def test_a_file_too_large_for_its_place_is_one_line_and_leaves_nothing(tmp_path):
    with child("limited", tmp_path / "a.h5") as process:
        message = process.stderr.read()
    assert message == f"error: {tmp_path / 'a.h5'}: File too large\n"
    assert process.returncode == 1
    assert names(tmp_path) == []


def test_a_killed_process_leaves_a_part_that_the_next_goes_on_with(tmp_path):
    with child("killed", tmp_path / "a.h5") as process:
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert names(tmp_path) == [".a.h5.part"]
    with sealed_writer(tmp_path / "a.h5", "f", 1, {}, {"x": Layout("i4", (6,))}, "key") as writer:
        assert [writer.holds(row) for row in range(6)] == [True] * 3 + [False] * 3
        writer.write("x", np.arange(3, 6, dtype=np.int32), 3)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["x"][()].tolist() == [0, 1, 2, 3, 4, 5]


def test_two_processes_do_not_write_one_file(tmp_path):
    path = tmp_path / "a.h5"
    with child("waiting", path, piped=subprocess.PIPE) as process:
        assert process.stdout.readline() == "holds it\n"
        for key in ("key", None):
            with pytest.raises(InputError, match=r"a\.h5: another process is writing this file"):
                write_rows(path, key)
        assert names(tmp_path) == [".a.h5.part"]
        process.communicate("\n")
    assert process.returncode == 0
    with open_sealed(path) as file:
        assert file.read("x").tolist() == [0, 1, 2, 3, 4, 5]
    write_rows(path)
    assert names(tmp_path) == ["a.h5"]
