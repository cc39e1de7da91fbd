"""Finished trials from their ``metrics.json``, thousands of them in a second.

Not through the report's frame, whose import alone takes as long as reading all of them.
"""

import math
import os
import stat
from dataclasses import dataclass

from mimic.artifact import read_json
from mimic.cli import InputError
from mimic.search.rounds import TRIAL_FORMAT


@dataclass(frozen=True)
class Result:
    """What one trial says of itself.

    Parameters
    ----------
    trial : int
    diverged : bool
    validation_accuracy, test_accuracy : float or None
        Fractions; None for a net that diverged.
    seconds : float
        That its training took.
    ended : float
        When the file was written, seconds since 1970.
    """

    trial: int
    diverged: bool
    validation_accuracy: float | None
    test_accuracy: float | None
    seconds: float
    ended: float


class Results:
    """Reads ``metrics.json`` files; one that has not changed since is not read again."""

    def __init__(self):
        self._known = {}

    def read(self, path, study, trial):
        """The result in a file.

        Parameters
        ----------
        path : str
        study : str
            ``teachers`` or a study's name.
        trial : int

        Raises
        ------
        InputError
            In one line, if it is no such file, damaged, or another trial's.
        """
        try:
            found = os.stat(path)
            if not stat.S_ISREG(found.st_mode):
                raise InputError(f"{path}: expected a regular file")
            key = (found.st_mtime_ns, found.st_size, found.st_ino)
            known, answer = self._known.get(path, (None, None))
            if known != key:
                answer = self._read(path, study, trial, found.st_mtime)
                self._known[path] = key, answer
            return answer
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from None
        except RecursionError:
            raise InputError(f"{path}: not JSON: nested too deeply") from None

    def _read(self, path, study, trial, ended):
        values = read_json(path, TRIAL_FORMAT)
        for key, expected in (("study", study), ("trial", trial)):
            if values.get(key) != expected:
                raise InputError(f"{path}: {key}: expected {expected!r}, got {_short(values.get(key))}")
        status = values.get("status")
        if status not in ("finished", "diverged"):
            raise InputError(f"{path}: status: expected finished or diverged, got {_short(status)}")
        diverged = status == "diverged"
        accuracies = [
            None if diverged else _number(values, key, path, 1)
            for key in ("validation_accuracy", "test_accuracy")
        ]
        return Result(trial, diverged, *accuracies, _number(values, "seconds", path, math.inf), ended)


def _number(values, key, path, largest):
    value = values.get(key)
    wanted = "a fraction" if largest == 1 else "at least 0"
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value <= largest
        or value == math.inf
    ):
        raise InputError(f"{path}: {key}: expected {wanted}, got {_short(value)}")
    return float(value)


def _short(value, limit=60):
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
