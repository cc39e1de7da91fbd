"""What a run ends with that is killed again and again: the bytes of one that nobody disturbed.

    python benchmarks/kills.py --work FOLDER [--kills 50] [--configfile workflow/presets/demo.yaml] [--seed 0]

The pipeline runs once undisturbed, then in another folder from the start: after a random time all its
processes get SIGKILL at once, Snakemake and jobs alike, as when a machine loses its power; then ``snakemake
--unlock``, and the same command again with ``--rerun-incomplete``. After the last kill it runs to its end.
Every file that both folders hold is compared but those that tell seconds. What ran at the instant of each
kill is counted, by stage, and whether a file was being written (one that is not published yet lies beside
its place).

Random times are drawn so that the kills spread over the whole run: each attempt gets from nothing to twice
what the undisturbed run took, over the number of kills, after the time that Snakemake takes to start. A run
that is done before the last kill is followed by another from the start."""

import argparse
import collections
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from recording import CHECKOUT, claim, header, positive, write_result

#: Files that tell seconds.
TIMED = ("metrics.json", "history.csv", "trials.csv", "table1_long.csv", "table2_long.csv")
SUFFIXES = (".h5", ".safetensors", ".json", ".csv", ".png", ".svg")
STARTING = "snakemake"


class Pipeline:
    """The workflow in a folder of its own.

    Parameters
    ----------
    folder : path
        Working folder of Snakemake.
    configfiles : sequence of path
    cores : int
    """

    def __init__(self, folder, configfiles, cores):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.command = [sys.executable, "-m", "snakemake", "--snakefile", str(CHECKOUT / "Snakefile")]
        self.command += ["--cores", str(cores), "--rerun-incomplete", "--quiet", "all", "--configfile"]
        self.command += [str(Path(file).resolve()) for file in configfiles]

    def start(self, *options):
        """Process of a run, the leader of a session of its own."""
        command = [*self.command[:5], *options, *self.command[5:]]
        # Trainings save often, so that even those of a small run have something to go on from.
        environment = {
            **os.environ,
            "MIMIC_CHECKPOINT_SECONDS": os.environ.get("MIMIC_CHECKPOINT_SECONDS", "1"),
        }
        with open(self.folder / "snakemake.log", "ab") as log:
            return subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, env=environment, start_new_session=True
            )

    def finish(self, *options):
        """Run to the end.

        Raises
        ------
        SystemExit
            If it fails; says where the log is.
        """
        if self.start(*options).wait():
            sys.exit(f"error: {self.folder / 'snakemake.log'}: the run failed")

    def files(self):
        """Files to compare, by their path in the folder."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder)
            hidden = any(part.startswith(".") for part in name.parts)
            if path.suffix in SUFFIXES and path.name not in TIMED and not hidden and "logs" not in name.parts:
                found[str(name)] = path
        return found


def processes_of(session):
    """Processes of a session: number -> command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found[int(folder.name)] = (folder / "cmdline").read_bytes().decode().split("\0")
        except (OSError, IndexError):
            continue  # it has ended meanwhile
    return found


def stages_of(processes):
    """Names of the stages that run, or that Snakemake alone does."""
    started = [words[words.index("-m") + 1] for words in processes.values() if "-m" in words[:-1]]
    modules = {module.rsplit(".", 1)[-1] for module in started if module.startswith("mimic.")}
    return sorted(modules) or [STARTING]


def kill(session):
    """Kill all processes of a session at once; what ran.

    Returns
    -------
    list of str
        Stages.
    """
    stages = stages_of(processes_of(session))
    os.killpg(session, signal.SIGKILL)
    # Jobs may have process groups of their own, and may start new ones meanwhile.
    while remaining := processes_of(session):
        for number in remaining:
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.01)
    return stages


def run_with_kills(pipeline, n_kills, seconds, starting, generator, report=print):
    """Start a pipeline until it has been killed so often, or is done, and then run it to its end.

    Parameters
    ----------
    pipeline : Pipeline
    n_kills : int
    seconds : float
        What a whole run takes.
    starting : float
        What Snakemake and a job take before they have done anything, in seconds.
    generator : random.Random
    report : callable, str -> None

    Returns
    -------
    list of dict
        Of each kill: ``after_seconds``, ``stages``, ``while_writing``.
    """
    kills = []
    while len(kills) < n_kills:
        delay = starting + 2 * generator.random() * seconds / n_kills
        process = pipeline.start()
        try:
            process.wait(delay)
            break
        except subprocess.TimeoutExpired:
            stages = kill(process.pid)
            process.wait()
        parts = [path.name for path in pipeline.folder.rglob(".*.part")]
        kills.append({"after_seconds": round(delay, 2), "stages": stages, "while_writing": bool(parts)})
        report(f"kill {len(kills)}/{n_kills} after {delay:.1f} s: {', '.join(stages)}")
        pipeline.finish("--unlock")
    pipeline.finish()
    return kills


def compare(expected, found):
    """Names of files that are missing, too many, or of other bytes."""
    names = expected.keys() | found.keys()
    return sorted(
        name
        for name in names
        if name not in expected
        or name not in found
        or expected[name].read_bytes() != found[name].read_bytes()
    )


def main(argv=None):
    """Kill, compare, write a dated JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="new folder for both runs")
    parser.add_argument("--kills", type=positive, default=50)
    preset = CHECKOUT / "workflow" / "presets" / "demo.yaml"
    parser.add_argument(
        "--configfile", nargs="+", default=[str(preset)], help="overlays, the demo by default"
    )
    parser.add_argument("--cores", type=positive, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the random times")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder")
    arguments = parser.parse_args(argv)
    if arguments.work.exists():
        sys.exit(f"error: --work {arguments.work}: expected a new folder")
    machine = header()
    undisturbed = Pipeline(arguments.work / "undisturbed", arguments.configfile, arguments.cores)
    started = time.monotonic()
    undisturbed.finish()
    seconds = time.monotonic() - started
    started = time.monotonic()
    undisturbed.finish()
    # A job starts about as long as Snakemake itself.
    starting = 2 * (time.monotonic() - started)
    print(f"undisturbed: {seconds:.0f} s, of which {starting:.0f} s to start")
    generator, expected = random.Random(arguments.seed), undisturbed.files()
    kills, different, leftovers, n_files, n_runs = [], [], [], 0, 0
    while len(kills) < arguments.kills:
        n_runs += 1
        killed = Pipeline(arguments.work / f"killed-{n_runs}", arguments.configfile, arguments.cores)
        kills += run_with_kills(killed, arguments.kills - len(kills), seconds, starting, generator)
        different += compare(expected, killed.files())
        leftovers += [str(path) for path in killed.folder.rglob(".*.part")]
        n_files += len(expected)
    by_stage = collections.Counter(stage for row in kills for stage in row["stages"])
    for stage, count in by_stage.most_common():
        print(f"{count:4} kills hit {stage}")
    print(f"{n_files - len(different)} of {n_files} files are the same bytes; {len(leftovers)} leftovers")
    what = f"files of {n_runs} runs killed {len(kills)} times that are as in the undisturbed run"
    same = [float(n_files - len(different))]
    result = {
        **machine,
        "kills": kills,
        "kills_by_stage": dict(by_stage.most_common()),
        "different": different,
        "leftovers": leftovers,
        "seconds_undisturbed": round(seconds, 1),
    }
    write_result(
        arguments.out,
        "kills",
        result,
        [claim(what, "files", same, "the undisturbed run", [float(n_files)])],
    )
    sys.exit(f"error: other bytes: {', '.join(different[:5])}" if different else 0)


if __name__ == "__main__":
    main()
