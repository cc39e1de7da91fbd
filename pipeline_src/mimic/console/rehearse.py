"""``mimic rehearse``: how long a run would take on a cluster, and what it would wait for."""

import csv
import json
import sys

from rich.console import Console
from rich.table import Table

from mimic.cli import InputError
from mimic.console.overlays import read_config
from mimic.rehearsal.cluster import read_cluster
from mimic.rehearsal.durations import Extrapolation
from mimic.rehearsal.measure import measure
from mimic.rehearsal.summary import rehearse
from mimic.rehearsal.times import read_times, write_times
from mimic.shared.places import Unpacked

BLOCKS = " ▁▂▃▄▅▆▇█"


def run(args):
    """Measure, list, or rehearse, as the command line says.

    Raises
    ------
    InputError
        In one line: the option or file, what was expected, what was found.
    """
    changes = [*args.set, *([f"jobs={args.jobs}"] if args.jobs is not None else [])]
    cluster = read_cluster(args.cluster, changes)
    if args.list:
        _list_keys(cluster)
        return
    config = read_config(configfiles=args.configfile)
    if args.measure is not None:
        if not args.out:
            raise InputError("--measure: expected --out FILE to write to, got none")
        times = measure(config, args.measure, args.records, args.on_cluster)
        write_times(args.out, times)
        n_trials = sum(map(len, times.studies.values()))
        print(
            f"{args.out}: {n_trials} trials of {len(times.studies)} studies, {len(times.rules)} other kinds"
        )
        return
    if not args.times:
        raise InputError("--times: expected a file of measured times (see --measure), got none")
    _check(args)
    how = Extrapolation(args.spread, args.scale, args.speed, args.epochs, _seconds(args.seconds))
    times = read_times(args.times)
    seed = config.seed if args.seed is None else args.seed
    shared = Unpacked.in_results(config.output).marker.exists()
    result = rehearse(config, times, how, cluster, args.gpus, seed, args.target, shared, args.round_size)
    result = {"times": times.machine, "speed": args.speed, "cluster": cluster.model_dump(), **result}
    if args.json:
        print(json.dumps(result, indent=1))
    elif args.csv:
        _print_csv(result)
    else:
        _print_tables(result)


def _check(args):
    """Refuse numbers that make no sense."""
    for name, values in (("gpus", args.gpus), ("round-size", args.round_size)):
        if any(value < 1 or value > 100_000 for value in values):
            raise InputError(f"--{name}: expected numbers from 1 to 100000, got {values}")
    if not 0 < args.speed < float("inf"):
        raise InputError(f"--speed: expected a factor above 0, got {args.speed}")
    if args.epochs is not None and args.epochs < 1:
        raise InputError(f"--epochs: expected 1 or more, got {args.epochs}")


def _seconds(options):
    """RULE=SECONDS as a dictionary."""
    given = {}
    for option in options:
        rule, _, text = option.partition("=")
        try:
            given[rule] = float(text)
        except ValueError:
            given[rule] = -1.0
        if not 0 <= given[rule] < float("inf"):
            raise InputError(f"--seconds: expected RULE=SECONDS, got {option!r}")
    return given


def _list_keys(cluster):
    """Print the keys of the cluster."""
    for name, value in cluster.model_dump().items():
        text = cluster.__class__.model_fields[name].description
        print(f"{name}: {json.dumps(value)}" + (f"  # {text}" if text else ""))


def _print_csv(result):
    """A line a number of GPUs."""
    rows = [{k: v for k, v in row.items() if k not in ("busy", "step")} for row in result["sizes"]]
    writer = csv.DictWriter(sys.stdout, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})


