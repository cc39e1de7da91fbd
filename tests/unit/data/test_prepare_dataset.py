import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mimic import artifact, fingerprint, seeding
from mimic.cli import InputError, run_stage
from mimic.config.data import DataSettings
from mimic.data import cifar10, shapes, store
from mimic.data.prepare_dataset import main, open_source, prepare_dataset
from mimic.data.source import from_arrays

SHAPES = {
    "source": "shapes",
    "path": None,
    "download": False,
    "n_train": 30,
    "n_validation": 10,
    "n_test": 20,
}


def run(settings, out, seed=5, *more):
    options = ["--settings", json.dumps(settings), "--seed", str(seed), "--out", str(out)]
    return run_stage(main, [*options, *more])


def test_the_embedded_set_is_written_with_its_origin(tmp_path):
    assert run(SHAPES, tmp_path / "dataset.h5", 5, "--images", "drawn") == 0
    dataset = store.read_dataset(tmp_path / "dataset.h5")
    assert {split: len(images) for split, images in dataset.images.items()} == {
        "train": 30,
        "validation": 10,
        "test": 20,
    }
    assert dataset.class_names == shapes.CLASS_NAMES
    _, provenance = store.read_dataset_header(tmp_path / "dataset.h5")
    counts = {"n_train": 30, "n_validation": 10, "n_test": 20}
    assert provenance["settings"] == {"source": "shapes", **counts}  # not where the images lay
    assert provenance["sources"] == {"images": "drawn"}
    assert provenance["seed"] == 5
    assert provenance["fingerprint"] == fingerprint.of_stage("mimic.data.prepare_dataset")


def test_training_and_test_shapes_are_drawn_apart(tmp_path):
    source = open_source(DataSettings(**SHAPES), 5)
    train = source.read_images("train", np.arange(40))
    test = source.read_images("test", np.arange(20))
    assert not {image.tobytes() for image in train} & {image.tobytes() for image in test}


