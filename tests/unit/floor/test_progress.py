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
