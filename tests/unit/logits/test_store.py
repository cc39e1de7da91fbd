import json

import h5py
import numpy as np
import pytest
from tests.sealed_files import reseal

from mimic.cli import InputError
from mimic.logits.store import (
    MEMBER_FORMAT,
    TARGETS_FORMAT,
    Member,
    StoredLogits,
    logits_writer,
    write_logits,
)

DIGESTS = [bytes([epoch]) * 32 for epoch in range(3)]
KNOWN = dict(enumerate(DIGESTS))
MEMBERS = (Member(3, "a" * 64), Member(1, "b" * 64))
LOGITS = np.random.default_rng(0).normal(size=(3, 5, 4)).astype(np.float32)


@pytest.fixture
def write(tmp_path):
    def to_file(logits=LOGITS, dtype="float32", digests=DIGESTS, format_name=TARGETS_FORMAT):
        path = tmp_path / "targets.h5"
        write_logits(path, format_name, iter(logits), digests, 5, 4, dtype, MEMBERS, {})
        return path

    return to_file


def refusal(path, known=KNOWN, n_images=5, format_name=TARGETS_FORMAT):
    with pytest.raises(InputError) as error:
        StoredLogits(path, format_name, known, n_images)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_logits_survive_their_file(write, dtype):
    stored = StoredLogits(write(dtype=dtype), TARGETS_FORMAT, KNOWN, 5)
    for epoch in range(7):
        np.testing.assert_array_equal(stored.epoch(epoch), LOGITS[epoch % 3].astype(dtype))
        assert stored.epoch(epoch).dtype == dtype
    assert (stored.n_classes, stored.n_epochs, stored.members) == (4, 3, MEMBERS)


def test_logits_of_another_epoch_are_refused_with_both_digests(write):
    changed = KNOWN | {1: b"\xff" * 32}
    message = refusal(write(), changed)
    assert "made from another epoch 1" in message
    assert "expected digest ffffffffffffffff, got 0101010101010101" in message


def test_logits_of_fewer_epochs_or_images_are_refused(write):
    assert "expected shape (2, 5, n_classes), got (3, 5, 4)" in refusal(write(), dict(enumerate(DIGESTS[:2])))
    assert "expected shape (3, 6, n_classes), got (3, 5, 4)" in refusal(write(), n_images=6)


def test_a_member_s_file_is_no_target(write):
    assert "expected format 'mimic.targets'" in refusal(write(format_name=MEMBER_FORMAT))


@pytest.mark.parametrize("value", [65520.0, -70000.0, np.inf, np.nan])
def test_a_logit_that_float16_cannot_hold_is_refused_and_nothing_is_left(write, tmp_path, value):
    logits = LOGITS.copy()
    logits[1, 2, 3] = value
    with pytest.raises(InputError, match=r"targets\.h5: epoch 1: a logit is not finite as float16"):
        write(logits, "float16")
    assert list(tmp_path.iterdir()) == []


def test_the_largest_float16_is_kept(write):
    logits = LOGITS.copy()
    logits[1, 2, 3] = 65504
    assert StoredLogits(write(logits, "float16"), TARGETS_FORMAT, KNOWN, 5).epoch(1)[2, 3] == 65504


def test_logits_are_asked_for_one_epoch_at_a_time(tmp_path):
    path, seen = tmp_path / "t.h5", []

    def epochs():
        for epoch in LOGITS:
            seen.append(len(seen))
            yield epoch
        assert seen == [0, 1, 2]

    write_logits(path, TARGETS_FORMAT, epochs(), DIGESTS, 5, 4, "float32", MEMBERS, {})
    assert path.exists()


@pytest.mark.parametrize("n", [2, 4])
def test_epochs_too_few_or_too_many_are_refused(write, tmp_path, n):
    """Rows that nobody gave would be zeros, and zeros are logits."""
    with pytest.raises(ValueError, match=r"zip\(\) argument"):
        write(np.zeros((n, 5, 4), np.float32))
    assert list(tmp_path.iterdir()) == []


