"""Files of tensors that say what they are: safetensors, with one JSON object in the header and a digest."""

import json
from pathlib import Path

import safetensors
import safetensors.torch

from mimic.artifact import DIGEST_KEY, digest_arrays, digest_json, written_whole
from mimic.cli import MAKE_AGAIN, MAKE_FIRST, InputError

HEADER_KEY = "mimic"


def write_tensors(path, header, tensors):
    """Write tensors, whole or not at all.

    Parameters
    ----------
    path : path
    header : dict
        With a key ``format``.
    tensors : dict of str to tensor

    Returns
    -------
    str
        Digest of header and tensors, which the header gets as ``sha256``.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    digest = digest_tensors(header, tensors)
    # One key: safetensors writes several in random order, and the file's digest names the net.
    metadata = {HEADER_KEY: json.dumps({**header, DIGEST_KEY: digest}, sort_keys=True)}
    with written_whole(path) as temporary:
        # Written from here, so that a full disk is an error of the system that names the file.
        temporary.write_bytes(safetensors.torch.save(tensors, metadata))
    return digest


def digest_tensors(header, tensors):
    """SHA-256 of all that a file says: its header but for the digest, and its tensors on the CPU."""
    rest = {key: value for key, value in header.items() if key != DIGEST_KEY}
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    return digest_json({**rest, "tensors": digest_arrays(**arrays)})


def read_header(path, expected_format):
    """Header and shapes of a file, which is untrusted; no tensor is read.

    Returns
    -------
    header : dict
        Its format is the expected one, the rest may be anything.
    shapes : dict of str to tuple of int

    Raises
    ------
    InputError
        If it is no such file.
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
    try:
        header = json.loads(metadata.get(HEADER_KEY, "null"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: header is not JSON: {error}") from None
    found = header.get("format") if isinstance(header, dict) else None
    if found != expected_format:
        raise InputError(f"{path}: expected format {expected_format!r}, got {repr(found)[:60]}")
    return header, shapes


def read_tensors(path, header, dtypes=None):
    """Tensors of a file whose names and shapes were checked.

    Parameters
    ----------
    path : path
    header : dict
        Of `read_header`.
    dtypes : dict of str to torch.dtype, optional
        Without, tensors may be of any type.

    Returns
    -------
    tensors : dict of str to tensor
    digest : str

    Raises
    ------
    InputError
        If a tensor is of another type or holds infinities or NaN, or the file was changed.
    """
    tensors = safetensors.torch.load_file(path)
    for name, tensor in tensors.items():
        wanted = tensor.dtype if dtypes is None else dtypes[name]
        if tensor.dtype != wanted or not tensor.isfinite().all():
            kind = str(wanted).removeprefix("torch.")
            found = "others" if tensor.dtype == wanted else str(tensor.dtype).removeprefix("torch.")
            raise InputError(f"{path}: {name}: expected finite {kind} numbers, got {found}")
    digest, stated = digest_tensors(header, tensors), header.get(DIGEST_KEY)
    if digest != stated:
        raise InputError(
            f"{path}: was changed after it was written: expected digest {str(stated)[:16]}, "
            f"got {digest[:16]}; {MAKE_AGAIN}"
        )
    return tensors, digest
