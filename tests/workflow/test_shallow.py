"""The second paper's grid: what is planned, and what is refused before any job."""

import pytest

from mimic.console.overlays import read_config
from mimic.shallow.grid import group_digest, groups_of
from tests.workflow.conftest import ROOT, planned_jobs
from tests.workflow.test_bad_input import one_error_line

TABLE = "results/shallow/table2.csv"


def shallow(**sections):
    return {"shallow": sections}


def test_the_published_size_is_planned_as_a_job_a_group_and_nothing_of_the_first_paper(snakemake):
    run = snakemake("-n", TABLE)
    assert run.returncode == 0, run.stderr
    assert planned_jobs(run.stdout) == {
        "prepare_shallow_dataset": 2,
        "train_group": 2 * 6 * 6,
        "tabulate_losses": 1,
        "tabulate_intervals": 1,
        "total": 76,
    }


def test_all_of_the_demo_is_planned_by_one_name(snakemake):
    jobs = planned_jobs(snakemake("-n", "shallow", preset="shallow-demo").stdout)
    assert jobs["train_group"] == jobs["expand_nets"] == 3 * 4
    assert jobs["plot_losses"] == 3


def test_a_group_more_is_all_that_a_layer_count_more_trains(snakemake):
    overlay = shallow(grid={"n_layers": [1, 2, 4, 3]})
    jobs = planned_jobs(snakemake("-n", "shallow", preset="shallow-demo", overlay=overlay).stdout)
    assert jobs["train_group"] == 4 * 4


def test_readers_of_a_groups_file_are_told_what_the_config_has(snakemake):
    seed = {"seed": 5}
    run = snakemake("-n", "-p", "shallow", preset="shallow-demo", overlay=seed)
    config = read_config(ROOT / "Snakefile", [ROOT / "workflow/presets/shallow-demo.yaml"])
    digests = [group_digest(name, group, 5) for name, (_, group) in groups_of(config.shallow).items()]
    assert f" --digests {' '.join(digests)} " in run.stdout
    assert all(f" --digest {digest} " in run.stdout for digest in digests)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"grid": {"seed": []}}, ["shallow.grid.seed", "at least 1 item"]),
        ({"grid": {"kernel_size": [33]}}, ["grid.kernel_size", "at most 28", "mnist", "33"]),
        ({"grid": {"n_layers": [0]}}, ["shallow.grid.n_layers.0", "0"]),
        ({"grid": {"dataset": ["svhn"]}}, ["grid.dataset", "mnist, cifar10", "svhn"]),
        (
            {"training": {"memory_mb": 64}, "grid": {"batch_norm": [True]}},
            ["mnist-L", "memory_mb", "at least", "batch_norm"],
        ),
        ({"datasets": {"mnist": {"n_train": 60_001}}}, ["shallow.datasets.mnist", "60001", "60000"]),
        (
            {"datasets": {"mnist": {"source": "imagefolder", "path": "nowhere"}}},
            ["error: shallow.datasets.mnist.path: no such folder", "nowhere"],
        ),
    ],
    ids=lambda value: str(value)[:50] if isinstance(value, dict) else "",
)
def test_a_wrong_grid_is_refused_in_one_line(snakemake, sections, said):
    line = one_error_line(snakemake("-n", TABLE, overlay=shallow(**sections))).replace(",", "")
    for words in said:
        assert words.replace(",", "") in line


TOO_DEEP = {"grid": {"n_layers": [2, 64]}, "expansion": {"max_order": 9}}


def test_orders_of_too_many_substacks_are_refused_before_any_job(snakemake):
    line = one_error_line(snakemake("-n", "shallow", preset="shallow-demo", overlay=shallow(**TOO_DEEP)))
    assert "shallow.expansion.max_order: expected at most 2,000,000 sub-stacks" in line
    assert "of the 64 layers of shapes-L64-F1-K3" in line


@pytest.mark.parametrize("none", [{"expansion": {"n_nets": 0}}, {"grid": {"layout": ["parallel"]}}])
def test_orders_that_no_net_is_expanded_into_are_not_refused(snakemake, none):
    sections = {key: {**TOO_DEEP[key], **none.get(key, {})} for key in TOO_DEEP}
    run = snakemake("-n", "shallow", preset="shallow-demo", overlay=shallow(**sections))
    assert run.returncode == 0, run.stderr


def test_the_grids_datasets_are_looked_at_only_where_they_are_asked_for(snakemake):
    overlay = shallow(datasets={"mnist": {"source": "imagefolder", "path": "nowhere"}})
    assert snakemake("-n", "results/table2.csv", overlay=overlay).returncode == 0


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("results/shallow/groups/mnist-L3-F8-K3/nets.h5", "the config has no such group; it has 72"),
        ("results/shallow/data/svhn.h5", "expected one of mnist, cifar10"),
    ],
)
def test_a_group_or_dataset_that_the_config_does_not_have_is_one_line(snakemake, target, said):
    assert said in one_error_line(snakemake("-n", target))


@pytest.mark.parametrize("paper", ["shallow", "win"])
def test_images_of_the_first_paper_are_not_asked_for(snakemake, paper):
    overlay = {"data": {"source": "cifar10", "path": "nowhere", "download": False}}
    run = snakemake("-n", paper, preset=f"{paper}-demo", overlay=overlay)
    assert run.returncode == 0, run.stderr
    assert "note: " not in run.stderr
    assert "CIFAR-10" not in run.stdout + run.stderr
    assert "note: CIFAR-10 is not there" in snakemake("-n", preset=f"{paper}-demo", overlay=overlay).stderr


def test_a_run_of_the_grid_works_without_images_of_the_first_paper(snakemake, tmp_path):
    overlay = {"data": {"source": "cifar10", "path": "nowhere", "download": False}}
    target = "results/shallow-demo/shallow/data/shapes.h5"
    run = snakemake("--cores", "1", target, preset="shallow-demo", overlay=overlay)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (tmp_path / target).exists()
