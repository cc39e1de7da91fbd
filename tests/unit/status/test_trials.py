import json
import os

import pytest
from tests.unit.status.conftest import NOW

from mimic.artifact import write_json
from mimic.cli import InputError
from mimic.status.trials import Results

NAME = "results/teachers/trials/001/metrics.json"


@pytest.fixture
def metrics(folder):
    folder.finish("train_teacher 001", accuracy=0.75, seconds=12.5, age=30)
    return folder.path / NAME


def edited(path, **changes):
    """The file with other values and a digest that fits them."""
    write_json(path, {**json.loads(path.read_text()), **changes})


def test_a_result_is_what_the_trial_wrote(metrics):
    result = Results().read(str(metrics), "teachers", 1)
    assert (result.trial, result.diverged, result.seconds, result.ended) == (1, False, 12.5, NOW - 30)
    assert result.validation_accuracy == 0.75
    assert result.test_accuracy == pytest.approx(0.74)


def test_a_diverged_trial_has_no_accuracy(folder):
    folder.finish("train_teacher 001", status="diverged")
    result = Results().read(str(folder.path / NAME), "teachers", 1)
    assert (result.diverged, result.validation_accuracy, result.test_accuracy) == (True, None, None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trial": 2}, "trial: expected 1, got 2"),
        ({"study": "cnn2-1M"}, "study: expected 'teachers', got 'cnn2-1M'"),
        ({"status": "half"}, "status: expected finished or diverged, got 'half'"),
        ({"validation_accuracy": 1.5}, "validation_accuracy: expected a fraction, got 1.5"),
        ({"validation_accuracy": None}, "validation_accuracy: expected a fraction, got None"),
        ({"test_accuracy": True}, "test_accuracy: expected a fraction, got True"),
        ({"seconds": "9" * 200}, "seconds: expected at least 0, got '999"),
        ({"format": "mimic.other"}, "expected format 'mimic.trial'"),
    ],
)
def test_another_file_is_refused_by_its_key(metrics, changes, words):
    edited(metrics, **changes)
    with pytest.raises(InputError) as error:
        Results().read(str(metrics), "teachers", 1)
    assert f"{metrics}: {words}" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"format": "mimic.trial"}', b"{}" * 2]
)
def test_damage_is_one_line(metrics, content):
    metrics.write_bytes(content)
    with pytest.raises(InputError, match=r"metrics\.json: ") as error:
        Results().read(str(metrics), "teachers", 1)
    assert "\n" not in str(error.value)


def test_what_is_no_regular_file_is_refused_at_once(metrics):
    metrics.unlink()
    os.mkfifo(metrics)
    with pytest.raises(InputError, match="expected a regular file"):
        Results().read(str(metrics), "teachers", 1)
    metrics.unlink()
    metrics.symlink_to(metrics)
    with pytest.raises(InputError, match="symbolic links"):
        Results().read(str(metrics), "teachers", 1)


def test_a_file_is_read_again_only_when_it_changed(metrics, monkeypatch):
    results = Results()
    first = results.read(str(metrics), "teachers", 1)
    reads = []
    monkeypatch.setattr(
        "mimic.status.trials.read_json", lambda *a: reads.append(a) or json.loads(metrics.read_text())
    )
    assert results.read(str(metrics), "teachers", 1) is first
    assert not reads
    edited(metrics, validation_accuracy=0.25)
    assert results.read(str(metrics), "teachers", 1).validation_accuracy == 0.25
    assert len(reads) == 1
