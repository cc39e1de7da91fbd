"""The command on the project's card, literally, against the same command on this machine alone."""

import json
import os
import subprocess
import sys

from tests.slurm.conftest import ROOT

OUT = "results/demo"
DEMO = (f"{OUT}/table2.csv", "--configfile", "workflow/presets/demo.yaml")


def rehearsal(local):
    """Seconds that `mimic rehearse` says the demo takes on this Slurm, from the times of a local run."""
    mimic = [sys.executable, "-m", "mimic", "rehearse", *DEMO[1:]]
    measure = [*mimic, "--measure", OUT, "--out", "times.json"]
    subprocess.run(measure, cwd=local.folder, env=local.environment, check=True)
    cluster = ["--cluster", str(ROOT / "tests/slurm/cluster.yaml"), "--gpus", "2", "--target", "table2"]
    simulate = [*mimic, "--times", "times.json", "--spread", "replay", "--json", *cluster]
    said = subprocess.check_output(simulate, cwd=local.folder, env=local.environment)
    return json.loads(said)["sizes"][0]["makespan_seconds"]


def test_the_demo_on_slurm_gives_the_bytes_of_a_local_run(checkout, capsys):
    local, cluster = checkout("local"), checkout("cluster")
    code, output, local_seconds = local.run("--cores", "2", *DEMO)
    assert code == 0, output
    code, output, seconds = cluster.run("--profile", "slurm", *DEMO)
    assert code == 0, output

    trials = sorted(path.relative_to(local.folder) for path in local.folder.glob("results/**/metrics.json"))
    assert len(trials) == 41
    submissions, seen = cluster.submissions(), f"local {local_seconds:.0f} s, Slurm {seconds:.0f} s"
    with capsys.disabled():
        print(f"\n{seen}, {submissions} submissions of {len(trials)} trials")
    for name in ("table2.csv", "logits/targets.h5", "ensemble/members.json"):
        files = [(run.folder / OUT / name).read_bytes() for run in (local, cluster)]
        assert files[0] == files[1], name
    for trial in trials:
        metrics = json.loads((cluster.folder / trial).read_text())
        assert metrics["status"] == "finished"
        for name in ("weights.safetensors", "predictions.h5"):
            files = [(run.folder / trial).with_name(name).read_bytes() for run in (local, cluster)]
            assert files[0] == files[1], trial
    rehearsed = rehearsal(local)
    with capsys.disabled():
        print(f"rehearsed from the local run's times: {rehearsed:.0f} s")
    assert submissions <= len(trials) / 10
    # Seconds are held only where the machine is ours alone (`run.sh all`).
    if os.environ.get("MIMIC_TIMED"):
        assert seconds <= 2 * local_seconds + 60
        assert abs(rehearsed / seconds - 1) <= 0.2
