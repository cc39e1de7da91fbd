"""From images to tables: what comes out, that it is the same each time, that it is done once."""

import json
import shutil

import h5py
import pandas as pd
import pytest

from mimic.artifact import write_json
from tests.e2e.conftest import OVERLAY, changed
from tests.workflow.conftest import planned_jobs, run_snakemake


def metrics_of(folder, study):
    """Metrics of a study's trials, read plainly."""
    paths = sorted((folder / "out" / study / "trials").glob("*/metrics.json"))
    return pd.DataFrame([json.loads(path.read_text()) for path in paths])


def test_table_2_has_the_best_trial_by_validation_of_every_study(finished_run):
    table = pd.read_csv(finished_run / "out" / "table2.csv", index_col="model")
    assert list(table.columns) == ["40k"]
    assert list(table.index) == [
        "Bottleneck, 1 hidden layer",
        "2 hidden layers",
        "2 conv. layers, 2 max-pool",
    ]
    for name, study in zip(table.index, ("mlp1-40k", "mlp2-40k", "cnn2-40k"), strict=True):
        trials = metrics_of(finished_run, f"students/{study}")
        assert len(trials) == 3
        best = trials[trials.status == "finished"].sort_values(
            ["validation_accuracy", "validation_loss", "trial"], ascending=[False, True, True]
        )
        assert table.loc[name, "40k"] == pytest.approx(round(100 * best.iloc[0].test_accuracy, 2), abs=0.005)


def test_every_student_meets_its_budget(finished_run):
    for study in ("students/mlp1-40k", "students/mlp2-40k", "students/cnn2-40k", "students/cnn2-40k-hard"):
        counts = metrics_of(finished_run, study).n_parameters
        assert counts.between(36_000, 40_000).all()


def test_table_1_lists_hard_label_nets_teachers_and_the_ensemble(finished_run):
    table = pd.read_csv(finished_run / "out" / "table1.csv", index_col="model")
    assert len(table) == 1 + 3 + 1
    members = json.loads((finished_run / "out" / "ensemble" / "members.json").read_text())
    assert table.loc["Ensemble of 2 CNNs", "accuracy_pct"] == pytest.approx(
        100 * members["test_accuracy"], abs=0.005
    )


def test_targets_are_the_mean_of_the_members_logits(finished_run):
    out = finished_run / "out"
    members = json.loads((out / "ensemble" / "members.json").read_text())["members"]
    logits = []
    for trial in members:
        with h5py.File(out / "logits" / "members" / f"{trial:03d}.h5") as file:
            logits.append(file["logits"][()].astype("float64"))
    with h5py.File(out / "logits" / "targets.h5") as file:
        targets = file["logits"][()]
    assert targets.shape == (3, 96, 10)
    assert (sum(logits) / len(logits)).astype("float16").tolist() == targets.tolist()


