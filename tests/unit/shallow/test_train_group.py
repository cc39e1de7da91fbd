import json

import numpy as np
import pytest
from tests.stopping import ends_early, terminate_at_poll

from mimic.artifact import provenance_of
from mimic.cli import InputError
from mimic.data.store import make_dataset, write_dataset
from mimic.sealed import open_sealed
from mimic.shallow.images import native_images, read_images
from mimic.shallow.nets import tensor_shapes
from mimic.shallow.store import FORMAT, VERSION, read_group, read_nets
from mimic.shallow.train_group import main
from mimic.status.logs import understood


@pytest.fixture
def digits(tmp_path):
    """Function that writes a dataset of grey images, padded as MNIST's are; returns its path."""

    def write(source="mnist", border=0):
        generator = np.random.default_rng(0)
        images, labels, rows = {}, {}, {}
        for split, n in (("train", 40), ("validation", 0), ("test", 16)):
            grey = generator.integers(1, 256, (n, 1, 28, 28), dtype=np.uint8)
            padded = np.full((n, 1, 32, 32), border, np.uint8)
            padded[:, :, 2:-2, 2:-2] = grey
            images[split] = np.repeat(padded, 3, axis=1)
            labels[split] = generator.integers(0, 3, n)
            rows[split] = np.arange(n)
        path = tmp_path / f"{source}-{border}.h5"
        settings = {"source": source}
        dataset = make_dataset(images, labels, ["a", "b", "c"], rows)
        write_dataset(path, dataset, provenance_of("prepare_dataset", settings, 1, "f"))
        return path

    return write


@pytest.fixture
def arguments(tmp_path, digits, group):
    def make(name="mnist-L2-F3-K3", settings=None, folder="out", dataset=None):
        settings = settings or group(seed=[0, 1])
        return [
            *("--group", name, "--settings", settings.model_dump_json(), "--seed", "3"),
            *("--dataset", str(dataset or digits()), "--out", str(tmp_path / folder / "nets.h5")),
        ]

    return make


def test_digits_are_taken_as_they_were_and_colour_images_as_they_are(digits):
    (images, labels), (test, _), names, _ = read_images(digits())
    assert images.shape == (40, 1, 28, 28)
    assert images.min() > 0
    assert test.shape == (16, 1, 28, 28)
    assert len(labels) == 40
    assert names == ("a", "b", "c")
    (coloured, _), _, _, _ = read_images(digits("cifar10"))
    assert coloured.shape == (40, 3, 32, 32)
    np.testing.assert_array_equal(native_images(coloured, (1, 28, 28)), images)


def test_a_border_that_is_no_border_is_refused(digits):
    with pytest.raises(InputError, match="train: expected images of 1x28x28 within a black border"):
        read_images(digits(border=9))


def test_a_group_is_one_file_with_histories_and_tensors_of_its_nets(tmp_path, arguments, group):
    settings = group(seed=[0, 1])
    main(arguments(settings=settings))
    path = tmp_path / "out/nets.h5"
    found = read_group(path)
    assert (found.name, found.dataset, found.n_examples) == ("mnist-L2-F3-K3", "mnist", 40)
    assert found.settings == settings
    assert found.history["validation_accuracy"].shape == (4, 2)
    assert np.isfinite(found.history["train_loss"]).all()
    assert found.provenance["sources"].keys() == {"dataset"}
    again, (net,) = read_nets(path, [3], tensor_shapes)
    assert again.name == found.name
    assert net["layers_weight"].shape == (2, 3, 3, 3, 3)
    with open_sealed(path, FORMAT, VERSION) as file:
        np.testing.assert_array_equal(file.read("layers_weight")[3], net["layers_weight"])
    assert sorted(path.parent.iterdir()) == [path]  # no checkpoint is left


def test_the_same_seed_gives_the_same_nets(tmp_path, arguments):
    main(arguments(folder="one"))
    main(arguments(folder="other"))
    nets = [
        read_nets(tmp_path / folder / "nets.h5", range(4), tensor_shapes)[1] for folder in ("one", "other")
    ]
    for one, other in zip(*nets, strict=True):
        for name, values in one.items():
            np.testing.assert_array_equal(values, other[name])


@pytest.mark.parametrize("poll", [1, 4, 5, 9])
def test_a_terminated_group_goes_on_to_the_same_bytes(tmp_path, monkeypatch, arguments, poll):
    main(arguments(folder="undisturbed"))
    with monkeypatch.context() as patch:
        terminate_at_poll(patch, poll)
        assert ends_early(lambda: main(arguments(folder="ended")))
    assert (tmp_path / "ended/checkpoint.safetensors").exists()
    assert not (tmp_path / "ended/nets.h5").exists()
    main(arguments(folder="ended"))
    undisturbed, ended = (
        read_nets(tmp_path / folder / "nets.h5", range(4), tensor_shapes)
        for folder in ("undisturbed", "ended")
    )
    for name, values in undisturbed[0].history.items():
        np.testing.assert_array_equal(values, ended[0].history[name])
    for one, other in zip(undisturbed[1], ended[1], strict=True):
        for name, values in one.items():
            np.testing.assert_array_equal(values, other[name])


def test_a_group_that_is_named_otherwise_is_refused_and_nothing_written(tmp_path, arguments):
    with pytest.raises(
        InputError, match="--group: expected mnist-L2-F3-K3 for these settings, got mnist-L3-F3-K3"
    ):
        main(arguments(name="mnist-L3-F3-K3"))
    assert not (tmp_path / "out").exists()


def test_settings_with_an_unknown_key_are_refused(arguments, group):
    given = arguments()
    settings = json.loads(group().model_dump_json()) | {"stride": 2}
    given[3] = json.dumps(settings)
    with pytest.raises(InputError, match="--settings: stride: unknown key"):
        main(given)


def test_the_log_counts_epochs_of_stacks_and_says_so(arguments, group, capsys):
    settings = group(seed=[0, 1])
    main(arguments(settings=settings))
    text = capsys.readouterr().err
    n_stacks, n_epochs = 2, settings.training.n_epochs
    assert f" in {n_stacks} stacks" in text
    steps = [line for line in text.splitlines() if line.startswith("epoch of a stack ")]
    assert len(steps) == n_stacks * n_epochs
    log = understood(text, 0.0)
    assert (log.done, log.total) == (n_stacks * n_epochs, n_stacks * n_epochs)
    assert log.validation_accuracy is not None
