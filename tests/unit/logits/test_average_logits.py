import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.augment_settings import HSV
from tests.sealed_files import reseal

from mimic.cli import InputError
from mimic.epochs.generate_epochs import main as generate_epochs
from mimic.logits.average_logits import average_logits


def logits_of(path):
    with h5py.File(path) as file:
        return file["logits"][()]


def test_the_mean_over_members_by_hand():
    first, second = np.float32([[1, 2], [3, 4]]), np.float32([[5, 0], [-3, 4.5]])
    mean = average_logits([first, second])
    np.testing.assert_array_equal(mean, [[3, 1], [0, 4.25]])
    assert mean.dtype == np.float64


def test_one_member_is_its_own_mean():
    values = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_array_equal(average_logits([values]), values)


def test_half_precision_is_summed_in_double():
    """Three times 40,000 exceeds float16; 40,000 itself is a float16."""
    values = np.full((1, 1), 40_000, np.float16)
    assert average_logits([values] * 3)[0, 0] == 40_000


def test_members_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"expected logits of shape \(4, 3\), got \(4, 1\)"):
        average_logits([np.zeros((4, 3)), np.zeros((4, 1))])


def test_targets_are_the_members_mean_in_the_epochs_order(member, average):
    paths = [member(trial) for trial in (5, 2, 9)]
    path = average([5, 2, 9], paths)
    members = np.stack([logits_of(p).astype(np.float64) for p in paths])
    np.testing.assert_array_equal(logits_of(path), members.mean(axis=0).astype(np.float32))
    half = average([5, 2, 9], paths, dtype="float16", name="half.h5")
    np.testing.assert_array_equal(logits_of(half), members.mean(axis=0).astype(np.float16))
    with h5py.File(path) as file, h5py.File(paths[0]) as one:
        np.testing.assert_array_equal(file["epoch_digest"], one["epoch_digest"])
        assert file.attrs["format"] == "mimic.targets"
        assert [m["trial"] for m in json.loads(file.attrs["members"])] == [5, 2, 9]
        assert list(json.loads(file.attrs["provenance"])["sources"]["members"]) == ["2", "5", "9"]


def test_the_order_of_the_files_changes_no_byte(member, average):
    paths = {trial: member(trial) for trial in (5, 2, 9)}
    first = Path(average([5, 2, 9], [paths[t] for t in (5, 2, 9)])).read_bytes()
    for order in ((9, 5, 2), (2, 9, 5)):
        other = average([5, 2, 9], [paths[t] for t in order], name="other.h5")
        assert Path(other).read_bytes() == first


@pytest.mark.parametrize("given", [(5,), (5, 2, 9), (5, 9), (5, 5)])
def test_members_too_few_too_many_or_others_are_refused(member, average, given):
    paths = {trial: member(trial) for trial in (5, 2, 9)}
    with pytest.raises(InputError) as error:
        average([5, 2], [paths[trial] for trial in given])
    assert f"expected logits of trials [5, 2], got {list(given)}" in str(error.value)


def test_logits_of_other_epochs_are_refused_with_both_digests(
    member, average, shards, tmp_path, dataset_path
):
    first = member(5)
    settings = {"store": "recipe", "hsv": HSV, "crop": {"mirror_probability": 0.5, "crop_min": 24}}
    arguments = ["--settings", json.dumps(settings), "--seed", "8", "--epochs", "0", "1", "2"]
    other = str(tmp_path / "other.h5")
    generate_epochs([*arguments, "--dataset", dataset_path, "--shard", other])
    second = member(2, epochs=[other])
    with pytest.raises(InputError) as error:
        average([5, 2], [first, second])
    message = str(error.value)
    assert message.startswith(f"{second}: made from another epoch 0")
    for path in (first, second):
        with h5py.File(path) as file:
            assert file["epoch_digest"][0].tobytes().hex()[:16] in message


def test_logits_of_other_classes_are_refused_and_not_broadcast(member, average):
    first, second = member(5), member(2)
    reseal(second, {"logits": logits_of(second)[:, :, :1]})
    with pytest.raises(InputError, match=r"2\.h5: expected 3 classes, got 1"):
        average([5, 2], [first, second])


@pytest.mark.parametrize(
    "ensemble",
    [
        {"format": "mimic.ensemble"},
        {"format": "mimic.ensemble", "members": 5},
        {"format": "mimic.ensemble", "members": ["5"]},
        {"format": "mimic.ensemble", "members": []},
        {"format": "mimic.trial", "members": [5]},
    ],
)
def test_a_file_that_names_no_members_is_refused(member, average, ensemble):
    with pytest.raises(InputError, match=r"members\.json: "):
        average(None, [member(5)], ensemble=ensemble)


@pytest.mark.parametrize("name", ["logits", "epoch_digest"])
def test_a_first_file_without_an_array_is_refused(member, average, name):
    path = member(5)
    reseal(path, {name: None})
    with pytest.raises(InputError, match=rf"5\.h5: {name}: "):
        average([5], [path])


def test_targets_are_no_member(member, average):
    targets = average([5], [member(5)])
    with pytest.raises(InputError, match=r"expected format 'mimic\.logits', got 'mimic\.targets'"):
        average([5], [targets], name="again.h5")


def test_logits_of_several_nets_are_no_member(member, average):
    path = member(5)
    reseal(path, attributes={"members": [{"trial": t, "weights_digest": "w"} for t in (5, 2)]})
    with pytest.raises(InputError, match=r"5\.h5: expected the logits of one member, got 2"):
        average([5, 2], [path])