def test_figures_come_with_their_numbers(finished_run):
    out = finished_run / "out"
    for figure in ("figure1", "figure2"):
        assert (out / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (out / f"{figure}.svg").read_text()
        assert len(pd.read_csv(out / f"{figure}.csv")) >= 3


def test_the_page_holds_the_tables_of_the_run(finished_run):
    page = (finished_run / "out" / "report.html").read_text(encoding="utf-8")
    assert len(page.encode()) < 8_000_000
    for name in ("table1", "table2"):
        table = pd.read_csv(finished_run / "out" / f"{name}.csv", dtype=str)
        body = page[
            page.index(f'<table class="sortable{" grid" if name == "table2" else ""}" id="t{name[-1]}">') :
        ]
        body = body[: body.index("</table>")]
        for accuracy in table.iloc[:, -1]:
            assert f">{accuracy}</td>" in body
    assert "stored epochs 0 to 2" in page
    assert "So far:" not in page


def test_snakemakes_own_report_takes_the_page_along(finished_run, tmp_path):
    written = tmp_path / "snakemake.html"
    run = run_snakemake(finished_run, "--report", str(written), overlay=OVERLAY)
    assert run.returncode == 0, run.stderr
    assert "out/report.html" in written.read_text(encoding="utf-8")


def test_a_second_run_does_nothing(finished_run):
    run = run_snakemake(finished_run, "--cores", "2", overlay=OVERLAY)
    assert run.returncode == 0
    assert "Nothing to be done" in run.stderr


def test_one_worker_recipes_and_many_shards_give_the_same_bytes(finished_run, pipeline):
    other = pipeline("recipe", 1, changed(epochs__store="recipe", epochs__shard_size=1))
    for file in ("table2.csv", "table1.csv", "figure1.csv", "ensemble/members.json"):
        assert (other / "out" / file).read_bytes() == (finished_run / "out" / file).read_bytes(), file
    for trial in json.loads((other / "out" / "ensemble" / "members.json").read_text())["members"]:
        name = f"out/logits/members/{trial:03d}.h5"
        assert (other / name).read_bytes() == (finished_run / name).read_bytes()
    weights = "out/students/cnn2-40k/trials/002/weights.safetensors"
    assert (other / weights).read_bytes() == (finished_run / weights).read_bytes()


STUDENTS_REPORT = {"tabulate_table2", "plot_figure1", "plot_figure2", "publish_report", "all"}
ONCE = dict.fromkeys(STUDENTS_REPORT, 1)


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        (
            {"report__compare_with_paper": True},
            {"tabulate_table1", "tabulate_table2", "publish_report", "all"},
        ),
        (
            {"students__training__max_epochs": 3},
            {
                "propose_students": 3,
                "train_student": 9,
                "tabulate_trials": 3,
                **ONCE,
            },
        ),
        (
            {"students__hard_label__weight_decay": 0.001},
            {
                "train_student": 1,
                "tabulate_trials": 1,
                "tabulate_table1": 1,
                "plot_figure1": 1,
                "publish_report": 1,
                "all": 1,
            },
        ),
        (
            {"students__budgets": ["40k", "60k"]},
            {
                "propose_students": 6,
                "train_student": 9,
                "tabulate_trials": 3,
                **ONCE,
            },
        ),
        ({"students__families": ["mlp1", "mlp2"]}, STUDENTS_REPORT),
    ],
    ids=["report", "students' loop", "hard labels", "a budget more", "a family less"],
)
def test_a_changed_key_reruns_what_depends_on_it(finished_run, changes, rules):
    run = run_snakemake(finished_run, "-n", overlay=changed(**changes))
    jobs = planned_jobs(run.stdout)
    jobs.pop("total")
    if isinstance(rules, set):
        assert set(jobs) == rules
    else:
        assert jobs == rules


def test_a_round_more_of_teachers_keeps_the_old_ones(finished_run):
    run = run_snakemake(finished_run, "-n", overlay=changed(teachers__search__trials=4))
    jobs = planned_jobs(run.stdout)
    assert jobs["train_teacher"] == 1
    assert jobs["propose_teachers"] == 1
    assert jobs["select_ensemble"] == 1
    assert "prepare_dataset" not in jobs
    assert "generate_epochs" not in jobs


def test_more_epochs_keep_the_full_shards(finished_run):
    run = run_snakemake(
        finished_run, "-n", "out/epochs/00.h5", "out/epochs/01.h5", overlay=changed(epochs__n_epochs=6)
    )
    assert planned_jobs(run.stdout) == {"generate_epochs": 1, "total": 1}


def test_another_seed_reruns_everything(finished_run):
    jobs = planned_jobs(run_snakemake(finished_run, "-n", overlay=changed(seed=1)).stdout)
    assert jobs["prepare_dataset"] == 1
    assert jobs["train_teacher"] == 3
    assert jobs["train_student"] == 10


def test_an_ensemble_that_names_no_trials_is_refused_in_one_line(finished_run, tmp_path):
    shutil.copytree(finished_run, tmp_path / "copy")
    members = tmp_path / "copy" / "out" / "ensemble" / "members.json"
    write_json(members, {"format": "mimic.ensemble", "members": ["../../x"]})
    run = run_snakemake(tmp_path / "copy", "-n", overlay=OVERLAY)
    assert run.returncode == 1
    errors = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    assert errors == [
        "error: out/ensemble/members.json: members: expected a list of trial numbers, got ['../../x']"
    ]
    assert "Traceback" not in run.stdout + run.stderr


def test_a_diverged_trial_is_recorded_and_the_study_goes_on(tmp_path):
    overlay = changed(
        students__hard_label__search={"trials": 3, "first_round": 2, "round_size": 1},
        students__hard_label__search_space={"learning_rate": {"low": 1e8, "high": 1e9}},
    )
    run = run_snakemake(tmp_path, "out/students/cnn2-40k-hard/trials.csv", "--cores", "2", overlay=overlay)
    assert run.returncode == 0, run.stderr
    trials = pd.read_csv(tmp_path / "out" / "students" / "cnn2-40k-hard" / "trials.csv")
    assert list(trials.status) == ["diverged"] * 3
    assert trials.test_accuracy.isna().all()
