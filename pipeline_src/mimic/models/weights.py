"""Weights as safetensors: never a pickle, and the file says which net it belongs to."""

import json
import math
from pathlib import Path

import torch

from mimic.cli import InputError
from mimic.models.architecture import count_parameters, from_json_value, to_json_value
from mimic.models.net import Net
from mimic.tensors import read_header, read_tensors, write_tensors

FORMAT = "mimic.weights/2"
IMAGE_SHAPE = (3, 32, 32)


def write_weights(path, net):
    """Write a net's weights as float32 with its architecture in the header, whole or not at all."""
    header = {
        "format": FORMAT,
        "architecture": to_json_value(net.architecture),
        "input_scale": net.input_scale,
    }
    write_tensors(path, header, {name: tensor.float() for name, tensor in net.state_dict().items()})


def read_weights(path):
    """A net from its file; the file is untrusted.

    Returns
    -------
    Net
        On the CPU, in evaluation mode.

    Raises
    ------
    InputError
        If it is no such file, tensors do not fit the architecture that it names or are not finite, or the
        net is for images of another shape.
    """
    header, shapes = read_header(path, FORMAT)
    scale = header.get("input_scale")
    if not isinstance(scale, float) or not math.isfinite(scale):
        raise InputError(f"{path}: input_scale: expected a finite number, got {scale!r}")
    architecture = from_json_value(json.dumps(header.get("architecture")), f"{path}: architecture")
    if architecture.input_shape != IMAGE_SHAPE:
        raise InputError(
            f"{path}: architecture: input_shape: expected {IMAGE_SHAPE}, got {architecture.input_shape}"
        )
    # The size on disk bounds what is built: a header cannot ask for more memory than the file has.
    if 4 * count_parameters(architecture) > Path(path).stat().st_size:
        raise InputError(f"{path}: shorter than the {count_parameters(architecture):,} weights it names")
    net = Net(architecture, scale)
    expected = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    if shapes != expected:
        raise InputError(f"{path}: tensors {shapes} do not fit the architecture, expected {expected}")
    tensors, _ = read_tensors(path, header, dict.fromkeys(expected, torch.float32))
    net.load_state_dict(tensors)
    return net.eval()
