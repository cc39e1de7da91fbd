"""Weights as safetensors: never a pickle, and the file says which net it belongs to."""

import json
from pathlib import Path

import safetensors
import safetensors.torch

from mimic.artifact import written_whole
from mimic.cli import InputError
from mimic.models.architecture import count_parameters, from_json_value, to_json_value
from mimic.models.net import Net

FORMAT = "mimic.weights/1"


def write_weights(path, net):
    """Write a net's weights as float32 with its architecture in the header, whole or not at all."""
    tensors = {name: tensor.detach().cpu().float().contiguous() for name, tensor in net.state_dict().items()}
    metadata = {
        "format": FORMAT,
        "architecture": json.dumps(to_json_value(net.architecture), sort_keys=True),
        "input_scale": repr(net.input_scale),
    }
    with written_whole(path) as temporary:
        safetensors.torch.save_file(tensors, temporary, metadata)


def read_weights(path):
    """A net from its file; the file is untrusted.

    Returns
    -------
    Net
        On the CPU, in evaluation mode.

    Raises
    ------
    InputError
        If it is no such file, or tensors do not fit the architecture that it names.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file (expected weights)")
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable safetensors file: {error}") from None
    if metadata.get("format") != FORMAT:
        raise InputError(f"{path}: expected format {FORMAT!r}, got {metadata.get('format')!r}")
    architecture = from_json_value(metadata.get("architecture", "null"), f"{path}: architecture")
    # The size on disk bounds what is built: a header cannot ask for more memory than the file has.
    if 4 * count_parameters(architecture) > path.stat().st_size:
        raise InputError(f"{path}: shorter than the {count_parameters(architecture):,} weights it names")
    try:
        net = Net(architecture, float(metadata.get("input_scale", "")))
    except ValueError as error:
        raise InputError(f"{path}: input_scale: {error}") from None
    expected = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    if shapes != expected:
        raise InputError(f"{path}: tensors {shapes} do not fit the architecture, expected {expected}")
    net.load_state_dict(safetensors.torch.load_file(path))
    return net.eval()