def duration(seconds):
    """A time that people can read: ``41 s``, ``3:25``, ``7:01:09``, ``12d 03h``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    if hours < 100:
        return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
    return f"{hours // 24:,}d {hours % 24:02d}h"


def _table(headings, rows):
    """Columns that fit into 80 characters, numbers to the right."""
    table = Table(box=None, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def _print_tables(result):
    """What people read: what was assumed, a row a number of GPUs, when they were busy, round sizes."""
    console = Console(highlight=False, markup=False, soft_wrap=not sys.stdout.isatty())
    if not console.is_terminal:
        console.width = 160
    for line in _introduction(result):
        console.print(line)
    console.print(_table_of_sizes(result["sizes"]))
    for row in result["sizes"]:
        if row["failed"]:
            n = row["failed"] + row["not_run"]
            console.print(
                f"with {row['gpus']} GPUs {n} jobs are never done: more retries, or a longer limit?"
            )
    console.print(
        "queue: mean wait for a GPU; unseen: mean from an end to the poll that sees it; starts: share of the "
        "GPUs' time before the work; sbatch: submissions"
    )
    console.print("GPUs in use over the run; T teachers, E epochs, L logits, S students")
    blocks = BLOCKS if "utf" in (sys.stdout.encoding or "").lower() else "0123456789"
    for row in result["sizes"]:
        shades = "".join(blocks[round(share * (len(blocks) - 1))] for share in row["busy"])
        console.print(f"{row['gpus']:>5} |{shades}|")
        console.print(f"      |{row['step']}|")
    if result["round_sizes"]:
        console.print()
        console.print(_table_of_rounds(result))
        console.print("Larger rounds wait less and search worse: each trial knows of fewer before it.")
    console.print(f"simulated in {result['simulation_seconds']:.1f} s")


def _table_of_sizes(sizes):
    """A row a number of GPUs; failures and the like only where there are some."""
    columns = {
        "GPUs": lambda row: str(row["gpus"]),
        "time": lambda row: duration(row["makespan_seconds"]),
        "work/GPUs": lambda row: duration(row["bound_seconds"]),
        "no barriers": lambda row: duration(row["no_barriers_seconds"]),
        "barriers cost": lambda row: _percent(row["barriers_seconds"] / (row["makespan_seconds"] or 1)),
        "idle": lambda row: _percent(row["idle_share"]),
        "queue": lambda row: duration(row["queue_seconds"]),
        "unseen": lambda row: duration(row["unseen_seconds"]),
        "starts": lambda row: _percent(row["start_share"], 1),
        "sbatch": lambda row: f"{row['submissions']:,}",
    }
    if any(row["failures"] + row["preemptions"] + row["time_limits"] for row in sizes):
        columns |= {
            "lost": lambda row: duration(row["lost_seconds"]),
            "failed": lambda row: str(row["failures"]),
            "preempted": lambda row: str(row["preemptions"]),
            "timed out": lambda row: str(row["time_limits"]),
            "not done": lambda row: str(row["failed"] + row["not_run"]),
        }
    return _table(columns, [[cell(row) for cell in columns.values()] for row in sizes])


def _percent(share, digits=0):
    return f"{100 * share:.{digits}f} %"


def _table_of_rounds(result):
    """A row a round size, a column a number of GPUs."""
    by_size = {}
    for row in result["round_sizes"]:
        by_size.setdefault(row["round_size"], []).append(duration(row["makespan_seconds"]))
    headings = ["round size", *(f"{row['gpus']} GPUs" for row in result["sizes"])]
    return _table(headings, [[str(size), *cells] for size, cells in by_size.items()])


def _introduction(result):
    """Lines on the run and on what its times are."""
    n_jobs, n_gpu = sum(result["jobs"].values()), result["gpu_jobs"]
    yield (
        f"{n_jobs:,} jobs, {n_gpu:,} of them on GPUs: {duration(result['work_seconds'])} of work on one, and "
        f"{duration(result['start_seconds'])} of stage starts; longest chain "
        f"{duration(result['longest_chain_seconds'])}"
    )
    machine = result["times"]
    yield f"times: {machine.get('processor')}, {machine.get('devices')}, {machine.get('date')}"
    yield f"a GPU is taken to be {result['speed']:g} times as fast as that (--speed)"
    if result["notes"]:
        yield f"EXTRAPOLATED from this {machine.get('processor')}, or not known: read proportions"
        yield from (f"  {note}" for note in result["notes"])
