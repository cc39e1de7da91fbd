"""Both stages of the teachers on tiny nets: a round is proposed, a trial trained, the next round proposed."""

import json
from pathlib import Path

import pytest
import yaml
from safetensors import safe_open

from mimic.artifact import read_json, write_json
from mimic.cli import InputError
from mimic.config.whole import load
from mimic.models.weights import read_weights
from mimic.report.trials import read_metrics
from mimic.search.rounds import read_proposal
from mimic.teachers.propose_teachers import main as propose_teachers
from mimic.teachers.space import teacher_space
from mimic.teachers.train_teacher import main as train_teacher
from mimic.training.evaluate import score
from mimic.training.predictions import read_predictions

CONFIG = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text(encoding="utf-8"))
SPACE = CONFIG["teachers"]["search_space"] | {
    name: {"low": 2, "high": 4}
    for name in ("filters_conv1", "filters_conv2", "filters_conv3", "hidden_units")
}


@pytest.fixture
def propose(tmp_path):
    def run(round_index, trials, finished=()):
        path = str(tmp_path / f"round-{round_index:02}.json")
        arguments = ["--search-space", json.dumps(SPACE), "--seed", "3", "--round", str(round_index)]
        arguments += ["--trials", *map(str, trials), "--finished", *finished, "--proposals", path]
        propose_teachers(arguments)
        return path

    return run


@pytest.fixture
def train(tmp_path, dataset_path, training):
    def run(trial, proposals, folder="trials", **changes):
        place = tmp_path / folder / f"{trial:03}"
        settings = training(max_epochs=2).model_dump() | changes
        arguments = ["--crop", json.dumps(CONFIG["teachers"]["crop"]), "--training", json.dumps(settings)]
        arguments += [
            "--seed",
            "3",
            "--trial",
            str(trial),
            "--proposals",
            proposals,
            "--dataset",
            dataset_path,
        ]
        for name, file in (("metrics", "json"), ("history", "csv"), ("weights", "st"), ("predictions", "h5")):
            arguments += [f"--{name}", str(place / f"{name}.{file}")]
        train_teacher(arguments)
        return place

    return run


def test_a_round_proposes_every_trial_inside_the_space(propose):
    path = propose(0, range(4))
    values = CONFIG | {"teachers": CONFIG["teachers"] | {"search_space": SPACE}}
    space = teacher_space(load(values).teachers.search_space)
    for trial in range(4):
        hyperparameters, round_index = read_proposal(path, trial)
        assert round_index == 0
        assert set(hyperparameters) == {d.name for d in space}
        assert all(d.contains(hyperparameters[d.name]) for d in space)


def test_a_trial_is_trained_recorded_and_followed(propose, train, dataset):
    first = propose(0, range(2))
    place = train(0, first)
    trial = read_metrics(place / "metrics.json")
    assert (trial.study, trial.trial, trial.round, trial.status) == ("teachers", 0, 0, "finished")
    assert (trial.family, trial.budget, trial.loss, trial.epochs) == ("teacher", None, "cross_entropy", 2)
    assert trial.hyperparameters == read_proposal(first, 0)[0]
    net = read_weights(place / "weights.st")
    assert trial.n_parameters == sum(p.numel() for p in net.parameters())
    logits, digest = read_predictions(place / "predictions.h5", 3)
    assert digest == dataset.digest
    assert trial.validation_accuracy == score(logits["validation"], dataset.labels["validation"])[0]
    assert len((place / "history.csv").read_text().splitlines()) == 3
    second = propose(1, [2, 3], [str(place / "metrics.json")])
    assert read_proposal(second, 3)[1] == 1
    assert read_proposal(second, 2)[0] != read_proposal(first, 0)[0]


def test_the_same_trial_is_the_same_bytes(propose, train):
    path = propose(0, range(2))
    first, again, other = train(0, path), train(0, path, "again"), train(1, path)
    for name in ("weights.st", "predictions.h5"):
        assert (first / name).read_bytes() == (again / name).read_bytes()
    assert (first / "weights.st").read_bytes() != (other / "weights.st").read_bytes()


def test_a_trial_that_diverges_is_recorded_and_the_study_goes_on(propose, train, tmp_path):
    path = Path(propose(0, range(2)))
    value = read_json(path, "mimic.proposals")
    rate = value["proposals"][0]["hyperparameters"]["learning_rate"]
    value["proposals"][0]["hyperparameters"]["learning_rate"] = 1e30
    write_json(path, value)
    place = train(0, str(path))
    trial = read_metrics(place / "metrics.json")
    assert trial.status == "diverged"
    with safe_open(place / "weights.st", "pt") as file:
        assert list(file.keys())
    assert read_predictions(place / "predictions.h5", 3)[0]["test"].shape == (0, 3)
    metrics = read_json(place / "metrics.json", "mimic.trial")
    metrics["hyperparameters"]["learning_rate"] = rate
    write_json(tmp_path / "m.json", metrics)
    assert len(json.loads(Path(propose(1, [2], [str(tmp_path / "m.json")])).read_text())["proposals"]) == 1


def test_a_trial_that_nobody_proposed_is_refused_before_anything_is_written(propose, train, tmp_path):
    path = propose(0, range(2))
    with pytest.raises(InputError, match="proposes no trial 7"):
        train(7, path)
    assert not (tmp_path / "trials").exists()


def test_wrong_settings_are_named(propose, train):
    with pytest.raises(InputError, match="--training: batch_size"):
        train(0, propose(0, range(2)), batch_size=0)
