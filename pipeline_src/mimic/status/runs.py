"""What Snakemake's own folder says of a run: who holds the lock, which jobs have begun and not ended.

Snakemake 9 keeps ``.snakemake/locks/N.{input,output}.lock`` while it runs (paths, a line each), and for each
output of a job that it has begun or handed to a cluster a file in ``.snakemake/incomplete``, named by the
path in URL-safe base64 (cut into folders that begin with @ where it is long); one in ``.snakemake/metadata``
for each that was made. A Snakemake that was killed leaves them all behind. A profile may keep the latter two
in a database instead: then nothing is known of them.
"""

import base64
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

_LOCK = re.compile(r"\d+\.(input|output)\.lock")
#: Of a file's name, on the file systems that people use.
_LONGEST = 255


@dataclass(frozen=True)
class Run:
    """What is known of Snakemake.

    Parameters
    ----------
    locked_since : float or None
        When a run locked the results, seconds since 1970; None where none did. It may have been killed.
    knows_jobs : bool
        Whether `begun` and `was_made` tell anything.
    begun : dict of str to float
        Outputs of jobs that were begun or handed to a cluster and did not end, and when.
    """

    locked_since: float | None = None
    knows_jobs: bool = False
    begun: dict = field(default_factory=dict)
    folder: Path = Path(".snakemake")

    def was_made(self, output):
        """Whether Snakemake has a record of having made an output, which a failed job has not."""
        name = base64.urlsafe_b64encode(output.encode()).decode()
        size = _LONGEST - 1
        parts = [name[start : start + size] for start in range(0, len(name), size)]
        parts = [f"@{part}" for part in parts[:-1]] + parts[-1:]
        return self.folder.joinpath("metadata", *parts).exists()


def read_run(directory, output):
    """What Snakemake's folder says of the results.

    Parameters
    ----------
    directory : path
        Where Snakemake works.
    output : str
        The config's key: a lock that holds no file below it is another run's.

    Returns
    -------
    Run
    """
    folder = Path(directory, ".snakemake")
    marks = folder / "incomplete"
    knows = marks.is_dir() and not (folder / "metadata.db").exists()
    return Run(_locked_since(folder / "locks", output), knows, _begun(marks) if knows else {}, folder)


def _locked_since(folder, output):
    times = []
    for entry in _entries(folder):
        if not _LOCK.fullmatch(entry.name):
            continue
        try:
            if not entry.is_file():
                continue
            with open(entry.path, encoding="utf-8", errors="replace") as lines:
                if any(line.startswith(f"{output}/") for line in lines):
                    times.append(entry.stat().st_mtime)
        except OSError:  # unlocked just now
            continue
    return min(times, default=None)


def _begun(folder, before=""):
    found = {}
    for entry in _entries(folder):
        try:
            if entry.name.startswith("@") and entry.is_dir():
                found |= _begun(entry.path, before + entry.name[1:])
                continue
            path = base64.b64decode(before + entry.name, altchars=b"-_", validate=True).decode()
            found[path] = entry.stat().st_mtime
        except (OSError, ValueError):  # ended just now, or none of Snakemake's files
            continue
    return found


def _entries(folder):
    try:
        return sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return []
