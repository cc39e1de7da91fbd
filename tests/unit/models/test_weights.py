import json

import pytest
import safetensors.torch
import torch

from mimic.cli import InputError
from mimic.models.architecture import to_json_value
from mimic.models.net import new_net
from mimic.models.student_cnn import cnn_architecture
from mimic.models.student_mlp import mlp_architecture
from mimic.models.weights import FORMAT, read_weights, write_weights

NET = new_net(cnn_architecture("cnn1", {"conv1": 4, "bottleneck": 6, "hidden": 9}, 10), 1.0, 0, 1.1)
IMAGES = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def save(path, tensors=None, **changes):
    """The file of `NET` with changed tensors or header; None leaves a key out."""
    header = {"format": FORMAT, "architecture": to_json_value(NET.architecture), "input_scale": 1.1}
    header = {key: value for key, value in (header | changes).items() if value is not None}
    metadata = {"mimic": json.dumps(header)}
    safetensors.torch.save_file(NET.state_dict() if tensors is None else tensors, path, metadata)
    return path


def changed(path, change):
    """A written file with changed tensors or header, and the digest as it was."""
    write_weights(path, NET)
    with safetensors.safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["mimic"])
    tensors = {name: tensor.clone() for name, tensor in safetensors.torch.load_file(path).items()}
    change(header, tensors)
    safetensors.torch.save_file(tensors, path, {"mimic": json.dumps(header)})
    return path


def refusal(path):
    with pytest.raises(InputError) as error:
        read_weights(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_net_survives_its_file(tmp_path):
    write_weights(tmp_path / "w.safetensors", NET)
    net = read_weights(tmp_path / "w.safetensors")
    assert net.architecture == NET.architecture
    assert net.input_scale == 1.1
    assert not net.training
    with torch.no_grad():
        assert torch.equal(net(IMAGES), NET(IMAGES))


def test_the_same_weights_are_the_same_bytes(tmp_path):
    for name in "ab":
        write_weights(tmp_path / name, NET)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        lambda header, tensors: tensors["layers.0.bias"].add_(1),
        lambda header, tensors: header.update(input_scale=1.2),
        lambda header, tensors: header.update(more=1),
        lambda header, tensors: header.pop("sha256"),
        lambda header, tensors: header.update(sha256="f" * 64),
    ],
    ids=["tensor", "scale", "key", "no digest", "digest"],
)
def test_a_file_that_was_changed_is_refused_with_both_digests(tmp_path, change):
    assert changed(tmp_path / "w", lambda header, tensors: None).exists()
    read_weights(tmp_path / "w")
    message = refusal(changed(tmp_path / "w", change))
    assert "was changed after it was written: expected digest" in message


def test_a_missing_file_is_refused(tmp_path):
    assert "no such file" in refusal(tmp_path / "none.safetensors")


def test_another_format_is_refused(tmp_path):
    assert "expected format 'mimic.weights/2', got None" in refusal(save(tmp_path / "w", format=None))
    assert "got 'other'" in refusal(save(tmp_path / "w", format="other"))


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_truncated_file_is_refused(tmp_path, keep):
    path = save(tmp_path / "w")
    path.write_bytes(path.read_bytes()[:keep])
    assert "not a readable safetensors file" in refusal(path)


def test_a_pickle_is_refused(tmp_path):
    torch.save(NET.state_dict(), tmp_path / "w")
    assert "not a readable safetensors file" in refusal(tmp_path / "w")


def test_tensors_of_other_shapes_are_refused(tmp_path):
    tensors = dict(NET.state_dict())
    tensors["layers.0.weight"] = torch.zeros(4, 3, 3, 3)
    tensors["padding"] = torch.zeros(1000)  # else the file is shorter than the net it names
    assert "do not fit the architecture" in refusal(save(tmp_path / "w", tensors))
    tensors = dict(NET.state_dict())
    tensors["surprise"] = torch.zeros(3)
    assert "do not fit the architecture" in refusal(save(tmp_path / "w", tensors))


def test_an_architecture_larger_than_the_file_is_refused_before_it_is_built(tmp_path):
    huge = to_json_value(mlp_architecture([1_000_000] * 5, 10))
    message = refusal(save(tmp_path / "w", architecture=huge))
    assert "shorter than the 4,003,087,000,010 weights it names" in message


@pytest.mark.parametrize("value", [{}, [], "not JSON", None, {"layers": [], "n_classes": 10**9}])
def test_an_architecture_that_is_none_is_refused(tmp_path, value):
    assert "architecture" in refusal(save(tmp_path / "w", architecture=value))


@pytest.mark.parametrize("value", ["", "1.1", None, True, float("nan"), float("inf"), [1.0]])
def test_an_input_scale_that_is_no_number_is_refused(tmp_path, value):
    assert "input_scale" in refusal(save(tmp_path / "w", input_scale=value))


def test_a_net_for_other_images_is_refused(tmp_path):
    """Its shapes fit its file, yet the pipeline's images do not fit the net."""
    value = to_json_value(NET.architecture) | {"input_shape": [3, 31, 31]}
    assert "input_shape" in refusal(save(tmp_path / "w", architecture=value))


def test_weights_that_are_not_finite_are_refused(tmp_path):
    tensors = {name: tensor.clone() for name, tensor in NET.state_dict().items()}
    tensors["layers.0.bias"][2] = float("nan")
    assert "layers.0.bias" in refusal(save(tmp_path / "w", tensors))


def test_weights_of_another_type_are_refused(tmp_path):
    tensors = {name: tensor.double() for name, tensor in NET.state_dict().items()}
    assert "expected finite float32 numbers, got float64" in refusal(save(tmp_path / "w", tensors))


@pytest.mark.parametrize("metadata", [{}, {"mimic": "{"}, {"mimic": "[1]"}, {"mimic": "[" * 100_000}])
def test_a_safetensors_file_of_someone_else_is_refused(tmp_path, metadata):
    safetensors.torch.save_file(NET.state_dict(), tmp_path / "w", metadata)
    assert len(refusal(tmp_path / "w")) < 300


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = save(tmp_path / "w")
    before = path.read_bytes()

    def fail(*args):
        raise RuntimeError("disk full")

    monkeypatch.setattr(safetensors.torch, "save", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        write_weights(path, NET)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["w"]
