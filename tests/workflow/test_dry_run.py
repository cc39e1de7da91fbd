"""What is planned: the paper's experiment whole, the demo whole, nothing that was not asked for."""

import re

from tests.workflow.conftest import planned_jobs


def test_the_plain_config_plans_the_whole_paper_without_its_images(snakemake):
    run = snakemake("-n", "results/table2.csv")
    assert run.returncode == 0, run.stderr
    jobs = planned_jobs(run.stdout)
    assert jobs["train_teacher"] == 129
    assert jobs["propose_teachers"] == 15  # 17 trials, then 14 rounds of 8
    assert jobs["generate_epochs"] == 16
    assert jobs["train_student"] == 36 * 48
    assert jobs["propose_students"] == 36 * 5
    assert jobs["tabulate_trials"] == 36
    assert jobs["select_ensemble"] == jobs["average_logits"] == jobs["tabulate_table2"] == 1
    note = re.search(r"note: .*", run.stderr)[0]
    assert "cifar-10-batches-py" in note  # which file
    assert "/data" in note  # where it was looked for
    assert "download" in note  # how to get it


def test_all_tables_and_figures_of_the_paper_are_planned_by_default(snakemake):
    jobs = planned_jobs(snakemake("-n").stdout)
    assert jobs["train_student"] == (36 + 4) * 48
    for rule in ("tabulate_table1", "tabulate_table2", "plot_figure1", "plot_figure2", "publish_report"):
        assert jobs[rule] == 1


def test_the_demo_plans_nine_families_at_two_budgets_in_its_own_folder(snakemake):
    run = snakemake("-n", preset="demo")
    jobs = planned_jobs(run.stdout)
    assert jobs["train_student"] == 9 * 2 * 2 + 4
    assert jobs["train_teacher"] == 5
    outputs = re.findall(r"output: (\S+)", run.stdout)
    assert outputs
    assert all(path.startswith("results/demo/") for path in outputs)


def test_hard_label_nets_wait_for_no_teacher(snakemake):
    run = snakemake("-n", "results/demo/students/cnn2-100k-hard/trials.csv", preset="demo")
    assert run.returncode == 0, run.stderr
    assert "train_teacher" not in planned_jobs(run.stdout)


def test_figure_2_takes_budgets_that_the_paper_does_not_tabulate(snakemake):
    run = snakemake("-n", "results/figure2.png", overlay={"students": {"budgets": ["1M", "100M"]}})
    assert run.returncode == 0, run.stderr
    assert planned_jobs(run.stdout)["tabulate_trials"] == 18


def test_the_linter_asks_for_nothing_but_what_is_meant(snakemake):
    # One environment serves all rules: the one that Snakemake itself runs in (see the README). Where the
    # images lie is no param, since each param takes part in what reruns and in the key of a shared cache.
    run = snakemake("--lint", preset="demo")
    complaints = set(re.findall(r"^\s+\* (.*?):?$", run.stderr + run.stdout, flags=re.MULTILINE))
    assert complaints == {
        "Specify a conda environment or container for each rule.",
        "Shell command directly uses variable DATA_SETTINGS from outside of the rule",
    }


SHAPES = {"source": "shapes", "path": None, "download": False, "n_train": 60, "n_test": 20}
GRID = {
    "datasets": {"shapes": SHAPES},
    "grid": {"dataset": ["shapes"], "n_layers": [1, 2], "n_filters": [1], "seed": [0, 1]},
}


def test_the_grid_of_the_second_paper_leaves_a_page_and_is_part_of_no_other_run(snakemake, tmp_path):
    overlay = {"output": "out", "shallow": GRID}
    run = snakemake("-n", "shallow", overlay=overlay)
    assert run.returncode == 0, run.stderr
    jobs = planned_jobs(run.stdout)
    assert (jobs["train_group"], jobs["publish_grid_report"]) == (2, 1)
    assert "publish_report" not in jobs
    # tables of another grid, which their rules would make again
    (tmp_path / "out" / "shallow").mkdir(parents=True)
    for name in ("losses", "table2", "expansion"):
        (tmp_path / "out" / "shallow" / f"{name}.csv").write_text("dataset\n")
    jobs = planned_jobs(snakemake("-n", overlay=overlay, preset="demo").stdout)
    assert jobs["publish_report"] == 1
    assert not {"train_group", "tabulate_losses", "tabulate_intervals", "publish_grid_report"} & set(jobs)
