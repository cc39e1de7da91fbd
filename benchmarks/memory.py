"""The memory that each stage takes at the paper's sizes, which is what its rule asks a cluster for.

    python benchmarks/memory.py --work FOLDER [--out benchmarks/results]

Two runs of the pipeline through Snakemake, on the embedded images, since memory depends on shapes alone:
``full`` has the paper's 60,000 images, an epoch a training and nets of moderate width; ``wide`` has the
largest teacher and the widest students of 31.6M parameters, with ten steps each on few images. Memory does
not grow with epochs, trials or members (see ``proportion``). Each stage's log ends with its peak of resident
memory; the largest of each rule is shown beside ``mem_mb`` of the rule. A job of the widest nets takes both,
the steps of ``wide`` and the images of ``full``.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

from recording import CHECKOUT, claim, header, write_result

ONE_TRIAL = "search: {trials: 1, first_round: 1, round_size: 1}"
FULL = f"""
output: full
data: {{source: shapes, path: null, download: false}}
teachers:
  {ONE_TRIAL}
  training: {{max_epochs: 1}}
ensemble: {{n_members: 1}}
epochs: {{n_epochs: 2, shard_size: 2}}
students:
  families: [mlp1, cnn1]
  budgets: [1M]
  {ONE_TRIAL}
  training: {{max_epochs: 1}}
  hard_label:
    families: [cnn1]
    budgets: [1M]
    {ONE_TRIAL}
    training: {{max_epochs: 1}}
report: {{compare_with_paper: false}}
"""
WIDE = f"""
output: wide
data: {{source: shapes, path: null, download: false, n_train: 1280, n_validation: 500, n_test: 500}}
teachers:
  {ONE_TRIAL}
  search_space:
    filters_conv1: {{low: 95, high: 96}}
    filters_conv2: {{low: 191, high: 192}}
    filters_conv3: {{low: 383, high: 384}}
    hidden_units: {{low: 1535, high: 1536}}
  training: {{max_epochs: 1}}
ensemble: {{n_members: 1}}
epochs: {{n_epochs: 1, shard_size: 1}}
students:
  budgets: [31.6M]
  {ONE_TRIAL}
  training: {{max_epochs: 1}}
  hard_label:
    budgets: [31.6M]
    {ONE_TRIAL}
    training: {{max_epochs: 1}}
report: {{compare_with_paper: false}}
"""
SNAKEMAKE = (sys.executable, "-m", "snakemake", "--snakefile", str(CHECKOUT / "Snakefile"))
COST = re.compile(r"done in ([\d.]+) s, memory (\d+) MB at most")


def peaks(folder):
    """Largest peak of each rule in MB, from the last lines of the logs."""
    largest = {}
    for log in folder.rglob("*.log"):
        found = COST.findall(log.read_text())
        if found:
            rule = log.relative_to(folder).parts[0].removesuffix(".log")
            largest[rule] = max(largest.get(rule, 0), int(found[-1][1]))
    return largest


def asked(folder):
    """``mem_mb`` of each rule, as Snakemake plans it."""
    # members follow a checkpoint, which a plan does not pass: name one
    targets = ["-n", "--forceall", "all", "full/logits/members/000.h5", "--configfile", "full.yaml"]
    plan = subprocess.run([*SNAKEMAKE, *targets], cwd=folder, check=True, text=True, capture_output=True)
    found, rule = {}, None
    for line in plan.stdout.splitlines():
        start = re.match(r"(?:local)?(?:rule|checkpoint) (\w+):", line)
        rule = start.group(1) if start else rule
        memory = re.search(r"mem_mb=(\d+)", line)
        if rule and memory:
            found[rule] = int(memory.group(1))
    return found


def main():
    """Run both, print a table, write a dated JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder; a run in it goes on")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder")
    arguments = parser.parse_args()
    machine = header()
    arguments.work.mkdir(parents=True, exist_ok=True)
    measured = {}
    for name, text in {"full": FULL, "wide": WIDE}.items():
        (arguments.work / f"{name}.yaml").write_text(text)
        run = ["--cores", "2", "--rerun-incomplete", "--quiet", "rules", "--configfile"]
        subprocess.run([*SNAKEMAKE, *run, f"{name}.yaml"], cwd=arguments.work, check=True)
        measured[name] = peaks(arguments.work / name / "logs")
    requested = asked(arguments.work)
    claims = []
    for rule, megabytes in sorted(requested.items()):
        if rule not in measured["full"]:
            continue
        peak = max(run.get(rule, 0) for run in measured.values())
        what = f"memory of `{rule}` at the paper's sizes, largest of its jobs"
        claims.append(claim(what, "MB", [peak], "what its rule asks for", [megabytes], less_is_better=True))
        print(f"{rule:20}{peak:8} MB, asks for {megabytes}")
    write_result(arguments.out, "memory", {**machine, "peak_mb": measured, "mem_mb": requested}, claims)


if __name__ == "__main__":
    main()
