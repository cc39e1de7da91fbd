"""The ensemble's file against the teachers it was chosen from."""

import pytest

from mimic.cli import InputError
from mimic.report.members import read_ensemble
from mimic.report.trials import read_teachers


@pytest.fixture
def teachers(a_teacher, write_study):
    return read_teachers(write_study(a_teacher(0), a_teacher(1), a_teacher(2, status="diverged")))


def test_an_ensemble_of_finished_teachers_is_read(teachers, write_ensemble):
    ensemble = read_ensemble(write_ensemble([1, 0]), teachers)
    assert ensemble.members == [1, 0]
    assert ensemble.test_accuracy == 0.938


@pytest.mark.parametrize(
    ("members", "changes", "said"),
    [
        ([0, 7], {}, "expected finished teacher trials, found 7"),
        ([0, 2], {}, "expected finished teacher trials, found 2"),
        ([0, 0], {}, "a trial comes twice"),
        ([], {}, "members: "),
        (["0"], {}, "members.0: "),
        ([0], {"test_accuracy": 93.8}, "test_accuracy: "),
        ([0], {"format": "mimic.trial"}, "expected format 'mimic.ensemble'"),
    ],
)
def test_a_wrong_ensemble_is_refused_in_one_line(teachers, write_ensemble, members, changes, said):
    path = write_ensemble(members, **changes)
    with pytest.raises(InputError) as error:
        read_ensemble(path, teachers)
    assert str(error.value).startswith(path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