def test_logits_of_another_shape_are_not_broadcast(write):
    with pytest.raises(ValueError, match=r"logits of shape \(5, 4\), got \(1, 4\)"):
        write(np.zeros((3, 1, 4), np.float32))


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("logits", None, "logits: expected float16 or float32 of shape (n, n, n), got nothing"),
        ("logits", LOGITS.astype(np.int64), "expected float16 or float32 of shape (n, n, n), got int64"),
        ("logits", LOGITS.astype(np.int32), "expected float16 or float32 of shape (n, n, n), got int32"),
        (
            "logits",
            LOGITS[0],
            "float16 or float32 of shape (n, n, n), got float32 of shape (5, 4)",
        ),
        ("epoch_digest", None, "epoch_digest: expected uint8"),
        ("epoch_digest", np.zeros((3, 31), np.uint8), "epoch_digest: expected uint8"),
        ("epoch_digest", np.zeros((3, 32), np.int64), "epoch_digest: expected uint8"),
    ],
)
def test_arrays_of_another_shape_or_type_are_refused(write, name, data, expected):
    path = write()
    reseal(path, {name: data})
    assert expected in refusal(path)


@pytest.mark.parametrize("name", ["logits", "epoch_digest"])
def test_a_group_in_the_place_of_an_array_is_refused(write, name):
    path = write()
    reseal(path, {name: None, f"{name}/within": LOGITS})
    assert name in refusal(path)


@pytest.mark.parametrize(
    "members", [None, "3", 3, [3], {"trial": 1}, [{"trial": 1}], [{"trial": "x", "weights_digest": ""}]]
)
def test_members_that_are_none_are_refused(write, members):
    path = write()
    reseal(path, attributes={"members": members})
    assert "attribute members" in refusal(path)


def test_a_logit_that_is_not_finite_does_not_reach_a_student(write):
    path = write()
    reseal(path, {"logits": lambda logits: logits.__setitem__((2, 0, 0), np.nan)})
    stored = StoredLogits(path, TARGETS_FORMAT, KNOWN, 5)
    stored.epoch(0)
    with pytest.raises(InputError, match="logits of epoch 2 are not finite"):
        stored.epoch(5)


def test_a_flipped_bit_is_refused(write):
    path = write()
    with h5py.File(path) as file:
        place = file["logits"].id.get_offset() + LOGITS[0].nbytes
    content = bytearray(path.read_bytes())
    content[place + 3] ^= 1
    path.write_bytes(content)
    stored = StoredLogits(path, TARGETS_FORMAT, KNOWN, 5)
    stored.epoch(0)
    with pytest.raises(InputError, match=r"targets\.h5: logits: rows 1 to 1 are damaged: expected checksum"):
        stored.epoch(1)


def test_members_are_stored_as_trial_and_digest(write):
    with h5py.File(write()) as file:
        assert json.loads(file.attrs["members"])[0] == {"trial": 3, "weights_digest": "a" * 64}


def write_some(path, epochs, digests=DIGESTS, dtype="float32", key="key"):
    """Write some epochs under a key; returns those that were missing before."""
    with logits_writer(path, TARGETS_FORMAT, digests, 5, 4, dtype, MEMBERS, {}, key) as writer:
        missing = list(writer.missing)
        for epoch in epochs:
            writer.write(epoch, digests[epoch], LOGITS[epoch])
    return missing


def test_a_file_cut_short_goes_on_with_the_epochs_that_are_missing(write, tmp_path):
    whole = write().read_bytes()
    path = tmp_path / "again.h5"
    with pytest.raises(ValueError, match=r"again\.h5: epochs \[0, 2\] were not written"):
        write_some(path, [1])
    assert not path.exists()
    assert write_some(path, [2, 0]) == [0, 2]
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "changes",
    [{"key": "another"}, {"dtype": "float16"}, {"digests": DIGESTS[::-1]}],
    ids=["device", "type", "epochs"],
)
def test_logits_of_another_device_type_or_epochs_are_not_gone_on_with(tmp_path, changes):
    with pytest.raises(ValueError, match="were not written"):
        write_some(tmp_path / "t.h5", [0, 1])
    assert write_some(tmp_path / "t.h5", [0, 1, 2], **changes) == [0, 1, 2]
