"""``mimic status``: where a run stands, for people who look; what is known is read in `mimic.status`."""

import contextlib
import json
import math
import time
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mimic.cli import InputError
from mimic.console.overlays import read_config
from mimic.status.snapshot import Reader

#: Longer lists are counted, not shown; JSON has all.
MAX_RUNNING, MAX_NAMED = 12, 5
#: More studies than this are shown by family and budget.
MAX_STUDIES = 12
#: Columns that are shown only where they count something.
RARE = ("queued", "stopped", "failed")
UNITS = {
    "teachers": "teacher",
    "epochs": "shard of epochs",
    "logits": "member's logits",
    "students": "student",
    "shallow": "group of nets",
    "win": "net",
}
#: Steps of the other papers, whose target has the name of the step.
PAPERS = ("shallow", "win")


def show_status(snakefile=None, directory=None, configfiles=(), watch=None, as_json=False):
    """Print where a run stands, once or again and again until nothing is left to do.

    Parameters
    ----------
    snakefile, directory : str, optional
        As Snakemake's options.
    configfiles : sequence of str
        Overlays.
    watch : float, optional
        Seconds between two looks.
    as_json : bool
        See `mimic.status.snapshot`; one line a look where it watches.

    Raises
    ------
    InputError
        In one line, where there is no such folder, or no config that can be read.
    """
    if watch is not None and not 0.1 <= watch < math.inf:
        raise InputError(f"--watch: expected at least 0.1 seconds, got {watch}")
    if directory is not None and not Path(directory).is_dir():
        raise InputError(f"{directory}: no such folder; give the run's by --directory")
    reader = Reader(read_config(snakefile, configfiles), directory or ".")
    overlays = "".join(f" {path}" for path in configfiles)
    hint = f" --configfile{overlays}" if overlays else ""
    if watch is None:
        standing = reader.read()
        print(json.dumps(standing, indent=1)) if as_json else Console().print(view(standing, hint))
        return
    # the usual end of watching, no error
    with contextlib.suppress(KeyboardInterrupt):
        _watch(reader, hint, watch, as_json)


def _watch(reader, hint, seconds, as_json):
    console = Console()
    if as_json or not console.is_terminal:
        while True:
            standing = reader.read()
            if as_json:
                print(json.dumps(standing), flush=True)
            else:
                console.print(view(standing, hint), end="\n\n")
                console.file.flush()
            if is_over(standing):
                return
            time.sleep(seconds)
    with Live(console=console, auto_refresh=False, vertical_overflow="ellipsis") as live:
        while True:
            standing = reader.read()
            live.update(view(standing, hint), refresh=True)
            if is_over(standing):
                return
            time.sleep(seconds)


def is_over(standing):
    """Whether all is done."""
    return standing["jobs"]["done"] == standing["jobs"]["total"]


def view(standing, hint=""):
    """What a terminal shows of a standing.

    Parameters
    ----------
    standing : dict
        See `mimic.status.snapshot`.
    hint : str
        Options that name the config, for the commands that are recommended.

    Returns
    -------
    rich renderable
    """
    if not any(standing["jobs"][state] for state in ("done", "running", "queued", "stopped", "failed")):
        return _nothing_yet(standing, hint)
    # what is at work and what went wrong stands above the studies, where a small terminal cuts
    parts = [*_head(standing), Text(), _steps(standing)]
    if standing["running"]:
        parts += [Text(), _running(standing["running"])]
    for state, words in (("failed", "failed"), ("stopped", "stopped, goes on when the run is started again")):
        parts += _ended(standing[state], words)
    parts += _unreadable(standing["unreadable"])
    if standing["teachers"] or standing["studies"]:
        parts += [Text(), *_searches(standing)]
    done = "Done:" if is_over(standing) else "Done means that"
    alone = all(step in PAPERS for step in standing["steps"])
    targets = "".join(f" {step}" for step in standing["steps"]) if alone else ""
    current = f"Whether they are current: mimic why{targets}{hint}"
    return Group(*parts, Text(), Text(f"{done} the files are there. {current}", "dim"))


