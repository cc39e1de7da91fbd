import os

import hypothesis
import pytest
from hypothesis import strategies
from tests.unit.status.conftest import training_log

from mimic.status.logs import read_log, understood

TRACEBACK = 'Traceback (most recent call last):\n  File "a.py", line 3, in main\n    go()\nRuntimeError: no\n'


def test_the_last_epoch_of_a_training_is_read_as_it_is_written():
    log = understood(training_log(7, 500, accuracy=0.7654, before="teacher 3: cpu\n"), 12.0)
    assert (log.done, log.total) == (7, 500)
    assert log.validation_accuracy == pytest.approx(0.7654)
    assert log.images_per_second == 1234
    assert log.seconds is not None
    assert log.at_most_seconds_left is not None
    assert log.ending is None
    assert log.changed == 12.0


def test_epochs_without_accuracy_are_counted_too():
    log = understood("trials [0]: cpu\nepoch 3/8  1.3 s, at most 2.2 s left\n", 0.0)
    assert (log.done, log.total, log.seconds, log.at_most_seconds_left) == (3, 8, 1.3, 2.2)
    assert log.validation_accuracy is None
    assert log.images_per_second is None


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("error: dataset.h5: no such file\n", "failed"),
        (
            "python -m mimic.data.prepare_dataset: error: the following arguments are required: --out\n",
            "failed",
        ),
        (TRACEBACK, "failed"),
        (TRACEBACK[: TRACEBACK.index("RuntimeError")], None),
        ("terminated: run the same command again to go on\n", "stopped"),
        ("interrupted\n", "stopped"),
        ("warning: relative error: 0.2\n", None),
        ("", None),
        ("\x00\n", None),
    ],
)
def test_the_last_word_tells_how_a_job_ended(text, ending):
    assert understood(text, 0.0).ending == ending
    after = understood(training_log(2, 5, before=text), 0.0)
    assert (after.ending, after.done) == (None, 2)
    before = understood(training_log(2, 5) + text, 0.0)
    assert (before.ending, before.done) == (ending, 2)


def test_a_long_log_is_read_at_its_end(tmp_path):
    path = tmp_path / "000.log"
    path.write_text("x" * 200_000 + "\n" + training_log(3, 4))
    assert read_log(path).done == 3


def test_what_is_no_log_is_none(tmp_path):
    assert read_log(tmp_path / "missing.log") is None
    (tmp_path / "folder.log").mkdir()
    assert read_log(tmp_path / "folder.log") is None
    os.mkfifo(tmp_path / "pipe.log")
    assert read_log(tmp_path / "pipe.log") is None


def test_nothing_of_a_log_steers_the_terminal():
    log = understood("error: \x1b[2Jgone\x07\n", 0.0)
    assert log.last_line == "error:  [2Jgone"
    assert log.ending == "failed"


@hypothesis.given(strategies.text(), strategies.integers(0, 400))
def test_any_text_and_any_half_of_a_line_is_understood(text, cut):
    understood(text, 0.0)
    log = understood((training_log(3, 4) + text)[:cut], 0.0)
    assert log.done in (None, 1, 2, 3) or text
