"""Any trials: the tables say what a plain pandas recomputation from the ``metrics.json`` files says."""

import json
import tempfile
from pathlib import Path

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic.artifact import write_json
from mimic.report import plot_figure1, tabulate_table1, tabulate_table2, tabulate_trials
from mimic.report.trials import read_metrics, read_trials

FAMILIES = ("mlp1", "mlp5", "cnn1", "cnn4")
PAPER = {("mlp1", "1M"): 65.8, ("mlp5", "1M"): 66.4, ("cnn1", "1M"): 84.5, ("cnn4", "1M"): 91.3}
PAPER |= {("mlp1", "10M"): 69.5, ("mlp5", "10M"): 71.4, ("cnn1", "10M"): 87.3, ("cnn4", "10M"): 92.6}
PAPER_TEACHERS = (92.78, 92.77, 92.67)

# Few distinct accuracies and losses, so that ties happen, beside arbitrary ones.
fractions = st.one_of(st.integers(0, 4).map(lambda k: k / 4), st.floats(0, 1))
losses = st.one_of(st.integers(0, 2).map(float), st.floats(0, 1e6))
numbers = st.one_of(st.integers(-(2**62), 2**62), st.floats(allow_nan=False, allow_infinity=False))
NAMES = st.sampled_from(["learning_rate", "momentum", "conv1"])


@st.composite
def trial_lists(draw, family, budget, loss):
    trials = []
    for trial in draw(st.lists(st.integers(0, 200), min_size=1, max_size=8, unique=True)):
        finished = draw(st.booleans())
        values = {
            "format": "mimic.trial",
            "status": "finished" if finished else "diverged",
            "study": f"{family}-{budget}-{loss}",
            "trial": trial,
            "round": draw(st.integers(0, 20)),
            "seed": draw(st.integers(0, 2**63 - 1)),
            "loss": loss,
            "family": family,
            "budget": budget,
            "architecture": draw(st.sampled_from(["7c-mp", 'a "quoted", thing', "=1+1"])),
            "n_parameters": draw(st.integers(1, 10**9)),
            "hyperparameters": draw(st.dictionaries(NAMES, numbers)),
            "epochs": draw(st.integers(0, 500)),
            "best_epoch": draw(st.none() | st.integers(0, 500)),
            "seconds": draw(st.floats(0, 1e9)),
            "validation_accuracy": draw(fractions) if finished else None,
            "validation_loss": draw(losses) if finished else None,
            "test_accuracy": draw(fractions) if finished else None,
        }
        trials.append(values)
    return trials


def write_study(folder, trials):
    """metrics.json of every trial, and the study's trials.csv."""
    paths = []
    for values in trials:
        path = folder / values["study"] / f"{values['trial']}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, values)
        paths.append(str(path))
    out = folder / trials[0]["study"] / "trials.csv"
    tabulate_trials.main(["--metrics", *paths, "--out", str(out)])
    return paths, str(out)


def recomputed_order(paths):
    """Finished trials of a study, best first, straight from the files."""
    frame = pd.DataFrame([json.loads(Path(path).read_text()) for path in paths])
    frame = frame[frame.status == "finished"]
    keys = frame.validation_accuracy.astype(float), frame.validation_loss.astype(float), frame.trial
    order = sorted(zip(-keys[0], keys[1], keys[2], frame.index, strict=True))
    return frame.loc[[index for *_, index in order]]


def as_percent(fraction):
    return round(fraction * 100, 2)