def _nothing_yet(standing, hint):
    if standing["run"]["locked_since"]:
        return Text(f"{standing['output']}: nothing yet; {_lock(standing)}")
    command = f"snakemake --cores all{hint}"
    return Text(f"{standing['output']}: nothing yet; start with: {command}")


def _lock(standing):
    since = standing["run"]["locked_since"]
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since))
    return f"a run holds the lock since {clock} ({duration(standing['time'] - since)})"


def _head(standing):
    jobs = standing["jobs"]
    states = ("running", "queued", "stopped", "failed")
    counts = "".join(f", {jobs[state]:,} {state}" for state in states if jobs[state])
    share = math.floor(100 * jobs["done"] / jobs["total"])
    yield Text(
        f"{standing['output']}: {jobs['done']:,} of {jobs['total']:,} jobs done ({share} %){counts}", "bold"
    )
    if standing["run"]["locked_since"]:
        yield Text(_lock(standing))
        if jobs["running"] and all(job["silent"] for job in standing["running"]):
            yield Text("no job has written for long; if the run was killed: snakemake --unlock", "red")
        if not (jobs["running"] or jobs["queued"] or is_over(standing)):
            yield Text("nothing runs or waits in a queue; if the run was killed: snakemake --unlock", "red")
    elif not is_over(standing):
        again = "; start it again to go on (why it ended: .snakemake/log)"
        yield Text("no run holds the lock" + ("" if jobs["running"] else again))
    if not is_over(standing):
        yield from _time_left(standing["left"])


def _time_left(left):
    """The time left, and how it is known."""
    means = [
        f"{duration(left['measured'][step])} a {unit}"
        for step, unit in UNITS.items()
        if left["measured"].get(step, 0) >= 1
    ]
    missing = f"; {_listed(left['unmeasured'])}: nothing measured yet" if left["unmeasured"] else ""
    if left["work_seconds"] is None:
        yield Text("time left: nothing measured yet")
        return
    if not left["work_seconds"] and not left["unmeasured"]:
        yield Text("time left: that of short jobs, which are not counted")
        return
    if left["seconds"] is None:
        yield Text(f"work left: {duration(left['work_seconds'])} one job after another{missing}")
    else:
        yield Text(f"time left: {left['bound']} {duration(left['seconds'])}{missing}")
    side = f"{left['parallel']} at once (the most in the last hour): " if left["parallel"] else ""
    others = f"; {left['borrowed']} studies by the times of others" if left["borrowed"] else ""
    known = f"from {side}{', '.join(means)}{others}; " if means or side else ""
    yield Text(f"  {known}short jobs not counted", "dim")


def _listed(names):
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def duration(seconds):
    """``45 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``."""
    seconds = max(0, round(seconds))
    if seconds < 120:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def _plain_table():
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")


def _steps(standing):
    shown = [state for state in RARE if standing["jobs"][state]]
    columns = ["done", "running", *shown, "waiting"]
    table = _plain_table()
    table.add_column("step")
    for column in ("jobs", *columns):
        table.add_column(column, justify="right")
    for step, counts in standing["steps"].items():
        cells = [Text(str(counts[column] or "-"), _style(column, counts)) for column in columns]
        table.add_row(step, str(counts["total"]), *cells)
    return table


def _style(column, counts):
    if not counts[column]:
        return "dim"
    if column == "done":
        return "green" if counts["done"] == counts["total"] else ""
    return {"running": "cyan", "failed": "red", "stopped": "yellow"}.get(column, "")


def _searches(standing):
    """Teachers and few studies as rows; many studies as a table of families and budgets."""
    studies = standing["studies"]
    rows = [standing["teachers"]] if standing["teachers"] else []
    if len(studies) <= MAX_STUDIES:
        return [_rows(rows + studies)]
    parts = [_rows(rows), Text()] if rows else []
    budgets = list(dict.fromkeys(study["budget"] for study in studies))
    # as many budgets side by side as 80 columns hold
    for start in range(0, len(budgets), 4):
        parts.append(_grid(studies, budgets[start : start + 4]))
    return [*parts, Text("trials done/all, +running, !failed, best validation accuracy in %", "dim")]


