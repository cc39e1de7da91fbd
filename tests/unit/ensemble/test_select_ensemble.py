import json

import numpy as np
import pytest

from mimic.artifact import write_json
from mimic.cli import InputError
from mimic.ensemble.select_ensemble import main, select_ensemble
from mimic.training.evaluate import score
from mimic.training.predictions import write_predictions


@pytest.fixture
def trials(tmp_path, dataset):
    """Writes trials with logits that are right with a given chance; returns the command's arguments."""
    generator = np.random.default_rng(0)
    paths = {"metrics": [], "predictions": []}

    def add(number, strength=1.0, status="finished", digest=None, rows=None, **changes):
        logits = {}
        for split in ("validation", "test"):
            labels = dataset.labels[split]
            values = generator.normal(size=(len(labels), 3)).astype(np.float32)
            values[np.arange(len(labels)), labels] += strength
            logits[split] = values[:rows]
        folder = tmp_path / f"{number}-{len(paths['metrics'])}"
        folder.mkdir()
        source = {"sources": {"dataset": digest or dataset.digest}, "seed": 100 + number}
        write_predictions(folder / "predictions.h5", logits, source)
        values = {
            "format": "mimic.trial",
            "status": status,
            "trial": number,
            "seed": 100 + number,
            "n_parameters": 1000 + number,
            "validation_accuracy": score(logits["validation"], dataset.labels["validation"][:rows])[0],
            "test_accuracy": score(logits["test"], dataset.labels["test"][:rows])[0],
        }
        values = {key: value for key, value in (values | changes).items() if value != "missing"}
        write_json(folder / "metrics.json", values)
        for name, suffix in (("metrics", "json"), ("predictions", "h5")):
            paths[name].append(str(folder / f"{name}.{suffix}"))
        return logits, values

    add.paths = paths
    return add


@pytest.fixture
def run(tmp_path, dataset_path, trials):
    def command(n_members, **changes):
        paths = trials.paths | changes
        out = tmp_path / "members.json"
        arguments = ["--settings", json.dumps({"n_members": n_members}), "--dataset", dataset_path]
        arguments += ["--metrics", *paths["metrics"], "--predictions", *paths["predictions"]]
        main([*arguments, "--members", str(out)])
        return json.loads(out.read_text())

    return command


def test_members_json_says_how_the_ensemble_grew(trials, run, dataset):
    made = {number: trials(number) for number in (4, 2, 7, 5)}
    value = run(3)
    assert value["format"] == "mimic.ensemble"
    assert len(set(value["members"])) == 3
    assert [step["trial"] for step in value["steps"]] == value["members"]
    assert [step["n_members"] for step in value["steps"]] == [1, 2, 3]
    for step in value["steps"]:
        chosen = value["members"][: step["n_members"]]
        for split in ("validation", "test"):
            mean = np.mean([made[t][0][split].astype(np.float64) for t in chosen], axis=0)
            accuracy, loss = score(mean, dataset.labels[split])
            assert step[f"{split}_accuracy"] == accuracy
            if split == "validation":
                assert step["validation_loss"] == pytest.approx(loss, rel=1e-12)
    for key in ("validation_accuracy", "validation_loss", "test_accuracy"):
        assert value[key] == value["steps"][-1][key]
    assert value["n_parameters"] == sum(1000 + t for t in value["members"])
    for key in ("validation_accuracy", "test_accuracy"):
        mean = np.mean([made[t][1][key] for t in value["members"]])
        assert value[f"mean_member_{key}"] == pytest.approx(mean)


def test_the_first_member_is_the_best_single_net(trials, run):
    made = {number: trials(number, strength)[1] for number, strength in ((1, 0.0), (2, 8.0), (3, 0.0))}
    assert made[2]["validation_accuracy"] == 1.0
    assert run(1)["members"] == [2]


def test_test_accuracy_chooses_nothing(trials, run, dataset):
    """Turning the test logits round changes what is reported and not who is chosen."""
    generator = np.random.default_rng(1)
    validation = {t: generator.normal(size=(12, 3)).astype(np.float32) for t in range(5)}
    test = {t: generator.normal(size=(9, 3)).astype(np.float32) for t in range(5)}
    plain = select_ensemble(validation, test, dataset.labels, 3)
    turned = select_ensemble(validation, {t: -v for t, v in test.items()}, dataset.labels, 3)
    assert [step["trial"] for step in plain] == [step["trial"] for step in turned]
    assert plain[-1]["test_accuracy"] != turned[-1]["test_accuracy"]


def test_diverged_trials_are_left_out(trials, run):
    trials(0, status="diverged", validation_accuracy=None, test_accuracy=None, rows=0)
    trials(1)
    trials(2)
    assert sorted(run(2)["members"]) == [1, 2]


def test_too_few_finished_trials_are_refused_with_both_numbers(trials, run, tmp_path):
    trials(0, status="diverged", validation_accuracy=None, test_accuracy=None, rows=0)
    trials(1)
    with pytest.raises(InputError, match=r"expected at least 2 finished trials, got 1 of 2 \(the others div"):
        run(2)
    assert not (tmp_path / "members.json").exists()


def test_predictions_of_another_dataset_are_refused_with_both_digests(trials, run, dataset):
    trials(1)
    trials(2, digest="f" * 64)
    with pytest.raises(InputError) as error:
        run(1)
    assert str(error.value).startswith(trials.paths["predictions"][1])
    assert dataset.digest[:16] in str(error.value)
    assert "f" * 16 in str(error.value)


def test_predictions_of_too_few_images_are_refused(trials, run):
    trials(1, rows=5)
    with pytest.raises(InputError, match="validation: expected 12 rows, got 5"):
        run(1)


def test_a_trial_given_twice_is_refused(trials, run):
    trials(1)
    trials(2)
    trials(1)
    with pytest.raises(InputError, match="trial 1 comes twice"):
        run(2)


def test_a_file_missing_in_one_of_the_lists_is_refused(trials, run):
    trials(1)
    trials(2)
    with pytest.raises(InputError, match="--predictions: expected 2 files, got 1"):
        run(1, predictions=trials.paths["predictions"][:1])


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "missing"},
        {"status": "running"},
        {"trial": "missing"},
        {"trial": "one"},
        {"n_parameters": "missing"},
        {"n_parameters": None},
        {"test_accuracy": "missing"},
        {"validation_accuracy": "high"},
        {"format": "mimic.ensemble"},
    ],
)
def test_metrics_that_are_none_are_refused_by_name(trials, run, changes):
    trials(1, **changes)
    with pytest.raises(InputError) as error:
        run(1)
    assert str(error.value).startswith(trials.paths["metrics"][0])


def test_predictions_of_another_trial_are_refused(trials, run):
    for number in (0, 1):
        trials(number)
    with pytest.raises(InputError, match="of another trial: expected seed 100, got 101"):
        run(1, predictions=trials.paths["predictions"][::-1])