def test_the_same_seed_gives_the_same_file_and_another_seed_another(tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        assert run(SHAPES, tmp_path / name, seed) == 0
    digests = [artifact.digest_file(tmp_path / name) for name in "abc"]
    assert digests[0] == digests[1] != digests[2]


def test_images_keep_their_labels_through_the_split():
    labels = {"train": np.arange(50) % 10, "test": np.arange(20) % 10}
    images = {
        part: np.broadcast_to(of_part.astype(np.uint8)[:, None, None, None], (len(of_part), 3, 32, 32))
        for part, of_part in labels.items()
    }
    source = from_arrays([str(i) for i in range(10)], images, labels)
    dataset = prepare_dataset(source, DataSettings(**SHAPES), seeding.numpy_generator(1, "split"))
    for split in store.SPLITS:
        assert np.array_equal(dataset.images[split][:, 1, 3, 5], dataset.labels[split])


def test_every_image_knows_its_row_in_the_source():
    """Each image's pixels are its row, below 256."""
    numbers = {part: np.arange(n, dtype=np.uint8) for part, n in (("train", 50), ("test", 30))}
    images = {
        part: np.broadcast_to(rows[:, None, None, None], (len(rows), 3, 32, 32))
        for part, rows in numbers.items()
    }
    source = from_arrays(["a"], images, {part: np.zeros(len(rows), int) for part, rows in numbers.items()})
    dataset = prepare_dataset(source, DataSettings(**SHAPES), seeding.numpy_generator(1, "split"))
    for split in store.SPLITS:
        assert dataset.rows[split].dtype == np.int64
        assert np.array_equal(dataset.images[split][:, 1, 3, 5], dataset.rows[split])
    together = [*dataset.rows["train"], *dataset.rows["validation"]]
    assert len(set(together)) == 40


def test_an_image_folder_is_read(tmp_path):
    for part in ("train", "test"):
        for label, name in enumerate(("cat", "dog")):
            (tmp_path / part / name).mkdir(parents=True)
            for index in range(4):
                colour = (100 * label, index, 0)
                Image.new("RGB", (40, 20), colour).save(tmp_path / part / name / f"{index}.png")
    settings = SHAPES | {
        "source": "imagefolder",
        "path": str(tmp_path),
        "n_train": 5,
        "n_validation": 3,
        "n_test": 8,
    }
    assert run(settings, tmp_path / "dataset.h5") == 0
    dataset = store.read_dataset(tmp_path / "dataset.h5")
    assert dataset.class_names == ("cat", "dog")
    for split in store.SPLITS:
        assert np.array_equal(dataset.images[split][:, 0, 9, 9], 100 * dataset.labels[split])
    together = np.concatenate([dataset.images["train"], dataset.images["validation"]])
    assert len(np.unique(together[:, :2, 0, 0], axis=0)) == 8
    assert dataset.images["test"][:, 1, 0, 0].tolist() == [0, 1, 2, 3] * 2


def test_absent_images_that_may_not_be_downloaded_end_in_one_line(tmp_path, capsys):
    settings = SHAPES | {"source": "cifar10", "path": str(tmp_path)}
    assert run(settings, tmp_path / "dataset.h5") == 1
    message = capsys.readouterr().err
    assert message.startswith("error: CIFAR-10 is not there: no cifar-10-batches-py/data_batch_1 in")
    assert message.count("\n") == 1
    assert not (tmp_path / "dataset.h5").exists()


def test_only_absent_images_are_downloaded(tmp_path, monkeypatch):
    downloads = []
    monkeypatch.setattr(cifar10, "download", downloads.append)
    monkeypatch.setattr(cifar10, "load", lambda folder, n_threads: "loaded")
    settings = DataSettings(**SHAPES | {"source": "cifar10", "path": str(tmp_path), "download": True})
    with pytest.raises(InputError, match="is not there"):  # this download brought nothing
        open_source(settings, 5)
    assert downloads == [tmp_path]
    monkeypatch.setattr(cifar10, "missing_message", lambda folder: None)
    assert open_source(settings, 5) == "loaded"
    assert downloads == [tmp_path]


def test_too_many_images_end_in_one_line(tmp_path, capsys):
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    for name, shape in (("images-idx3", (5, 28, 28)), ("labels-idx1", (5,))):
        header = bytes((0, 0, 8, len(shape))) + np.array(shape, ">u4").tobytes()
        for part in ("train", "t10k"):
            path = tmp_path / "MNIST" / "raw" / f"{part}-{name}-ubyte"
            path.write_bytes(header + bytes(int(np.prod(shape))))
    assert run(SHAPES | {"source": "mnist", "path": str(tmp_path)}, tmp_path / "dataset.h5") == 1
    assert "30 + 10 = 40, more than the 5 training images" in capsys.readouterr().err


@pytest.mark.skipif("MIMIC_TEST_DATA" not in os.environ, reason="MIMIC_TEST_DATA is not set")
def test_real_images_are_read(tmp_path):
    folder = Path(os.environ["MIMIC_TEST_DATA"])
    settings = SHAPES | {"source": "imagefolder", "path": str(folder), "n_train": 200, "n_validation": 100}
    assert run(settings, tmp_path / "dataset.h5") == 0
    dataset = store.read_dataset(tmp_path / "dataset.h5")
    assert dataset.class_names[:3] == ("airplane", "automobile", "bird")
    assert 90 < dataset.images["train"].mean() < 150  # natural images are grey on average


def test_a_shared_split_is_used_and_its_dataset_expected(tmp_path, monkeypatch):
    """Another seed would draw another split; the shared one makes the very dataset."""
    arrays = shapes.generate(60, np.random.default_rng(0))
    images = {"train": arrays[0][:40], "test": arrays[0][40:]}
    labels = {"train": arrays[1][:40], "test": arrays[1][40:]}
    source = from_arrays(shapes.CLASS_NAMES, images, labels)
    monkeypatch.setattr("mimic.data.prepare_dataset.open_source", lambda *arguments: source)

    def prepare(name, seed, *options, **changes):
        arguments = ["--settings", json.dumps(SHAPES | changes), "--seed", str(seed)]
        main([*arguments, "--out", str(tmp_path / name), *options])
        return store.read_dataset(tmp_path / name)

    ours = prepare("ours.h5", 5)
    assert prepare("drawn.h5", 6).digest != ours.digest
    split = str(tmp_path / "split.h5")
    store.write_split(split, ours.rows, ours.digest, {})
    theirs = prepare("theirs.h5", 6, "--split", split)
    assert theirs.digest == ours.digest
    for part, rows in ours.rows.items():
        np.testing.assert_array_equal(theirs.rows[part], rows)
    with pytest.raises(InputError, match=r"data\.n_test: the shared split has 20, got 19"):
        prepare("other.h5", 6, "--split", split, n_test=19)
    store.write_split(split, ours.rows, "0" * 64, {})
    with pytest.raises(InputError, match="these are not the images that the shared targets belong to"):
        prepare("other.h5", 6, "--split", split)
    store.write_split(split, ours.rows | {"train": ours.rows["train"] + 100}, ours.digest, {})
    with pytest.raises(InputError, match="wants images beyond the 40 of part train"):
        prepare("other.h5", 6, "--split", split)
    assert not (tmp_path / "other.h5").exists()