cells = st.sampled_from([(family, budget) for family in FAMILIES for budget in ("1M", "10M", "316k")])


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_trials_csv_holds_the_very_numbers_of_the_metrics_in_any_order(data):
    trials = data.draw(trial_lists("cnn1", "10M", "logit_l2"))
    with tempfile.TemporaryDirectory() as folder:
        paths, out = write_study(Path(folder), trials)
        text = Path(out).read_bytes()
        shuffled = data.draw(st.permutations(paths))
        tabulate_trials.main(["--metrics", *shuffled, "--out", out])
        assert Path(out).read_bytes() == text
        frame = read_trials(out)
        assert list(frame["trial"]) == sorted(trial["trial"] for trial in trials)
        for values, (_, row) in zip(sorted(trials, key=lambda t: t["trial"]), frame.iterrows(), strict=True):
            for key, value in values.items():
                if key not in ("format", "hyperparameters"):
                    assert row[key] == value or (value is None and pd.isna(row[key]))
            names = [
                key.removeprefix("hyperparameter.") for key in frame if key.startswith("hyperparameter.")
            ]
            kept = {name: row[f"hyperparameter.{name}"] for name in names}
            kept = {name: value for name, value in kept.items() if value is not None}
            assert kept == values["hyperparameters"]
            assert all(type(kept[name]) is type(values["hyperparameters"][name]) for name in kept)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_table_2_is_what_pandas_recomputes_from_the_metrics(data):
    chosen = data.draw(st.lists(cells, min_size=1, max_size=4, unique=True))
    budgets = data.draw(st.permutations(["1M", "10M", "316k"]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        metrics, studies = {}, []
        for family, budget in chosen:
            trials = data.draw(trial_lists(family, budget, "logit_l2"))
            metrics[family, budget], out = write_study(folder, trials)
            studies.append(out)
        names = ["--out", str(folder / "table2.csv"), "--long", str(folder / "long.csv")]
        shape = ["--families", *data.draw(st.permutations(FAMILIES)), "--budgets", *budgets]
        tabulate_table2.main(["--studies", *studies, *shape, *names])
        table = pd.read_csv(folder / "table2.csv", dtype=str, keep_default_na=False)
        long = pd.read_csv(folder / "long.csv", dtype={"budget": str}).set_index(["family", "budget"])

        assert list(table.columns) == ["model", *budgets]
        assert len(table) == len(FAMILIES)
        assert len(long) == len(FAMILIES) * len(budgets)
        for row, family in enumerate(FAMILIES):
            for budget in budgets:
                cell, behind = table.loc[row, budget], long.loc[(family, budget)]
                paths = metrics.get((family, budget), [])
                ranked = recomputed_order(paths) if paths else []
                published = PAPER.get((family, budget))
                assert behind.n_trials == len(paths)
                assert behind.n_diverged == len(paths) - len(ranked)
                assert behind.paper_accuracy_pct == published or (
                    published is None and pd.isna(behind.paper_accuracy_pct)
                )
                if not len(ranked):
                    assert cell == ""
                    assert pd.isna(behind.test_accuracy_pct)
                    continue
                best = ranked.iloc[0]
                assert cell == f"{as_percent(best.test_accuracy):.2f}"
                assert behind.test_accuracy_pct == as_percent(best.test_accuracy)
                assert behind.validation_accuracy_pct == as_percent(best.validation_accuracy)
                assert (behind.trial, behind.n_parameters) == (best.trial, best.n_parameters)
                assert (behind.epochs, behind.architecture) == (best.epochs, best.architecture)
                if published is not None:
                    assert abs(behind.difference - (as_percent(best.test_accuracy) - published)) < 0.005


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_table_1_is_what_pandas_recomputes_from_the_metrics(data):
    teachers = data.draw(trial_lists("teacher", None, "cross_entropy"))
    teachers[0] |= {"status": "finished", "validation_accuracy": 0.5, "validation_loss": 1.0}
    teachers[0] |= {"test_accuracy": 0.25}
    hard = data.draw(trial_lists("cnn4", "10M", "cross_entropy"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        teacher_paths, teacher_csv = write_study(folder, teachers)
        hard_paths, hard_csv = write_study(folder, hard)
        ensemble = {"format": "mimic.ensemble", "members": [teachers[0]["trial"]], "n_parameters": 7}
        ensemble |= {"validation_accuracy": 0.5, "test_accuracy": 0.25}
        write_json(folder / "members.json", ensemble)
        inputs = ["--hard-studies", hard_csv, "--teachers", teacher_csv]
        inputs += ["--ensemble", str(folder / "members.json")]
        names = ["--out", str(folder / "table1.csv"), "--long", str(folder / "long.csv")]
        tabulate_table1.main([*inputs, *names])
        table = pd.read_csv(folder / "table1.csv", dtype=str, keep_default_na=False)
        long = pd.read_csv(folder / "long.csv")

        best = recomputed_order(hard_paths)
        ranked = recomputed_order(teacher_paths).head(3)
        accuracies = [f"{as_percent(best.iloc[0].test_accuracy):.2f}" if len(best) else ""]
        accuracies += [f"{as_percent(accuracy):.2f}" for accuracy in ranked.test_accuracy]
        assert list(table["accuracy_pct"]) == [*accuracies, "25.00"]
        counts = [str(best.iloc[0].n_parameters) if len(best) else "", *map(str, ranked.n_parameters), "7"]
        assert list(table["n_parameters"]) == counts
        teacher_rows = long[long["kind"] == "teacher"]
        assert list(teacher_rows["trial"]) == list(ranked.trial)
        assert list(teacher_rows["paper_accuracy_pct"]) == list(PAPER_TEACHERS[: len(ranked)])
        assert long["paper_accuracy_pct"].isna().iloc[-1]


@given(st.data())
@settings(max_examples=10, deadline=None)
def test_the_numbers_of_figure_1_are_what_pandas_recomputes_from_the_metrics(data):
    chosen = data.draw(st.lists(cells, min_size=1, max_size=3, unique=True))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        metrics, studies = {}, []
        for family, budget in chosen:
            trials = data.draw(trial_lists(family, budget, "logit_l2"))
            metrics[family, budget], out = write_study(folder, trials)
            studies.append(out)
        teacher = data.draw(trial_lists("teacher", None, "cross_entropy"))[:1]
        teacher[0] |= {"status": "finished", "validation_accuracy": 0.5, "validation_loss": 1.0}
        teacher[0] |= {"test_accuracy": 0.25}
        _, teacher_csv = write_study(folder, teacher)
        ensemble = {"format": "mimic.ensemble", "members": [teacher[0]["trial"]], "n_parameters": 7}
        ensemble |= {"validation_accuracy": 0.5, "test_accuracy": 0.25}
        write_json(folder / "members.json", ensemble)
        inputs = ["--studies", *studies, "--teachers", teacher_csv]
        inputs += ["--ensemble", str(folder / "members.json")]
        outputs = [
            word for kind in ("png", "svg", "csv") for word in (f"--{kind}", str(folder / f"f.{kind}"))
        ]
        plot_figure1.main([*inputs, *outputs])
        frame = pd.read_csv(folder / "f.csv", dtype={"budget": str})
        frame = frame[frame["series"] == "student"].set_index(["family", "budget"])

        assert len(frame) == len(chosen)
        for cell, paths in metrics.items():
            five = recomputed_order(paths).head(5).test_accuracy.astype(float) * 100
            row = frame.loc[cell]
            assert (row.n_trials, row.n_best) == (len(paths), len(five))
            expected = (five.mean(), five.iloc[0], five.iloc[-1]) if len(five) else (None,) * 3
            for measured, value in zip((row.mean_pct, row.best_pct, row.fifth_pct), expected, strict=True):
                # four decimals in the CSV
                assert pd.isna(measured) if value is None else abs(measured - value) <= 0.5001e-4


@given(trial_lists("mlp1", "1M", "logit_l2"))
@settings(max_examples=30, deadline=None)
def test_test_accuracy_chooses_nothing(trials):
    with tempfile.TemporaryDirectory() as folder:
        chosen = []
        for changed in (trials, [t | {"test_accuracy": t["test_accuracy"] and 0.0} for t in trials]):
            paths, out = write_study(Path(folder), changed)
            ranked = [read_metrics(path).trial for path in paths]
            assert sorted(ranked) == list(read_trials(out)["trial"])
            table = [str(Path(folder) / name) for name in ("t.csv", "l.csv")]
            shape = ["--families", "mlp1", "--budgets", "1M", "--out", table[0], "--long", table[1]]
            tabulate_table2.main(["--studies", out, *shape])
            chosen.append(pd.read_csv(table[1], keep_default_na=False)["trial"].iloc[0])
        assert chosen[0] == chosen[1]
