"""The file ``ensemble/members.json``, as the other steps and the workflow read it."""

from mimic.artifact import read_json
from mimic.cli import InputError

FORMAT = "mimic.ensemble"
#: Trials are named by numbers of a few digits; a file that names more is none of ours.
LARGEST_TRIAL = 10**9


def read_members(path):
    """Trial numbers of the members, in the order of selection; the file is untrusted.

    Parameters
    ----------
    path : path

    Returns
    -------
    list of int

    Raises
    ------
    InputError
        If the file is of another format, names no member, one that is no trial number, or one twice.
    """
    trials = read_json(path, FORMAT).get("members")
    if not isinstance(trials, list) or not trials or not all(_is_trial(trial) for trial in trials):
        raise InputError(f"{path}: members: expected a list of trial numbers, got {_short(trials)}")
    if len(set(trials)) != len(trials):
        raise InputError(f"{path}: members: expected each trial once, got {_short(trials)}")
    return trials


def _is_trial(value):
    return type(value) is int and 0 <= value <= LARGEST_TRIAL


def _short(value, limit=200):
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."
