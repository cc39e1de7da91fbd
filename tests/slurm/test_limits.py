"""Limits under which a version of the Slurm plugin never submits jobs."""


def test_limits_under_which_the_plugin_loses_jobs_are_refused(checkout):
    cluster = checkout("cluster")
    demo = ("--profile", "slurm", "--configfile", "workflow/presets/demo.yaml")
    for limit, said in {
        ("--jobs", "20"): "--jobs 20",
        ("--resources", "gpu=2"): "--resources gpu",
        ("--max-jobs-per-timespan", "7/1m"): "--max-jobs-per-timespan 7/60s",
        ("--scheduler-subsample", "5"): "--scheduler-subsample 5",
    }.items():
        code, output, _ = cluster.run(*limit, *demo)
        assert code == 1, output
        assert f"error: {said}: expected no limit below the 45 trials" in output
        assert not (cluster.folder / "results/demo/data").exists()


def test_arrays_longer_than_an_argument_may_be_are_refused(checkout):
    cluster = checkout("cluster")
    demo = ("--profile", "slurm", "--configfile", "workflow/presets/demo.yaml")
    code, output, _ = cluster.run("--slurm-array-limit", "100", *demo)
    assert code == 1, output
    assert "error: --slurm-array-limit 100: expected at most 5" in output
    assert "with 2 shards of epochs" in output
