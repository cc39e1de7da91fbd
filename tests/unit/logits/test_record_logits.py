import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from mimic.artifact import digest_file
from mimic.augment.render import Renderer
from mimic.cli import InputError
from mimic.data.store import make_dataset, write_dataset
from mimic.epochs.store import StoredEpochs
from mimic.logits import record_logits
from mimic.logits.record_logits import main
from mimic.logits.store import MEMBER_FORMAT, Member, StoredLogits
from mimic.models.net import new_net
from mimic.models.student_mlp import mlp_architecture
from mimic.training.devices import choose_device
from mimic.training.evaluate import predict

DEVICE = choose_device("float32", "off", 1)


def test_a_member_s_logits_are_its_own_on_every_stored_image(member, shards, dataset, tmp_path):
    path = member(3)
    images = torch.from_numpy(dataset.images["train"])
    epochs = StoredEpochs(shards, dataset.digest, images, Renderer("cpu"))
    stored = StoredLogits(path, MEMBER_FORMAT, epochs.digests, 36)
    net = new_net(mlp_architecture([4], 3), 1.0, 3)
    for epoch in range(3):
        expected = predict(net, epochs.images(epoch), DEVICE, 16).numpy()
        np.testing.assert_array_equal(stored.epoch(epoch), expected)
        np.testing.assert_array_equal(stored.epoch(epoch + 3), expected)
    weights = tmp_path / "weights" / "3.safetensors"
    assert stored.members == (Member(3, digest_file(weights)),)
    with h5py.File(path) as file:
        assert json.loads(file.attrs["provenance"])["sources"] == {
            "dataset": dataset.digest,
            "weights": digest_file(weights),
        }


def test_float16_costs_no_more_than_its_rounding(member):
    with h5py.File(member(3, dtype="float16")) as half, h5py.File(member(4)) as other:
        assert half["logits"].dtype == np.float16
        assert other["logits"].dtype == np.float32
        halves = half["logits"][()].astype(np.float64)
    with h5py.File(member(3)) as file:
        np.testing.assert_allclose(halves, file["logits"][()], rtol=2**-11, atol=2**-24)


def test_logits_too_large_for_float16_are_refused(member, tmp_path):
    with pytest.raises(InputError, match="epoch 0: a logit is not finite as float16"):
        member(3, dtype="float16", init_scale=1e3)
    folder = tmp_path / "logits"
    assert [path.name for path in folder.iterdir()] == [".3.h5.part"]
    member(3, dtype="float32", init_scale=1e3)
    assert [path.name for path in folder.iterdir()] == ["3.h5"]


def test_a_net_of_other_classes_is_refused(member):
    with pytest.raises(InputError, match=r"3\.safetensors: expected 3 classes, got 4"):
        member(3, n_classes=4)


def test_epochs_of_another_dataset_are_refused(member, dataset, tmp_path):
    images = {split: array.copy() for split, array in dataset.images.items()}
    images["train"][0, 0, 0, 0] ^= 1
    other = make_dataset(images, dataset.labels, dataset.class_names, dataset.rows)
    write_dataset(tmp_path / "other.h5", other, {})
    with pytest.raises(InputError, match="made from another dataset") as error:
        member(3, dataset=str(tmp_path / "other.h5"))
    assert dataset.digest[:16] in str(error.value)
    assert other.digest[:16] in str(error.value)


def test_a_missing_shard_is_refused(member, shards):
    with pytest.raises(InputError, match=r"epochs \[0\] are missing from the 1 shards"):
        member(3, epochs=shards[1:])


def recorded(path):
    with h5py.File(path) as file:
        return file["logits"][()], file["epoch_digest"][()], dict(file.attrs)


def test_members_recorded_together_get_the_files_of_those_recorded_alone(
    member, shards, dataset_path, tmp_path
):
    alone = {trial: recorded(member(trial)) for trial in (3, 7)}
    settings = {"dtype": "float32", "batch_size": 16, "precision": "float32", "channels_last": "off"}
    arguments = ["--settings", json.dumps(settings), "--trials", "3", "7", "--dataset", dataset_path]
    arguments += ["--epochs", *shards, "--weights"]
    arguments += [str(tmp_path / "weights" / f"{trial}.safetensors") for trial in (3, 7)]
    paths = [str(tmp_path / "together" / f"{trial}.h5") for trial in (3, 7)]
    main([*arguments, "--logits", *paths])
    for path, (logits, digests, attributes) in zip(paths, alone.values(), strict=True):
        together = recorded(path)
        np.testing.assert_array_equal(together[0], logits)
        np.testing.assert_array_equal(together[1], digests)
        assert together[2] == attributes
    with pytest.raises(InputError, match="--logits: expected a file for each of 2 trials, got 1"):
        main([*arguments, "--logits", paths[0]])
    with pytest.raises(InputError, match=r"--weights and --logits: expected each once, got .*3\.h5 twice"):
        main([*arguments, "--logits", paths[0], str(tmp_path / "logits" / ".." / "together" / "3.h5")])
    with pytest.raises(InputError, match=r"--weights and --logits: expected each once, got .*3\.safetensors"):
        main([*arguments, "--logits", paths[0], str(tmp_path / "weights" / "3.safetensors")])
    arguments[arguments.index("7")] = "3"
    with pytest.raises(InputError, match="--trials: expected each once, got 3 twice"):
        main([*arguments, "--logits", *paths])


def test_a_stage_takes_a_place_on_a_gpu_while_it_works_and_writes_the_same_bytes(
    member, tmp_path, monkeypatch, capsys
):
    without = Path(member(3)).read_bytes()
    assert "GPU" not in capsys.readouterr().err
    (tmp_path / "logits" / "3.h5").unlink()
    monkeypatch.setenv("MIMIC_SLOTS", str(tmp_path / "slots"))
    monkeypatch.setenv("MIMIC_FAKE_GPUS", "1")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert Path(member(3)).read_bytes() == without
    assert capsys.readouterr().err.startswith("GPU 0 of 1, place 0\n")
    # what is left says who was there last
    owner = json.loads((tmp_path / "slots" / "fake-0.0.place").read_text())
    assert owner["what"] == "record_logits 3"


@pytest.mark.parametrize("n_done", [1, 2])
def test_a_member_cut_short_goes_on_with_the_epochs_that_are_missing(
    member, tmp_path, monkeypatch, capsys, n_done
):
    whole = Path(member(3)).read_bytes()
    (tmp_path / "logits" / "3.h5").unlink()
    labelled = []

    def stopping(*args):
        if len(labelled) == n_done:
            raise KeyboardInterrupt
        labelled.append(args)
        return predict(*args)

    with monkeypatch.context() as context:
        context.setattr(record_logits, "predict", stopping)
        with pytest.raises(KeyboardInterrupt):
            member(3)
    assert [path.name for path in (tmp_path / "logits").iterdir()] == [".3.h5.part"]
    capsys.readouterr()
    assert Path(member(3)).read_bytes() == whole
    err = capsys.readouterr().err
    assert f"going on: {n_done} epochs are already there" in err
    lines = [line for line in err.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 3 - n_done
    for number, line in enumerate(lines, n_done + 1):
        assert re.fullmatch(rf"epoch {number}/3  [\d.]+ s, at most [\d.]+ s left  [\d,]+ images/s", line)
