"""Progress of long work: one live line with the time left in a terminal, plain lines in a log file.

Both tell the same. The time left is an upper limit: a training may end before its last epoch.
"""

import datetime
import os
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
from rich.table import Column
from rich.text import Text

#: A live line that is drawn more often takes time from the work.
DRAWN_PER_SECOND = 2


class _TimeLeft(ProgressColumn):
    """Counts down between steps; rich's own forgets steps that are longer than half a minute.

    Until the first step is done it counts the seconds, so that a long one does not look like none.
    """

    def __init__(self, report):
        super().__init__(Column(no_wrap=True, min_width=12))
        self.report = report

    def render(self, task):
        left = self.report.seconds_left()
        seconds = time.monotonic() - self.report.started if left is None else left
        words = "so far" if left is None else "left"
        return Text(f"{datetime.timedelta(seconds=round(seconds))} {words}")


class Report:
    """Counts steps of known total; call `step` after each.

    Parameters
    ----------
    title : str
        What is being done, a few words.
    total : int
        Number of steps.
    """

    def __init__(self, title, total, stream=None):
        self.title, self.total, self.done = title, total, 0
        self.already = 0
        self.stream = stream or sys.stderr
        self.started = self.stepped = time.monotonic()
        self.live = None

    def __enter__(self):
        if self.stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
            # What is last is cut off where the terminal is narrow; the bar takes what is left over.
            width = len(f"{self.title} {self.total}/{self.total}")
            columns = [
                _text("{task.description} {task.completed}/{task.total}", min_width=width),
                _TimeLeft(self),
                _text("{task.fields[message]}"),
                BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=3)),
            ]
            options = {"expand": True, "refresh_per_second": DRAWN_PER_SECOND}
            self.live = Progress(*columns, console=Console(file=self.stream), **options)
            self.task = self.live.add_task(self.title, total=self.total, message="")
            self.live.start()
        return self

    def __exit__(self, *error):
        if self.live is not None:
            self.live.stop()

    def resume(self, done):
        """So many steps were done before: they count, but say nothing about the time left."""
        self.done = self.already = done
        if self.live is not None:
            self.live.update(self.task, completed=done)

    def note(self, line):
        """A line beside the steps."""
        if self.live is not None:
            self.live.console.print(line, markup=False, highlight=False)
        else:
            print(line, file=self.stream, flush=True)

    def step(self, message="", n_images=None, already=False):
        """One step is done.

        Parameters
        ----------
        message : str
            How it went.
        n_images : int, optional
            That it went through; their rate is told.
        already : bool
            It was done before: it counts, but says nothing about the time left.
        """
        now = time.monotonic()
        self.done += 1
        self.already += already
        if n_images is not None and not already:
            message = f"{message}  {n_images / max(now - self.stepped, 1e-9):,.0f} images/s".strip()
        self.stepped = now
        if self.live is not None:
            self.live.update(self.task, advance=1, message=message)
            return
        left = self.seconds_left()
        words = "" if left is None else f", at most {left:.1f} s left"
        line = f"{self.title} {self.done}/{self.total}  {now - self.started:.1f} s{words}"
        print(f"{line}  {message}".rstrip(), file=self.stream, flush=True)

    def seconds_left(self):
        """At most so many seconds are left if steps go on as they did; None before the first."""
        done = self.done - self.already
        if done <= 0:
            return 0.0 if self.done >= self.total else None
        left = (self.stepped - self.started) / done * (self.total - self.done)
        return max(0.0, left - (time.monotonic() - self.stepped))


def _text(template, **options):
    return TextColumn(template, markup=False, table_column=Column(no_wrap=True, **options))
