"""Both stages of the students on tiny nets and stored epochs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from mimic.augment.render import Renderer
from mimic.cli import InputError
from mimic.config.whole import load
from mimic.epochs.generate_epochs import main as generate_epochs
from mimic.epochs.store import StoredEpochs
from mimic.logits.store import TARGETS_FORMAT, Member, StoredLogits, write_logits
from mimic.models.weights import read_weights
from mimic.report.trials import read_metrics
from mimic.search.rounds import read_proposal
from mimic.students.families import parse_study, study_settings
from mimic.students.propose_students import main as propose_students
from mimic.students.train_student import epoch_loader
from mimic.students.train_student import main as train_student

CONFIG = load(yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text(encoding="utf-8")))


@pytest.fixture
def shard(tmp_path, dataset_path):
    """Two stored epochs; `store` is pixels or recipe."""

    def write(store="pixels", seed=7):
        path = str(tmp_path / f"{store}-{seed}.h5")
        settings = CONFIG.epochs.model_dump(include={"hsv", "crop"}) | {"store": store}
        arguments = ["--settings", json.dumps(settings), "--seed", str(seed), "--epochs", "0", "1"]
        generate_epochs([*arguments, "--dataset", dataset_path, "--shard", path])
        return path

    return write


def opened(shards, dataset):
    images = torch.from_numpy(dataset.images["train"])
    return StoredEpochs(shards, dataset.digest, images, Renderer("cpu"))


@pytest.fixture
def targets(tmp_path, dataset):
    """Targets for a shard: five for the right class, minus one for the others."""

    def write(shard, n_classes=3):
        epochs = opened([shard], dataset)
        order = [epochs.recipe(epoch).image_index for epoch in (0, 1)]
        labels = [dataset.labels["train"][index] for index in order]
        logits = (np.float32(6 * np.eye(n_classes)[of_epoch] - 1) for of_epoch in labels)
        path = str(tmp_path / f"targets-{n_classes}.h5")
        digests = [epochs.digests[epoch] for epoch in (0, 1)]
        write_logits(path, TARGETS_FORMAT, logits, digests, 36, n_classes, "float32", [Member(0, "w")], {})
        return path

    return write


@pytest.fixture
def run(tmp_path, dataset_path, training, shard, targets):
    """Proposes a round of a study and trains its first trial; returns the folder."""

    def command(name, folder="trials", store="pixels", target=None, **changes):
        study = parse_study(name)
        group = CONFIG.students.hard_label if study.hard_label else CONFIG.students
        proposals = str(tmp_path / f"{name}.json")
        arguments = ["--study", name, "--search-space", group.search_space.model_dump_json(), "--seed", "3"]
        propose_students([*arguments, "--round", "0", "--trials", "0", "1", "--proposals", proposals])
        settings = study_settings(CONFIG.students, study).model_dump()
        settings |= {"training": training(max_epochs=3).model_dump(), "width_multiple": 1} | changes
        stored = shard(store)
        place = tmp_path / folder / name
        arguments = ["--study", name, "--settings", json.dumps(settings), "--seed", "3", "--trial", "0"]
        arguments += ["--proposals", proposals, "--dataset", dataset_path, "--epochs", stored]
        if target is None:
            target = [] if study.hard_label else [targets(stored)]
        arguments += ["--targets", *target]
        for option, file in (
            ("metrics", "json"),
            ("history", "csv"),
            ("weights", "st"),
            ("predictions", "h5"),
        ):
            arguments += [f"--{option}", str(place / f"{option}.{file}")]
        train_student(arguments)
        return place

    return command


@pytest.mark.parametrize("name", ["mlp1-30k", "mlp3-30k", "cnn1-10k", "cnn4-10k", "cnn2-10k-hard"])
def test_a_student_is_trained_at_its_budget_and_recorded(run, name):
    place, study = run(name), parse_study(name)
    trial = read_metrics(place / "metrics.json")
    assert (trial.study, trial.family, trial.budget) == (name, study.family, study.budget_label)
    assert trial.loss == ("cross_entropy" if study.hard_label else "logit_l2")
    assert trial.status in ("finished", "diverged")
    assert trial.n_parameters <= study.budget
    assert 0.8 * study.budget < trial.n_parameters
    if trial.status == "finished":
        net = read_weights(place / "weights.st")
        assert trial.n_parameters == sum(p.numel() for p in net.parameters())
        assert net.input_scale == trial.hyperparameters.get("input_scale", 1.0)


@pytest.mark.parametrize("name", ["cnn1-10k", "cnn2-10k-hard"])
def test_the_same_seed_is_the_same_bytes_from_pixels_or_recipe(run, name):
    places = [run(name, "a"), run(name, "b"), run(name, "c", store="recipe")]
    weights = [(place / "weights.st").read_bytes() for place in places]
    assert weights[0] == weights[1] == weights[2]
    history = [(place / "history.csv").read_text().splitlines()[1].split(",")[:5] for place in places]
    assert history[0] == history[1] == history[2]


def test_logits_stand_beside_the_images_they_belong_to(shard, targets, dataset):
    """The target of every image is high for its own label, also when epochs start over."""
    path = shard()
    epochs = opened([path], dataset)
    stored = StoredLogits(targets(path), TARGETS_FORMAT, epochs.digests, 36)
    labels = torch.from_numpy(dataset.labels["train"])
    soft, hard = epoch_loader(epochs, stored, labels), epoch_loader(epochs, None, labels)
    for epoch in (0, 1, 2, 5):
        images, logits = soft(epoch)
        same, of_epoch = hard(epoch)
        assert torch.equal(images, same)
        assert torch.equal(logits.argmax(dim=1), of_epoch)
        assert torch.equal(of_epoch, labels[torch.from_numpy(epochs.recipe(epoch).image_index).long()])
        assert logits.dtype == torch.float32
    assert not torch.equal(hard(0)[1], hard(1)[1])


def test_targets_where_there_should_be_none_are_refused(run, tmp_path):
    with pytest.raises(InputError, match="--targets: expected a file for cnn1-10k"):
        run("cnn1-10k", target=[])
    with pytest.raises(InputError, match="--targets: expected none for cnn2-10k-hard"):
        run("cnn2-10k-hard", target=["x.h5"])
    assert not (tmp_path / "trials").exists()


def test_targets_of_other_classes_are_refused(run, shard, targets):
    with pytest.raises(InputError, match=r"targets-4\.h5: expected 3 classes, got 4"):
        run("cnn1-10k", target=[targets(shard(), n_classes=4)])


def test_targets_of_other_epochs_are_refused_with_both_digests(run, shard, targets, dataset):
    other = targets(shard(seed=8))
    with pytest.raises(InputError, match="made from another epoch 0") as error:
        run("cnn1-10k", target=[other])
    for seed in (7, 8):
        digest = opened([shard(seed=seed)], dataset).digests[0]
        assert digest.hex()[:16] in str(error.value)


def test_a_budget_that_cannot_be_met_is_refused(run):
    with pytest.raises(InputError, match="study mlp1-1k: the smallest net"):
        run("mlp1-1k")


def test_a_round_of_a_study_proposes_its_own_hyperparameters(run, tmp_path):
    run("cnn2-10k-hard")
    hyperparameters, round_index = read_proposal(tmp_path / "cnn2-10k-hard.json", 1)
    assert round_index == 0
    assert sorted(hyperparameters) == [
        "C1",
        "C2",
        "dropout_conv1",
        "dropout_conv2",
        "dropout_fc1",
        "learning_rate",
        "momentum",
    ]
