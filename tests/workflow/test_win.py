"""The third paper's nets: what is planned, and what is refused before any job."""

import pytest

from tests.workflow.conftest import planned_jobs
from tests.workflow.test_bad_input import one_error_line

TABLE = "results/win-demo/win/table2.csv"


def win(**sections):
    return {"win": sections}


def test_table_2_of_the_demo_is_planned_as_jobs_of_all_stages_and_nothing_of_the_first_paper(snakemake):
    run = snakemake("-n", TABLE, preset="win-demo")
    assert run.returncode == 0, run.stderr
    assert planned_jobs(run.stdout) == {
        "prepare_win_dataset": 1,
        "train_wide": 2,
        "train_vanilla": 2,
        "train_kd": 2,
        "imitate_block": 2 * 4,
        "finetune": 2,
        "merge": 2,
        "tabulate_methods": 1,
        "total": 20,
    }


def test_another_width_of_teachers_is_in_table_3_alone(snakemake):
    overlay = win(widen=[2, 4])
    jobs = planned_jobs(snakemake("-n", "win", preset="win-demo", overlay=overlay).stdout)
    assert (jobs["train_wide"], jobs["finetune"], jobs["train_kd"], jobs["train_vanilla"]) == (4, 4, 2, 2)


def test_the_step_leaves_a_page_and_is_part_of_no_other_run(snakemake, tmp_path):
    jobs = planned_jobs(snakemake("-n", "win", preset="win-demo").stdout)
    assert jobs["publish_win_report"] == 1
    assert "publish_report" not in jobs
    # tables of another config, which their rules would make again
    (tmp_path / "out" / "win").mkdir(parents=True)
    for name in ("table1", "table2", "table3"):
        (tmp_path / "out" / "win" / f"{name}.csv").write_text("model\n")
    jobs = planned_jobs(snakemake("-n", overlay={"output": "out"}, preset="demo").stdout)
    assert jobs["publish_report"] == 1
    assert not {"train_wide", "tabulate_sizes", "tabulate_methods", "publish_win_report"} & set(jobs)


def test_seeds_share_the_teacher(snakemake):
    overlay = win(nets={"seed": [0, 1, 2]})
    jobs = planned_jobs(snakemake("-n", TABLE, preset="win-demo", overlay=overlay).stdout)
    assert (jobs["train_wide"], jobs["merge"], jobs["train_vanilla"]) == (2, 6, 6)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"nets": {"depth": []}}, ["win.nets.depth", "at least 1 item"]),
        ({"nets": {"depth": [18]}}, ["win.nets.depth.0", "14, 26, 50, 101 or 152", "18"]),
        ({"nets": {"divide": [3]}}, ["win.nets.divide.0", "3"]),
        ({"nets": {"seed": [1, 1]}}, ["win.nets.seed", "each value once"]),
        ({"widen": [1]}, ["win.widen.0", "2 or 4"]),
        ({"imitate_block": {"restarts": -1}}, ["win.imitate_block.restarts", "-1"]),
        ({"data": {"n_train": None}}, ["win.data", "n_train", "a number", "shapes"]),
        ({"data": {"source": "imagefolder", "path": "nowhere"}}, ["win.data", "nowhere"]),
        ({"training": {"batch_size": 1}}, ["win.training.batch_size", "1"]),
    ],
    ids=lambda value: str(value)[:50] if isinstance(value, dict) else "",
)
def test_wrong_settings_are_refused_in_one_line(snakemake, sections, said):
    line = one_error_line(snakemake("-n", TABLE, preset="win-demo", overlay=win(**sections)))
    for words in said:
        assert words in line, line


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("resnet50/vanilla/0/metrics.json", ["resnet50", "resnet14-1of4, resnet14-1of8"]),
        ("resnet14-1of4/x4/teacher/metrics.json", ["win.widen", "4"]),
        ("resnet14-1of4/vanilla/7/metrics.json", ["win.nets.seed", "7"]),
    ],
)
def test_a_net_that_the_config_has_not_is_refused_in_one_line(snakemake, target, said):
    line = one_error_line(snakemake("-n", f"results/win-demo/win/{target}", preset="win-demo"))
    for words in said:
        assert words in line, line
