"""The log of one job: how far it is, and whether it ended by its own account.

A stage writes a plain line a step (`mimic.progress.Report`); what a user can cause ends in a line that begins
with ``error:``, a fault of the program in a traceback, SIGTERM in ``terminated:`` (`mimic.cli.run_stage`).
"""

import os
import re
import stat
from dataclasses import dataclass

#: As much of the end as is read: hundreds of lines.
TAIL_BYTES = 2**15
_PROGRESS = re.compile(r"\S.*? (\d+)/(\d+)  ([\d.]+) s, at most ([\d.]+) s left")
_ACCURACY = re.compile(r"  validation ([\d.]+)%")
_RATE = re.compile(r"  ([\d,.]+) images/s")
_ERROR = re.compile(r"(python -m \S+: )?error: ")  # of a stage, or of its command line
_TRACEBACK = "Traceback (most recent call last):"


@dataclass(frozen=True)
class Log:
    """What a job's log says; None where it says nothing.

    Parameters
    ----------
    changed : float
        When it was written last, seconds since 1970.
    last_line : str
        Printable; empty where nothing was written yet.
    ending : str or None
        ``failed``, ``stopped`` (asked to end; the same command goes on), or None.
    done, total : int or None
        Steps, which are epochs; of ``train_group`` epochs of all its stacks of nets, one stack after another.
    seconds, at_most_seconds_left : float or None
        Since the process began its steps, and what is left if none ends early, when the last step ended.
    validation_accuracy : float or None
        Of the last epoch.
    images_per_second : float or None
    """

    changed: float
    last_line: str
    ending: str | None = None
    done: int | None = None
    total: int | None = None
    seconds: float | None = None
    at_most_seconds_left: float | None = None
    validation_accuracy: float | None = None
    images_per_second: float | None = None


def read_log(path):
    """What a log says, or None where there is none that can be read.

    Parameters
    ----------
    path : path
        May be anything: half a line, another program's output, no regular file.

    Returns
    -------
    Log or None
    """
    try:
        # a pipe by that name would keep us waiting for ever
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return None
        start = max(0, found.st_size - TAIL_BYTES)
        data = os.pread(descriptor, TAIL_BYTES, start)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return understood(data.decode("utf-8", "replace"), found.st_mtime)


def understood(text, changed):
    """A `Log` out of the end of its text."""
    lines = [printable(line) for line in text.split("\n") if line.strip()]
    last = lines[-1] if lines else ""
    traceback = False
    match = None
    for line in reversed(lines):
        match = _PROGRESS.match(line)
        if match:
            break
        traceback = traceback or line.startswith(_TRACEBACK)
    progress = _progress(line, match) if match else {}
    return Log(changed, last.strip(), _ending(last, traceback), **progress)


def printable(text):
    """Text of a file with what could steer a terminal left out."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _ending(last, traceback):
    if last.startswith("terminated:") or last == "interrupted":
        return "stopped"
    # an indented line: the traceback is still being written
    if _ERROR.match(last) or (traceback and not last[0].isspace() and not last.startswith(_TRACEBACK)):
        return "failed"
    return None


def _progress(line, match):
    try:
        accuracy, rate = _ACCURACY.search(line), _RATE.search(line)
        return {
            "done": int(match[1]),
            "total": int(match[2]),
            "seconds": float(match[3]),
            "at_most_seconds_left": float(match[4]),
            "validation_accuracy": float(accuracy[1]) / 100 if accuracy else None,
            "images_per_second": float(rate[1].replace(",", "")) if rate else None,
        }
    except ValueError:  # digits and dots that are no number
        return {}
