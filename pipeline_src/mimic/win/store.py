"""Files of the step: weights of nets and of imitation nets (safetensors), and metrics (JSON).

A file of weights has the keys of the net's ``state_dict`` and nothing else, so that any program loads it; its
header, one JSON object under the key ``mimic``, says what it is:

===========  ===============================================================
key          meaning
===========  ===============================================================
format       ``mimic.win/1``
kind         ``net``, or ``imitation``: a student with its pairs
settings     what it was built from
sha256       of the rest of the header and of all tensors
===========  ===============================================================
"""

from pathlib import Path

import safetensors
import safetensors.torch

from mimic.artifact import digest_arrays, read_json, write_json
from mimic.cli import InputError
from mimic.tensors import read_header, read_tensors, write_tensors

FORMAT, METRICS_FORMAT = "mimic.win/1", "mimic.win.metrics/1"
WEIGHTS, HISTORY, METRICS = "weights.safetensors", "history.csv", "metrics.json"


def write_state(path, kind, settings, state):
    """Write a net's state, whole or not at all.

    Parameters
    ----------
    path : path
    kind : str
        ``net`` or ``imitation``.
    settings : dict
        What the net was built from.
    state : dict of str to tensor

    Returns
    -------
    str
        Digest, which names the weights wherever they are used.
    """
    return write_tensors(path, {"format": FORMAT, "kind": kind, "settings": settings}, state)


def read_settings(path, kind):
    """What a file's net was built from; no tensor is read.

    Returns
    -------
    dict
        Untrusted.
    """
    return _read_header(path, kind)[0].get("settings")


def check_state(path):
    """Check a file of weights whole, whatever net it is of.

    Returns
    -------
    kind : str
    n_tensors : int
    digest : str

    Raises
    ------
    InputError
        If it is no such file, holds numbers that are not finite, or was changed.
    """
    header, shapes = read_header(path, FORMAT)
    _, digest = read_tensors(path, header)
    return str(header.get("kind"))[:60], len(shapes), digest


def load_state(path, kind, module):
    """Give a module the state of a file, which is untrusted.

    Parameters
    ----------
    path : path
    kind : str
        ``net`` or ``imitation``.
    module : torch.nn.Module
        Built from the file's settings.

    Returns
    -------
    str
        Digest of the weights.

    Raises
    ------
    InputError
        If it is no such file, its tensors are not the module's or are not finite, or it was changed. The
        module is unchanged then.
    """
    header, shapes = _read_header(path, kind)
    expected = module.state_dict()
    wanted = {name: tuple(tensor.shape) for name, tensor in expected.items()}
    for name in sorted({*shapes, *wanted}):
        if shapes.get(name) != wanted.get(name):
            raise InputError(
                f"{path}: {name}: expected {_shape_words(wanted.get(name))}, "
                f"got {_shape_words(shapes.get(name))}"
            )
    tensors, digest = read_tensors(path, header, {name: tensor.dtype for name, tensor in expected.items()})
    module.load_state_dict(tensors)
    return digest


def _shape_words(shape):
    return "no such tensor" if shape is None else f"shape {shape}"


def _read_header(path, kind):
    header, shapes = read_header(path, FORMAT)
    if header.get("kind") != kind:
        raise InputError(f"{path}: expected weights of kind {kind!r}, got {str(header.get('kind'))[:60]!r}")
    return header, shapes


def load_plain_state(path, module):
    """Give a module the state of any safetensors file with its keys, such as one that another program wrote.

    Returns
    -------
    str
        Digest of the tensors.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file (expected weights in safetensors)")
    try:
        tensors = safetensors.torch.load_file(path)
        module.load_state_dict(tensors)
    except (safetensors.SafetensorError, RuntimeError) as error:
        raise InputError(f"{path}: {' '.join(str(error).split())[:300]}") from None
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise InputError(f"{path}: expected finite numbers, got others")
    return digest_arrays(**{name: tensor.float().numpy() for name, tensor in tensors.items()})


def write_metrics(path, metrics):
    """Write what a training or merging gave, whole or not at all."""
    write_json(path, {"format": METRICS_FORMAT, **metrics})


def read_metrics(path):
    """What a training or merging gave."""
    return read_json(path, METRICS_FORMAT)
