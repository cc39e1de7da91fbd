"""Tasks of an array are jobs of their own; the plugin alone ends each as if it were the first."""

from tests.e2e.conftest import changed


def test_a_task_that_fails_leaves_the_outputs_of_the_first_alone(checkout):
    cluster = checkout("cluster")
    # a folder in the place of a file that the training writes
    (cluster.folder / "out/teachers/trials/001/.weights.safetensors.part").mkdir(parents=True)
    options = ("--slurm-init-seconds-before-status-checks", "3", "--configfile", cluster.overlay(changed()))
    code, output, _ = cluster.run("--profile", "slurm", "out/teachers/trials.csv", "--retries", "0", *options)
    assert code == 1, output
    assert "Submitted array job with Snakemake IDs" in output
    assert "out/logs/train_teacher/001.log" in output[output.rindex("Error in rule") :]
    assert (cluster.folder / "out/teachers/trials/000/metrics.json").exists()
    assert not (cluster.folder / "out/teachers/trials/001/metrics.json").exists()
