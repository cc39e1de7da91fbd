import pytest

from mimic.artifact import write_json
from mimic.cli import InputError
from mimic.ensemble.store import read_members


def write(tmp_path, **content):
    path = tmp_path / "members.json"
    write_json(path, {"format": "mimic.ensemble", **content})
    return path


def test_members_come_in_the_order_of_selection(tmp_path):
    assert read_members(write(tmp_path, members=[7, 0, 3], n_parameters=5)) == [7, 0, 3]


@pytest.mark.parametrize(
    "members", [None, [], {}, "12", [1, "2"], [1, 2.0], [True, 2], [-1], [10**12], [[1]], [None]]
)
def test_what_is_no_list_of_trials_is_refused(tmp_path, members):
    with pytest.raises(InputError, match=r"members\.json: members: expected a list of trial numbers, got"):
        read_members(write(tmp_path, members=members))


def test_a_member_that_comes_twice_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected each trial once, got \[3, 1, 3\]"):
        read_members(write(tmp_path, members=[3, 1, 3]))


def test_a_long_list_is_not_printed_whole(tmp_path):
    with pytest.raises(InputError) as caught:
        read_members(write(tmp_path, members=["x" * 10_000]))
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


def test_a_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected format 'mimic\.ensemble', got 'mimic\.trial'"):
        read_members(write(tmp_path, format="mimic.trial", members=[1]))
