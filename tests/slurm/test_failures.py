"""Whatever happens to jobs and daemons, a run on Slurm ends with the bytes of one that nobody disturbed."""

import csv
import os
import signal
import subprocess
import time
from pathlib import Path

from tests.e2e.conftest import OVERLAY, changed
from tests.slurm.conftest import queued, slurm, within

EPOCHS = 40
LONG = {"batch_size": 16, "max_epochs": EPOCHS, "halve_patience": 200, "stop_patience": 400}
TWO = {"trials": 2, "first_round": 2, "round_size": 1}
FILES = ("weights.safetensors", "predictions.h5")


def long_trainings():
    """Overlay of six trainings of a quarter of a minute each."""
    overlay = changed(
        data=OVERLAY["data"] | {"n_train": 512, "n_validation": 128, "n_test": 128},
        teachers=OVERLAY["teachers"] | {"search": TWO, "training": LONG},
        epochs=OVERLAY["epochs"] | {"store": "recipe"},
    )
    students = OVERLAY["students"]
    hard = students["hard_label"] | {"search": TWO, "training": LONG}
    overlay["students"] = students | {
        "families": ["cnn2"],
        "search": TWO,
        "training": LONG,
        "hard_label": hard,
    }
    return overlay


def training_of(job):
    """Process number of the training that a job runs, and the training's log; None while it starts."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_text().split("\0")
            variables = (process / "environ").read_text().split("\0")
        except OSError:
            continue  # it has ended meanwhile
        if "--metrics" not in words or not words[0].endswith("python"):
            continue
        slurm_names = ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID")
        numbers = dict(line.split("=", 1) for line in variables if line.split("=")[0] in slurm_names)
        array = f"{numbers.get('SLURM_ARRAY_JOB_ID')}_{numbers.get('SLURM_ARRAY_TASK_ID')}"
        if job in (numbers.get("SLURM_JOB_ID"), array):
            folder = Path(words[words.index("--metrics") + 1]).parent
            rule = "train_teacher" if folder.parts[1] == "teachers" else f"train_student/{folder.parts[2]}"
            return int(process.name), Path("out/logs", rule, f"{folder.name}.log")
    return None


class Trainings:
    """The trainings of a run, by their logs, of which each attempt writes a new one.

    Parameters
    ----------
    checkout : Checkout
    """

    def __init__(self, checkout):
        self.folder = checkout.folder

    def jobs_under_way(self):
        """Jobs whose trainings have some epochs behind them and before them."""
        found = []
        for job in queued("RUNNING"):
            training = training_of(job)
            log = training and self.folder / training[1]
            text = log.read_text() if log and log.exists() else ""
            last = f"epoch {EPOCHS * 2 // 3}/"
            if text.count("\nepoch ") >= 3 and last not in text and "terminated" not in text:
                found.append(job)
        return found

    def resumed(self, log):
        """Whether the training of a log goes on from an epoch after its first."""
        end_waits()
        return "resumed at epoch" in (self.folder / log).read_text()


def tried(*command):
    """Whether a command succeeds."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def restart_controller():
    """End slurmctld, and start it again with what it had kept."""
    slurm("pkill", "--exact", "slurmctld")
    within(20, "slurmctld has gone", lambda: not tried("pgrep", "--exact", "slurmctld"))
    time.sleep(20)  # Snakemake looks for its jobs meanwhile
    slurm("slurmctld")
    within(20, "slurmctld is back", lambda: tried("scontrol", "ping"))


def end_waits():
    """Slurm holds what it queues again back for two minutes: not here."""
    for job in queued("PENDING"):
        subprocess.run(
            ["scontrol", "update", f"JobId={job}", "StartTime=now"], capture_output=True, check=False
        )


def test_cancelled_timed_out_preempted_and_lost_trials_go_on_where_they_were(checkout):
    overlay = long_trainings()
    # trainings of seconds save often enough to have something to go on from
    local, cluster = (checkout(name, MIMIC_CHECKPOINT_SECONDS="0") for name in ("local", "cluster"))
    code, output, _ = local.run("--cores", "2", "--configfile", local.overlay(overlay))
    assert code == 0, output

    trainings, host = Trainings(cluster), slurm("hostname", "-s")[0]
    soon = ("--slurm-init-seconds-before-status-checks", "3")
    run = cluster.start("--profile", "slurm", *soon, "--configfile", cluster.overlay(overlay))

    def disturbed(what, disturb):
        """Do something that ends a training under way, and see it go on where it was."""
        job = within(100, f"a training under way before {what}", trainings.jobs_under_way)[0]
        log = training_of(job)[1]
        disturb(job)
        within(100, f"{log} resumed after {what}", lambda: trainings.resumed(log))

    def lose_node(job):
        slurm("scontrol", "update", f"NodeName={host}", "State=DOWN", "Reason=test")
        tried("scontrol", "update", f"NodeName={host}", "State=RESUME")  # it may be back by itself

    def time_out(job):
        """A minute is the shortest limit, so that a training of seconds is held up."""
        slurm("scontrol", "update", f"JobId={job}", "TimeLimit=1")
        os.kill(training_of(job)[0], signal.SIGSTOP)
        within(120, "the job's time is up", lambda: job in queued("TIMEOUT"))

    urgent = ("sbatch", "-p", "urgent", "--gpus=2", "--ntasks=1", "--cpus-per-task=2", "--wrap", "sleep 1")
    disturbed("a trial cancelled", lambda job: slurm("scancel", job))
    disturbed("a preemption", lambda job: slurm(*urgent, "--output", cluster.folder / "urgent.log"))
    disturbed("a node lost", lose_node)
    restart_controller()
    disturbed("a time limit", time_out)

    def done():
        end_waits()
        return run.poll() is not None

    within(400, "the end of the run", done)
    assert run.returncode == 0, cluster.log.read_text()

    histories = sorted(local.folder.glob("out/**/history.csv"))
    assert len(histories) == 6
    for history in histories:
        again = cluster.folder / history.relative_to(local.folder)
        with open(again) as file:
            assert [int(row["epoch"]) for row in csv.DictReader(file)] == list(range(1, EPOCHS + 1)), again
        for name in FILES:
            assert again.with_name(name).read_bytes() == history.with_name(name).read_bytes(), (
                again.with_name(name)
            )
    for name in ("table1.csv", "table2.csv", "logits/targets.h5"):
        assert (cluster.folder / "out" / name).read_bytes() == (local.folder / "out" / name).read_bytes(), (
            name
        )


def test_what_always_fails_stops_only_what_depends_on_it_and_is_named(checkout):
    overlay = changed()
    overlay["students"] = OVERLAY["students"] | {"families": ["mlp1", "cnn2"]}
    cluster = checkout("cluster")
    # a folder in the place of a file that the training writes
    (cluster.folder / "out/students/mlp1-40k/trials/000/.weights.safetensors.part").mkdir(parents=True)
    code, output, _ = cluster.run(
        "--profile", "slurm", "--retries", "1", "--configfile", cluster.overlay(overlay), seconds=400
    )
    assert code == 1
    log = "out/logs/train_student/mlp1-40k/000.log"
    assert log in output[output.rindex("Error in rule") :]
    assert "error: " in (cluster.folder / log).read_text()
    assert (cluster.folder / "out/students/cnn2-40k/trials.csv").exists()
    assert (cluster.folder / "out/table1.csv").exists()
    assert not (cluster.folder / "out/students/mlp1-40k/trials.csv").exists()
    assert not (cluster.folder / "out/table2.csv").exists()
