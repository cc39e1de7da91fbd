import tempfile
from pathlib import Path

import numpy as np
import torch

from mimic.cli import InputError
from mimic.models.net import new_net
from mimic.models.student_cnn import cnn_architecture
from mimic.models.weights import read_weights, write_weights

NET = new_net(cnn_architecture("cnn1", {"conv1": 1, "bottleneck": 1, "hidden": 1}, 2), 1.0, 0, 1.1)


def read_or_refused(path):
    """The net as its header and tensors, or what is said instead."""
    try:
        net = read_weights(path)
    except InputError as error:
        return None, str(error)
    return (net.architecture, net.input_scale, net.state_dict()), ""


def is_the_net(read):
    architecture, scale, state = read
    same = all(torch.equal(tensor, state[name]) for name, tensor in NET.state_dict().items())
    return same and (architecture, scale) == (NET.architecture, NET.input_scale)


def check(path, what):
    read, said = read_or_refused(path)
    assert (read is None and said.startswith(f"{path}: ")) or is_the_net(read), what
    assert "\n" not in said, what


def test_any_flipped_bit_or_cut_of_weights_is_refused_or_changes_nothing():
    """One bit of every byte of the header, and of every third byte of the tensors."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "w.safetensors")
        write_weights(path, NET)
        content = path.read_bytes()
        assert is_the_net(read_or_refused(path)[0])
        n_header = 8 + int.from_bytes(content[:8], "little")
        bits = np.random.default_rng().integers(0, 8, len(content)).tolist()
        for place in [*range(n_header), *range(n_header, len(content), 3)]:
            damaged = bytearray(content)
            damaged[place] ^= 1 << bits[place]
            path.write_bytes(damaged)
            check(path, (place, bits[place]))
        for n_bytes in range(0, len(content), 5):
            path.write_bytes(content[:n_bytes])
            check(path, n_bytes)
