import json
import re

import pytest
import safetensors.torch
import torch
from tests.unit.win.nets_of_others import Blocks

from mimic.cli import InputError
from mimic.tensors import HEADER_KEY
from mimic.torchvision_import import import_torchvision
from mimic.win.resnet import ResNet
from mimic.win.store import load_plain_state, load_state, read_settings, write_state


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.safetensors"


def test_a_net_is_read_as_it_was_written(path):
    net, other = Blocks(), Blocks()
    net(torch.randn(4, 3, 8, 8))
    digest = write_state(path, "net", {"width": 4}, net.state_dict())
    assert read_settings(path, "net") == {"width": 4}
    assert load_state(path, "net", other) == digest
    assert all(
        torch.equal(a, b) for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True)
    )


def test_the_same_net_gives_the_same_bytes(path, tmp_path):
    net = Blocks()
    for name in (path, tmp_path / "again.safetensors"):
        write_state(name, "net", {"b": 1, "a": 2}, net.state_dict())
    assert path.read_bytes() == (tmp_path / "again.safetensors").read_bytes()


def test_torchvision_loads_the_file_of_a_whole_resnet(path):
    net = ResNet(50, n_classes=11)
    write_state(path, "net", {}, net.state_dict())
    theirs = import_torchvision("models").resnet50(num_classes=11)
    theirs.load_state_dict(safetensors.torch.load_file(path))
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(theirs.eval()(images), net.eval()(images), rtol=0, atol=0)


def altered(path, header=None, **tensors):
    """The file with other tensors, or another header, and the digest that it had."""
    with safetensors.safe_open(path, "pt") as file:
        found = json.loads(file.metadata()[HEADER_KEY])
    state = {**safetensors.torch.load_file(path), **tensors}
    state = {name: tensor for name, tensor in state.items() if tensor is not None}
    path.write_bytes(safetensors.torch.save(state, {HEADER_KEY: json.dumps({**found, **(header or {})})}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"header": {"format": "mimic.weights/2"}}, "expected format 'mimic.win/1', got 'mimic.weights/2'"),
        ({"header": {"kind": "imitation"}}, "expected weights of kind 'net', got 'imitation'"),
        ({"header": {"settings": {"width": 5}}}, "was changed after it was written"),
        ({"head.bias": torch.ones(3)}, "was changed after it was written"),
        ({"head.bias": torch.ones(4)}, r"head.bias: expected shape \(3,\), got shape \(4,\)"),
        ({"head.bias": None}, r"head.bias: expected shape \(3,\), got no such tensor"),
        ({"more": torch.ones(4)}, r"more: expected no such tensor, got shape \(4,\)"),
        (
            {"head.bias": torch.full((3,), torch.nan)},
            "head.bias: expected finite float32 numbers, got others",
        ),
        ({"head.bias": torch.ones(3).double()}, "head.bias: expected finite float32 numbers, got float64"),
    ],
)
def test_what_is_not_what_was_written_is_refused_and_the_net_unchanged(path, change, said):
    net = Blocks()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    write_state(path, "net", {"width": 4}, Blocks().state_dict())
    altered(path, **change)
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}: {said}") as caught:
        load_state(path, "net", net)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"PK\x03\x04 a pickle"])
def test_no_safetensors_file_is_refused(path, data):
    path.write_bytes(data)
    for read in (lambda: load_state(path, "net", Blocks()), lambda: load_plain_state(path, Blocks())):
        with pytest.raises(InputError, match=re.escape(str(path))):
            read()


def test_weights_of_another_program_are_taken_by_their_names(path):
    net, other = Blocks(), Blocks()
    safetensors.torch.save_file(net.state_dict(), path)
    load_plain_state(path, other)
    assert all(
        torch.equal(a, b) for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True)
    )
    with pytest.raises(InputError, match=r"size mismatch for one.0.weight"):
        load_plain_state(path, Blocks(5))
