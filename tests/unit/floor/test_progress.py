import io
import re
import sys

import pytest
from tests.terminal import lines_in_terminal

from mimic.progress import Report, _TimeLeft


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_log_gets_a_line_a_step_with_the_time_left(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("mimic.progress.time.monotonic", clock)
    stream = io.StringIO()
    with Report("epoch", 3, stream) as report:
        for seconds in (2.0, 4.0, 6.0):
            clock.now = seconds
            report.step("loss 1" if seconds < 3 else "")
    assert stream.getvalue().splitlines() == [
        "epoch 1/3  2.0 s, at most 4.0 s left  loss 1",
        "epoch 2/3  4.0 s, at most 2.0 s left",
        "epoch 3/3  6.0 s, at most 0.0 s left",
    ]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_live_line_that_ends_also_on_errors():
    stream = Terminal()
    try:
        with Report("epoch", 3, stream) as report:
            report.step()
            raise RuntimeError
    except RuntimeError:
        pass
    assert "epoch" in stream.getvalue()
    assert report.live.finished or not report.live.live.is_started


def test_steps_done_before_count_but_take_no_time(monkeypatch):
    """Three of five were done; the fourth takes four seconds, so that the fifth may too."""
    clock = Clock()
    monkeypatch.setattr("mimic.progress.time.monotonic", clock)
    stream = io.StringIO()
    with Report("epoch", 5, stream) as report:
        report.resume(3)
        report.note("resumed at epoch 4")
        for seconds in (4.0, 8.0):
            clock.now = seconds
            report.step()
    assert stream.getvalue().splitlines() == [
        "resumed at epoch 4",
        "epoch 4/5  4.0 s, at most 4.0 s left",
        "epoch 5/5  8.0 s, at most 0.0 s left",
    ]


def test_a_terminal_shows_steps_done_before_and_notes_as_they_are():
    stream = Terminal()
    with Report("epoch", 5, stream) as report:
        report.resume(3)
        report.note("resumed [at] epoch 4")
        report.step()
    assert "resumed [at] epoch 4" in stream.getvalue()
    assert "4/5" in stream.getvalue()


def test_images_a_second_are_those_of_the_last_step(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("mimic.progress.time.monotonic", clock)
    stream = io.StringIO()
    with Report("epoch", 4, stream) as report:
        report.step("number 0, already there", 5000, already=True)
        clock.now = 2.0
        report.step("number 1", 5000)
        clock.now = 3.0
        report.step(n_images=5000)
    assert stream.getvalue().splitlines() == [
        "epoch 1/4  0.0 s  number 0, already there",
        "epoch 2/4  2.0 s, at most 4.0 s left  number 1  2,500 images/s",
        "epoch 3/4  3.0 s, at most 1.5 s left  5,000 images/s",
    ]


def test_the_time_left_counts_down_between_steps_also_after_minutes(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("mimic.progress.time.monotonic", clock)
    report = Report("epoch", 3, io.StringIO())
    assert report.seconds_left() is None
    clock.now = 600.0
    report.step()
    assert report.seconds_left() == 1200.0
    clock.now = 900.0
    assert report.seconds_left() == 900.0
    clock.now = 9000.0
    assert report.seconds_left() == 0.0


PROGRAM = """
from mimic.progress import Report, _TimeLeft
with Report("epoch", 500) as report:
    report.resume(11)
    report.note("resumed")
    for _ in range(2):
        report.step("loss 0.2771  validation 22.70%  91,808 images/s  rate 0.02")
"""


@pytest.mark.parametrize("columns", [80, 200])
def test_a_terminal_shows_every_fact_in_one_line(columns):
    lines, code = lines_in_terminal([sys.executable, "-c", PROGRAM], columns)
    assert code == 0
    assert "resumed" in lines
    assert all(len(line) <= columns for line in lines)
    last = lines[-1]
    assert re.match(
        r"epoch 13/500 +\d+:\d\d:\d\d left +loss 0\.2771  validation 22\.70%  91,808 images/s", last
    )


def test_a_dumb_terminal_gets_the_lines_of_a_log():
    lines, code = lines_in_terminal([sys.executable, "-c", PROGRAM], TERM="dumb")
    assert code == 0
    assert lines[-1].startswith("epoch 13/500  0.0 s, at most ")
    assert len(lines) == 3


def test_the_first_step_of_a_long_work_counts_its_seconds(monkeypatch):
    clock = Clock()
    report = Report("epoch", 3, Terminal())
    monkeypatch.setattr("mimic.progress.time.monotonic", clock)
    report.started, clock.now = 0.0, 75.0
    assert _TimeLeft(report).render(None).plain == "0:01:15 so far"
    report.step()
    assert _TimeLeft(report).render(None).plain == "0:02:30 left"
