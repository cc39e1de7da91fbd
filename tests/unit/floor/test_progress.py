import io

from mimic.progress import Report


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
