"""How long Snakemake plans the paper, and how long it looks at finished results to find nothing to do.

    taskset -c 0 python benchmarks/planner.py [--out benchmarks/results] [--rounds 5]

Two things are timed, each as its own process from start to end: ``snakemake -n results/table2.csv`` on an
empty folder, and ``snakemake results/table2.csv`` on finished results. The peer is a toy workflow: one rule
with one output, no params, no log and no config, and exactly the same jobs and dependencies (read from our
own plan). So the toy shows what Snakemake itself takes for a DAG of that shape; the rest is ours. Rounds
alternate between all entries. The table shows the median of the rounds and their range by the wall clock,
and the median of the processor time, which leaves out the time in which other programs had the core.

Everything is written to a temporary folder. Finished results are placeholders, recorded by Snakemake's own
``--touch``. The script stops if a plan has other than the expected jobs, or a run finds something to do.
"""

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml
from recording import claim, header, positive, write_result
from snakemake.utils import update_config

from mimic.artifact import write_json
from mimic.config.data import WHEREABOUTS
from mimic.config.whole import load
from mimic.data.contents import digest_of_images
from mimic.data.store import SPLITS, make_dataset, write_dataset
from mimic.students.families import studies_of

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("snakemake", "pydantic", "numpy", "h5py", "mimic")
TOY = """
import json

PARENTS = json.load(open("parents.json"))


def files_of_parents(wildcards):
    return [f"jobs/{parent}.txt" for parent in PARENTS[int(wildcards.job)]]


rule toy:
    input:
        files_of_parents,
    output:
        "jobs/{job}.txt",
    shell:
        "touch {output}"
"""
# The touching executor sleeps a tenth of a second a job, minutes in all; the order of times needs no sleep.
TOUCH = """
from snakemake.cli import main
from snakemake.executors import touch

touch.Executor.SLEEPING_TIME = 0
main()
"""


class Workflow:
    """A workflow in a folder of its own.

    Parameters
    ----------
    folder : path
        Made here; Snakemake's working directory.
    snakefile : path
    target : str
        The file asked for, relative to the folder.
    options : sequence of str
        More arguments.
    """

    def __init__(self, folder, snakefile, target, options=()):
        folder.mkdir()
        self.folder, self.target = folder, target
        self.arguments = ["--snakefile", str(snakefile), "--directory", str(folder), target]
        self.options = list(options)

    def run(self, *arguments, program=("-m", "snakemake")):
        """Standard output and error of a run that must succeed."""
        command = [sys.executable, *program, *self.arguments, *arguments, *self.options]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{run.stdout[-2000:]}\n{run.stderr[-2000:]}")
        return run.stdout, run.stderr

    def timed(self, *arguments):
        """Seconds of a run by the wall clock and of the processor, and what it printed."""
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        output = self.run(*arguments)
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {"wall": wall, "processor": processor}, *output

    def record(self):
        """Let Snakemake write down that all files are there; returns what it printed."""
        arguments = ("--touch", "--forceall", "--cores", "1")
        return "".join(self.run(*arguments, program=("-c", TOUCH)))


def jobs_in(printed):
    """Inputs and outputs of every job that Snakemake printed.

    Returns
    -------
    list of (list of str, list of str)
    """
    jobs = []
    for block in re.split(r"^(?:local)?(?:rule|checkpoint) \w+:$", printed, flags=re.MULTILINE)[1:]:
        files = {}
        for key in ("input", "output"):
            found = re.search(rf"^    {key}: (.+)$", block.split("\n\n")[0], flags=re.MULTILINE)
            files[key] = found[1].split(", ") if found else []
        jobs.append((files["input"], files["output"]))
    return jobs


def parents_of(jobs):
    """Which jobs each job depends on, by their places in the list."""
    maker = {file: place for place, (_, outputs) in enumerate(jobs) for file in outputs}
    return [sorted({maker[file] for file in inputs if file in maker}) for inputs, _ in jobs]


def n_jobs_of(config):
    """Jobs of table 2, from the config alone: before the members are known, and with their logits."""
    searches = [config.teachers.search]
    searches += [config.students.search for study in studies_of(config.students) if not study.hard_label]
    n = sum(search.n_rounds() + search.trials for search in searches)
    n += len(searches) - 1  # tabulated studies
    n += config.epochs.n_shards()
    n += 4  # prepare_dataset, select_ensemble, average_logits, tabulate_table2
    return n, n + config.ensemble.n_members


def finish(ours, config, planned):
    """Placeholders for all results, valid where the workflow reads them; recorded as finished."""
    while planned:
        for file in (ours.folder / name for _, outputs in planned for name in outputs):
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.name == "members.json":
                members = list(range(config.ensemble.n_members))
                write_json(file, {"format": "mimic.ensemble", "members": members})
            elif file.name == "dataset.h5":
                images = {split: np.zeros((1, 3, 32, 32), np.uint8) for split in SPLITS}
                labels = {split: np.zeros(1, np.int64) for split in SPLITS}
                provenance = {
                    "settings": config.data.model_dump(exclude=set(WHEREABOUTS)),
                    "seed": config.seed,
                    "sources": {"images": digest_of_images(config.data, ours.folder / "images.json")},
                }
                write_dataset(file, make_dataset(images, labels, ["class"], labels), provenance)
            else:
                file.write_text("placeholder")
        # The members are chosen now: a second plan holds their logits, a third one nothing.
        planned = jobs_in(ours.run("-n")[0])
    return jobs_in(ours.record())


def toy_of(toy, jobs):
    """Give the toy workflow these jobs' dependencies."""
    (toy.folder / "parents.json").write_text(json.dumps(parents_of(jobs)))


