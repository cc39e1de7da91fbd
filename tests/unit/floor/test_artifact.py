import errno
import fcntl
import hashlib
import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from mimic.artifact import (
    digest_arrays,
    digest_file,
    digest_json,
    part_file,
    provenance_of,
    publish,
    read_json,
    write_json,
    write_text,
    written_whole,
)
from mimic.cli import InputError


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "file.txt"
    with written_whole(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_text() == "whole"
    assert names(path.parent) == ["file.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, InputError])
def test_an_error_leaves_the_old_file_and_no_other(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail():
        with written_whole(path) as temporary:
            temporary.write_text("half")
            raise error("stop")

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_an_error_before_anything_is_written_leaves_nothing(tmp_path):
    def fail():
        with written_whole(tmp_path / "file.txt"):
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fail()
    assert names(tmp_path) == []


@pytest.mark.parametrize("keep", [False, True])
def test_a_part_that_is_kept_is_there_for_the_next_attempt(tmp_path, keep):
    def fail():
        with part_file(tmp_path / "file.txt", keep=keep) as (_, descriptor):
            os.write(descriptor, b"half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fail()
    assert names(tmp_path) == ([".file.txt.part"] if keep else [])
    with part_file(tmp_path / "file.txt") as (temporary, descriptor):
        assert os.pread(descriptor, 9, 0) == (b"half" if keep else b"")
        publish(temporary, tmp_path / "file.txt")
    assert names(tmp_path) == ["file.txt"]


def test_what_a_killed_process_left_is_in_nobody_s_way(tmp_path):
    (tmp_path / ".file.txt.part").write_text("half of something longer")
    with written_whole(tmp_path / "file.txt") as temporary:
        assert temporary.read_bytes() == b""
        temporary.write_text("whole")
    assert (tmp_path / "file.txt").read_text() == "whole"
    assert names(tmp_path) == ["file.txt"]


def test_two_processes_do_not_write_one_file_at_once(tmp_path):
    path = tmp_path / "file.txt"
    with part_file(path) as (_, descriptor):
        os.write(descriptor, b"first")
        code = f"from mimic.artifact import write_text; write_text({str(path)!r}, 'second')"
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert f"InputError: {path}: another process is writing this file" in run.stderr
        assert os.pread(descriptor, 9, 0) == b"first"
        assert names(tmp_path) == [".file.txt.part"]
    subprocess.run([sys.executable, "-c", code], check=True)
    assert path.read_text() == "second"


def test_a_part_that_was_published_between_opening_and_locking_is_not_taken_over(tmp_path, monkeypatch):
    """Else a file would be written that already has its final name."""
    path, flock, published = tmp_path / "file.txt", fcntl.flock, []

    def slow(descriptor, operation):
        if not published:
            published.append(True)
            os.pwrite(descriptor, b"first", 0)
            os.replace(tmp_path / ".file.txt.part", path)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", slow)
    with written_whole(path) as temporary:
        assert path.read_text() == "first"
        temporary.write_text("second")
        assert path.read_text() == "first"
    assert path.read_text() == "second"
    assert names(tmp_path) == ["file.txt"]


def test_the_part_of_another_process_is_left_alone(tmp_path):
    """It can begin as soon as ours has its final name."""
    with part_file(tmp_path / "file.txt") as (temporary, _):
        publish(temporary, tmp_path / "file.txt")
        temporary.write_text("of another")
    assert names(tmp_path) == [".file.txt.part", "file.txt"]


def test_a_file_system_without_locks_will_do(tmp_path, monkeypatch):
    def none(*args):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    write_text(tmp_path / "file.txt", "whole")
    assert (tmp_path / "file.txt").read_text() == "whole"


def test_a_link_is_replaced_and_what_it_points_to_is_left_alone(tmp_path):
    target, path = tmp_path / "target.txt", tmp_path / "file.txt"
    target.write_text("of somebody else")
    path.symlink_to(target)
    write_text(path, "new")
    assert target.read_text() == "of somebody else"
    assert not path.is_symlink()
    assert path.read_text() == "new"


def test_a_link_in_the_place_of_the_part_is_not_followed(tmp_path):
    (tmp_path / "target.txt").write_text("of somebody else")
    (tmp_path / ".file.txt.part").symlink_to(tmp_path / "target.txt")
    with pytest.raises(OSError, match=r"\.file\.txt\.part"):
        write_text(tmp_path / "file.txt", "new")
    assert (tmp_path / "target.txt").read_text() == "of somebody else"
    assert not (tmp_path / "file.txt").exists()


def test_a_full_disk_names_the_file_and_leaves_the_old_one(tmp_path):
    (tmp_path / "a.json").write_text("old")
    code = (
        "import resource, sys\n"
        "from mimic.artifact import write_json\n"
        "from mimic.cli import run_stage\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        f"sys.exit(run_stage(lambda argv: write_json({str(tmp_path / 'a.json')!r}, list(range(10_000)))))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr == f"error: {tmp_path / 'a.json'}: File too large\n"
    assert (tmp_path / "a.json").read_text() == "old"
    assert names(tmp_path) == ["a.json"]


def test_an_error_about_another_file_keeps_that_file_s_name(tmp_path):
    with pytest.raises(FileNotFoundError) as error, written_whole(tmp_path / "file.txt"):
        (tmp_path / "other.txt").read_text()
    assert error.value.filename == str(tmp_path / "other.txt")


def test_a_reader_of_the_old_file_keeps_it(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with open(path) as file:
        write_text(path, "new")
        assert file.read() == "old"
    assert path.read_text() == "new"


def test_json_has_sorted_keys_and_no_nan(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": [2.5, None, "ü"]})
    assert list(json.loads(path.read_text())) == ["a", "b"]
    assert read_json(path) == {"b": 1, "a": [2.5, None, "ü"]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": math.nan})
    assert read_json(path)["b"] == 1
    assert names(tmp_path) == ["a.json"]


VALUE = {"format": "mimic.trial", "b": [1, 2.5, None, "ü"], "a": {"x": 0.1 + 0.2}}


def test_json_of_a_format_carries_the_digest_of_what_it_says(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, VALUE)
    stored = json.loads(path.read_text())
    text = json.dumps(VALUE, sort_keys=True, separators=(",", ":"))
    assert stored == VALUE | {"sha256": hashlib.sha256(text.encode()).hexdigest()}
    assert digest_json(VALUE) == stored["sha256"]
    assert read_json(path, "mimic.trial") == VALUE
    path.write_text(json.dumps(stored, indent=3))
    assert read_json(path, "mimic.trial") == VALUE


def test_keys_that_become_text_have_the_digest_of_that_text(tmp_path):
    write_json(tmp_path / "a.json", {"format": "f", 10: "a", 9: "b", "rows": (1, 2)})
    assert read_json(tmp_path / "a.json", "f") == {"format": "f", "10": "a", "9": "b", "rows": [1, 2]}


def test_json_that_is_written_again_gets_a_new_digest(tmp_path):
    write_json(tmp_path / "a.json", VALUE)
    write_json(tmp_path / "b.json", json.loads((tmp_path / "a.json").read_text()) | {"b": 3})
    assert read_json(tmp_path / "b.json", "mimic.trial") == VALUE | {"b": 3}


@pytest.mark.parametrize(
    "change",
    [
        {"b": 3},
        {"b": [1, 2.5, None, "u"]},
        {"a": {"x": 0.3}},
        {"more": 1},
        {"sha256": None},
        {"sha256": 7},
        {"sha256": "f" * 64},
    ],
)
def test_json_that_was_changed_is_refused_with_both_digests(tmp_path, change):
    path = tmp_path / "a.json"
    write_json(path, VALUE)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError) as error:
        read_json(path, "mimic.trial")
    message = str(error.value)
    assert message.startswith(f"{path}: was changed after it was written: expected digest")
    assert "\n" not in message
    assert digest_json({**VALUE, **{k: v for k, v in change.items() if k != "sha256"}})[:16] in message


def test_json_without_a_digest_is_refused_where_a_format_is_expected(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(VALUE))
    assert read_json(tmp_path / "a.json") == VALUE
    with pytest.raises(InputError, match=r"a\.json: was changed after it was written: expected digest None"):
        read_json(tmp_path / "a.json", "mimic.trial")


def test_json_that_is_not_there_is_named_with_its_format(tmp_path):
    with pytest.raises(InputError, match=r"a\.json: no such file \(expected mimic\.trial\)"):
        read_json(tmp_path / "a.json", "mimic.trial")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "expected a JSON object, got list"),
        (b"{}", "expected format 'mimic.trial', got None"),
        (b'{"format": 3}', "expected format 'mimic.trial', got 3"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_json_file_that_is_something_else_is_refused(tmp_path, content, expected):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_json(path, "mimic.trial")
    assert str(error.value).startswith(f"{path}: {expected}")
    assert "\n" not in str(error.value)


PROVENANCE = provenance_of("stage", {"a": 1}, 7, "f" * 16, dataset="d", members={"3": "w"})


def test_provenance_names_sources_and_versions():
    assert PROVENANCE["sources"] == {"dataset": "d", "members": {"3": "w"}}
    assert set(PROVENANCE["versions"]) >= {"mimic", "numpy", "torch", "h5py"}


def test_a_digest_depends_on_names_types_shapes_and_bytes():
    array = np.arange(6, dtype=np.int32)
    digests = {
        digest_arrays(a=array),
        digest_arrays(b=array),
        digest_arrays(a=array.astype(np.uint32)),
        digest_arrays(a=array.reshape(2, 3)),
        digest_arrays(a=array[::-1]),
        digest_arrays(a=array, b=array[:0]),
        digest_arrays(),
    }
    assert len(digests) == 7


def test_a_digest_does_not_depend_on_how_an_array_lies_in_memory():
    array = np.arange(6, dtype="<i4").reshape(2, 3)
    expected = digest_arrays(a=array, b=array)
    assert digest_arrays(b=array, a=array.astype(">i4")) == expected
    assert digest_arrays(a=np.asfortranarray(array), b=array) == expected


def test_a_file_s_digest_is_the_sha256_of_its_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_file(tmp_path / "a") == expected
