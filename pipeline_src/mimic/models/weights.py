"""Weights as safetensors: never a pickle, and the file says which net it belongs to."""

import json
import math
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from mimic.artifact import DIGEST_KEY, digest_arrays, digest_json, written_whole
from mimic.cli import MAKE_AGAIN, MAKE_FIRST, InputError
from mimic.models.architecture import count_parameters, from_json_value, to_json_value
from mimic.models.net import Net

FORMAT, HEADER_KEY = "mimic.weights/2", "mimic"
IMAGE_SHAPE = (3, 32, 32)


def write_weights(path, net):
    """Write a net's weights as float32 with its architecture in the header, whole or not at all."""
    tensors = {name: tensor.detach().cpu().float().contiguous() for name, tensor in net.state_dict().items()}
    header = {
        "format": FORMAT,
        "architecture": to_json_value(net.architecture),
        "input_scale": net.input_scale,
    }
    header[DIGEST_KEY] = _digest(header, tensors)
    # One key: safetensors writes several in random order, and the file's digest names the net.
    metadata = {HEADER_KEY: json.dumps(header, sort_keys=True)}
    with written_whole(path) as temporary:
        # Written from here, so that a full disk is an error of the system that names the file.
        temporary.write_bytes(safetensors.torch.save(tensors, metadata))


def _digest(header, tensors):
    """SHA-256 of all that a file says: the rest of its header and the tensors."""
    rest = {key: value for key, value in header.items() if key != DIGEST_KEY}
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    return digest_json({**rest, "tensors": digest_arrays(**arrays)})


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
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file (expected weights); {MAKE_FIRST}")
    with open(path, "rb"):
        pass  # the library calls a file that may not be read one that does not exist
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable safetensors file: {error}") from None
    header = _read_header(path, metadata)
    architecture = from_json_value(json.dumps(header.get("architecture")), f"{path}: architecture")
    if architecture.input_shape != IMAGE_SHAPE:
        raise InputError(
            f"{path}: architecture: input_shape: expected {IMAGE_SHAPE}, got {architecture.input_shape}"
        )
    # The size on disk bounds what is built: a header cannot ask for more memory than the file has.
    if 4 * count_parameters(architecture) > path.stat().st_size:
        raise InputError(f"{path}: shorter than the {count_parameters(architecture):,} weights it names")
    net = Net(architecture, header["input_scale"])
    expected = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    if shapes != expected:
        raise InputError(f"{path}: tensors {shapes} do not fit the architecture, expected {expected}")
    tensors = safetensors.torch.load_file(path)
    for name, tensor in tensors.items():
        if tensor.dtype != torch.float32 or not tensor.isfinite().all():
            found = "others" if tensor.dtype == torch.float32 else str(tensor.dtype).removeprefix("torch.")
            raise InputError(f"{path}: {name}: expected finite float32 numbers, got {found}")
    found = _digest(header, tensors)
    if found != header.get(DIGEST_KEY):
        raise InputError(
            f"{path}: was changed after it was written: expected digest {str(header.get(DIGEST_KEY))[:16]}, "
            f"got {found[:16]}; {MAKE_AGAIN}"
        )
    net.load_state_dict(tensors)
    return net.eval()


def _read_header(path, metadata):
    """What the net is, out of untrusted metadata; its architecture is checked by the caller."""
    try:
        header = json.loads(metadata.get(HEADER_KEY, "null"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: header is not JSON: {error}") from None
    found = header.get("format") if isinstance(header, dict) else None
    if found != FORMAT:
        raise InputError(f"{path}: expected format {FORMAT!r}, got {found!r}")
    scale = header.get("input_scale")
    if not isinstance(scale, float) or not math.isfinite(scale):
        raise InputError(f"{path}: input_scale: expected a finite number, got {scale!r}")
    return header