def _rows(searches):
    table = _plain_table()
    table.add_column("study", no_wrap=True)
    for column in ("trials", "running", "failed", "diverged", "round", "best validation", "(test)"):
        table.add_column(column, justify="right")
    for search in searches:
        trials, best = search["trials"], search["best"]
        table.add_row(
            search["name"],
            f"{trials['done']}/{trials['total']}",
            *(
                Text(str(trials[key] or "-"), _style(key, trials))
                for key in ("running", "failed", "diverged")
            ),
            f"{search['round']}/{search['rounds']}" if search["round"] else "all",
            _percent(best and best["validation_accuracy"]),
            _percent(best and best["test_accuracy"]),
        )
    return table


def _percent(fraction):
    return "-" if fraction is None else f"{100 * fraction:.2f}"


def _grid(studies, budgets):
    table = _plain_table()
    table.add_column("family")
    for budget in budgets:
        table.add_column(budget, justify="right")
    cells = {}
    for study in studies:
        row = study["family"] + (" hard" if study["hard_label"] else "")
        cells.setdefault(row, {})[study["budget"]] = study
    for row, by_budget in cells.items():
        if by_budget.keys() & set(budgets):
            table.add_row(row, *(_cell(by_budget.get(budget)) for budget in budgets))
    return table


def _cell(study):
    if study is None:
        return Text()
    trials = study["trials"]
    is_done = trials["done"] == trials["total"]
    cell = Text(f"{trials['done']}/{trials['total']}", "green" if is_done else "")
    if trials["running"]:
        cell.append(f" +{trials['running']}", "cyan")
    if trials["failed"]:
        cell.append(f" !{trials['failed']}", "red")
    if study["best"]:
        cell.append(f" {100 * study['best']['validation_accuracy']:.1f}", "bold")
    return cell


def _running(jobs):
    table = _plain_table()
    table.add_column("running", no_wrap=True, overflow="ellipsis")
    for column in ("epoch", "validation", "images/s", "last line"):
        table.add_column(column, justify="right", no_wrap=True)
    jobs = sorted(jobs, key=lambda job: not job["silent"])
    for job in jobs[:MAX_RUNNING]:
        age, rate = duration(job["log_age_seconds"]), job["images_per_second"]
        accuracy = job["validation_accuracy"]
        table.add_row(
            _title(job),
            "-" if job["epoch"] is None else f"{job['epoch']}/{job['epochs']}",
            "-" if accuracy is None else f"{_percent(accuracy)} %",
            "-" if rate is None else f"{rate:,.0f}",
            Text(f"silent for {age}", "red") if job["silent"] else Text(f"{age} ago"),
        )
    if len(jobs) > MAX_RUNNING:
        n_silent = sum(job["silent"] for job in jobs[MAX_RUNNING:])
        silent = f", {n_silent:,} of them silent" if n_silent else ""
        table.add_row(f"and {len(jobs) - MAX_RUNNING:,} more{silent}")
    return table


def _title(job):
    return f"{job['rule']} {job['name']}".rstrip()


def _ended(jobs, words):
    if not jobs:
        return
    yield Text()
    yield Text(f"{len(jobs):,} {words}:", "red" if words == "failed" else "yellow")
    for job in jobs[:MAX_NAMED]:
        yield Text(f"  {_title(job)}: {_shortened(job['message'])}")
        yield Text(f"    {job['log']}", "dim", no_wrap=True, overflow="fold")
    if len(jobs) > MAX_NAMED:
        yield Text(f"  and {len(jobs) - MAX_NAMED:,} more")


def _unreadable(files):
    if not files:
        return
    yield Text()
    yield Text(f"{len(files):,} unreadable:", "red")
    for found in files[:MAX_NAMED]:
        yield Text(f"  {found['file']}: {_shortened(found['reason'])}")
    if len(files) > MAX_NAMED:
        yield Text(f"  and {len(files) - MAX_NAMED:,} more")


def _shortened(text, limit=160):
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
