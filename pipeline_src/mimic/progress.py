"""Progress of long work: a live line with an ETA in a terminal, plain lines in a log file."""

import sys
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


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
        self.started = time.monotonic()
        self.live = None

    def __enter__(self):
        if self.stream.isatty():
            columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
            columns += [TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[message]}")]
            self.live = Progress(*columns, console=Console(file=self.stream))
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

    def step(self, message=""):
        """One step is done; `message` says how it went."""
        self.done += 1
        if self.live is not None:
            self.live.update(self.task, advance=1, message=message)
            return
        elapsed = time.monotonic() - self.started
        left = elapsed / (self.done - self.already) * (self.total - self.done)
        line = f"{self.title} {self.done}/{self.total}  {elapsed:.1f} s, at most {left:.1f} s left"
        print(f"{line}  {message}".rstrip(), file=self.stream, flush=True)