def finish_toy(toy, n_jobs):
    """Placeholders for the toy's results, recorded as finished."""
    for job in range(n_jobs):
        file = toy.folder / "jobs" / f"{job}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text("placeholder")
    toy.record()


def check_jobs(found, expected, what):
    """Stop where a plan is not the one that was to be measured."""
    if found != expected:
        sys.exit(f"{what}: expected {expected} jobs, found {found}")


def time_plans(entries, n_jobs, n_rounds):
    """Seconds of ``-n`` of every workflow in every round."""
    seconds = {name: [] for name in entries}
    for _ in range(n_rounds):
        for name, workflow in entries.items():
            taken, output, _ = workflow.timed("-n")
            check_jobs(int(re.search(r"^total +(\d+)$", output, flags=re.MULTILINE)[1]), n_jobs, name)
            seconds[name].append(taken)
    return seconds


def check_nothing_to_do(name, printed):
    """Stop unless Snakemake said so, and knew how every file had been made."""
    if "Nothing to be done" not in printed or "missing provenance" in printed:
        sys.exit(f"{name}: something to do on finished results:\n{printed[-2000:]}")


def time_no_ops(entries, n_rounds):
    """Seconds of a run on finished results of every workflow in every round."""
    for name, workflow in entries.items():
        check_nothing_to_do(name, "".join(workflow.run("-n")))  # before a run could start to train
    seconds = {name: [] for name in entries}
    for _ in range(n_rounds):
        for name, workflow in entries.items():
            taken, output, errors = workflow.timed("--cores", "1")
            check_nothing_to_do(name, output + errors)
            seconds[name].append(taken)
    return seconds


def read_config(overlays):
    """``config.yaml`` with overlays on it, as Snakemake merges them."""
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for path in overlays:
        update_config(values, yaml.safe_load(path.read_text(encoding="utf-8")))
    return load(values)


def measure(folder, config, overlays, n_rounds):
    """Seconds of all entries, and the sizes of both DAGs."""
    n_planned, n_finished = n_jobs_of(config)
    options = ["--configfile", *map(str, overlays)] if overlays else []
    ours = Workflow(folder / "ours", ROOT / "Snakefile", f"{config.output}/table2.csv", options)
    planned = jobs_in(ours.run("-n")[0])
    check_jobs(len(planned), n_planned, "ours, planned")
    (folder / "Toy").write_text(TOY)
    target = next(place for place, (_, outputs) in enumerate(planned) if ours.target in outputs)
    toy = Workflow(folder / "toy", folder / "Toy", f"jobs/{target}.txt")
    toy_of(toy, planned)
    seconds = {"plan": time_plans({"ours": ours, "toy": toy}, n_planned, n_rounds)}

    finished = finish(ours, config, planned)
    check_jobs(len(finished), n_finished, "ours, finished")
    target = next(place for place, (_, outputs) in enumerate(finished) if ours.target in outputs)
    toy = Workflow(folder / "finished-toy", folder / "Toy", f"jobs/{target}.txt")
    toy_of(toy, finished)
    finish_toy(toy, n_finished)
    seconds["no-op"] = time_no_ops({"ours": ours, "toy": toy}, n_rounds)
    sizes = {
        name: {"jobs": len(jobs), "dependencies": sum(map(len, parents_of(jobs)))}
        for name, jobs in (("plan", planned), ("no-op", finished))
    }
    return seconds, sizes


def main():
    """Measure, print a table, write a dated JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder")
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--configfile", type=Path, nargs="+", default=[], help="overlays on config.yaml")
    arguments = parser.parse_args()
    overlays = [path.resolve() for path in arguments.configfile]
    config = read_config(overlays)
    if Path(config.output).is_absolute():
        parser.error(f"output: expected a folder relative to the temporary one, got {config.output}")
    machine = header(PACKAGES)
    with tempfile.TemporaryDirectory() as folder:
        seconds, sizes = measure(Path(folder), config, overlays, arguments.rounds)
    medians = {
        what: {
            name: {clock: round(statistics.median(r[clock] for r in rounds), 2) for clock in rounds[0]}
            for name, rounds in entries.items()
        }
        for what, entries in seconds.items()
    }
    print(
        f"{'':7}{'':6}{'jobs':>6}{'dependencies':>14}{'seconds':>9}{'range':>16}{'processor':>11}{'x toy':>7}"
    )
    for what, entries in medians.items():
        for name, median in entries.items():
            walls = [taken["wall"] for taken in seconds[what][name]]
            spread = f"{min(walls):.2f} to {max(walls):.2f}"
            ratio = median["processor"] / entries["toy"]["processor"]
            print(
                f"{what:7}{name:6}{sizes[what]['jobs']:6,}{sizes[what]['dependencies']:14,}"
                f"{median['wall']:9.2f}{spread:>16}{median['processor']:11.2f}{ratio:7.2f}"
            )
    rounded = {
        what: {
            name: [{clock: round(value, 3) for clock, value in taken.items()} for taken in rounds]
            for name, rounds in entries.items()
        }
        for what, entries in seconds.items()
    }
    result = {**machine, "sizes": sizes, "median_seconds": medians, "seconds": rounded}
    what = {"plan": "a plan (-n)", "no-op": "a run with nothing to do"}
    claims = [
        claim(
            f"{what[kind]} of {sizes[kind]['jobs']:,} jobs, {sizes[kind]['dependencies']:,} dependencies",
            "s",
            [taken["wall"] for taken in entries["ours"]],
            "a toy of the same shape",
            [taken["wall"] for taken in entries["toy"]],
            less_is_better=True,
        )
        for kind, entries in rounded.items()
    ]
    write_result(arguments.out, "planner", result, claims)


if __name__ == "__main__":
    main()
