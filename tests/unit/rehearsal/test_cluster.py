import pytest
import yaml
from tests.unit.rehearsal.conftest import ROOT

from mimic.cli import InputError
from mimic.rehearsal.cluster import ClusterSettings, read_cluster
from mimic.rehearsal.jobs import RULES


def test_keys_come_from_the_file_and_then_from_the_command_line(tmp_path):
    path = tmp_path / "cluster.yaml"
    path.write_text("{init_seconds: 8, queue: {median: 30, spread: 1}, cpus: 4}")
    cluster = read_cluster(path, ["cpus=null", "queue.median=60", "slowdown=[1, 1.5]"])
    assert (cluster.init_seconds, cluster.cpus, cluster.slowdown) == (8, None, (1, 1.5))
    assert (cluster.queue.median, cluster.queue.spread) == (60, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("gpus=3", "--set: gpus: unknown key"),
        ("init_seconds=-1", "--set: init_seconds: .*, got -1"),
        ("jobs=many", "--set: jobs: .*, got 'many'"),
        ("slowdown=[1.5, 1]", "slowdown: expected factors from 1 upwards"),
        ("gpu_rules=[train]", "gpu_rules: the workflow has no rule train"),
        ("jobs", "--set: expected KEY=VALUE, got 'jobs'"),
        ("jobs=[", "--set jobs: expected a value in YAML"),
        ("jobs.n=1", "--set: jobs: "),
    ],
)
def test_a_wrong_key_or_value_is_refused_in_one_line(change, said):
    with pytest.raises(InputError, match=said) as error:
        read_cluster(None, [change])
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_cluster_is_refused_by_its_name(tmp_path):
    path = tmp_path / "cluster.yaml"
    for text, said in (
        ("[1]", "expected keys of a cluster"),
        ("a: [", "not YAML"),
        ("x: 1", "x: unknown key"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=rf"cluster.yaml: {said}"):
            read_cluster(path)


def test_epochs_go_to_a_gpu_only_where_pixels_are_rendered(demo, change):
    cluster = ClusterSettings()
    assert not cluster.submits("generate_epochs", demo)
    assert cluster.submits("generate_epochs", change(epochs__store="pixels"))
    assert cluster.submits("train_student", demo)
    assert not cluster.submits("plot_figure1", demo)
    assert ClusterSettings(gpu_rules=["plot_figure1"]).submits("plot_figure1", demo)


def test_checkpoints_take_at_most_a_hundredth_of_the_time():
    assert ClusterSettings().checkpoint_interval_seconds == 20
    assert ClusterSettings(save_seconds=0.5).checkpoint_interval_seconds == 50


@pytest.mark.parametrize(("slowdown", "worth"), [([1], 1), ([1, 1.25], 1.6), ([1, 3], 1)])
def test_a_shared_gpu_is_worth_what_its_trials_do_together(slowdown, worth):
    assert ClusterSettings(slowdown=slowdown).gpus_worth() == worth


def test_defaults_are_those_of_the_profile(demo, change):
    profile = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text())
    cluster = ClusterSettings()
    assert cluster.init_seconds == profile["slurm-init-seconds-before-status-checks"]
    assert cluster.array_limit == profile["slurm-array-limit"]
    assert (cluster.local_cores, cluster.retries) == (profile["local-cores"], profile["retries"])
    queued = {rule for rule in RULES if cluster.submits(rule, change(epochs__store="pixels"))}
    assert queued == set(profile["slurm-array-jobs"].split(","))
    assert {rule for rule in RULES if cluster.submits(rule, demo)} == queued - {"generate_epochs"}
