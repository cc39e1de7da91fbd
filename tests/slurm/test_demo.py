"""The command on the project's card, literally, against the same command on this machine alone."""

import json

OUT = "results/demo"
DEMO = (f"{OUT}/table2.csv", "--configfile", "workflow/presets/demo.yaml")


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
    assert submissions <= len(trials) / 10
    assert seconds <= 2 * local_seconds + 60
