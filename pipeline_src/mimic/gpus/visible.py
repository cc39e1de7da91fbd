"""The GPUs that this process may use, and their memory, without bringing CUDA up.

CUDA reads ``CUDA_VISIBLE_DEVICES`` once, when it comes up: who wants to choose a GPU has to look before. So
the driver's own library is asked (NVML, by its C interface, as torch itself counts GPUs: it comes with every
driver, the Python package for it does not). Where there is none, as on a machine without a GPU, no GPU is
known.
"""

import contextlib
import ctypes
import re
from dataclasses import dataclass

from mimic.cli import InputError

_LIBRARY = "libnvidia-ml.so.1"
_FAKE_MB = 16_000
_MB = 1_000_000
_UUID_BYTES = 96  # NVML_DEVICE_UUID_V2_BUFFER_SIZE


@dataclass(frozen=True)
class Gpu:
    """A GPU, or a part of one (MIG).

    Parameters
    ----------
    name : str
        The same in every process of the machine, and safe as part of a file name.
    visible : str
        What ``CUDA_VISIBLE_DEVICES`` is for a process that is to see it alone.
    total_mb, free_mb : int or None
        Memory in MB of 10^6 bytes, of all processes together; None where it is not known.
    fake : bool
        Only said to be there (``MIMIC_FAKE_GPUS``).
    """

    name: str
    visible: str
    total_mb: int | None = None
    free_mb: int | None = None
    fake: bool = False


class _Memory(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_ulonglong) for name in ("total", "free", "used"))


class _Unknown(Exception):
    """The driver has no answer: the GPU has gone, or is none of ours."""


class _Driver:
    """What is asked of NVML; every call raises `_Unknown` where it gives no answer."""

    def __init__(self, library):
        self._library = library

    def _call(self, name, *arguments):
        code = getattr(self._library, name)(*arguments)
        if code != 0:
            raise _Unknown(f"{name}: code {code}")

    def open(self):
        self._call("nvmlInit_v2")

    def close(self):
        self._library.nvmlShutdown()

    def count(self):
        n = ctypes.c_uint()
        self._call("nvmlDeviceGetCount_v2", ctypes.byref(n))
        return n.value

    def by_index(self, index):
        handle = ctypes.c_void_p()
        self._call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle))
        return handle

    def by_uuid(self, uuid):
        handle = ctypes.c_void_p()
        self._call("nvmlDeviceGetHandleByUUID", ctypes.c_char_p(uuid.encode()), ctypes.byref(handle))
        return handle

    def uuid(self, handle):
        text = ctypes.create_string_buffer(_UUID_BYTES)
        self._call("nvmlDeviceGetUUID", handle, text, ctypes.c_uint(_UUID_BYTES))
        return text.value.decode()

    def memory(self, handle):
        """Total and free MB, or None twice: some parts of GPUs do not tell."""
        memory = _Memory()
        try:
            self._call("nvmlDeviceGetMemoryInfo", handle, ctypes.byref(memory))
        except _Unknown:
            return None, None
        return memory.total // _MB, memory.free // _MB


@contextlib.contextmanager
def _driver():
    """The driver's library while it is needed, or None where there is none."""
    try:
        driver = _Driver(ctypes.CDLL(_LIBRARY))
        driver.open()
    except (OSError, _Unknown):
        yield None
        return
    try:
        yield driver
    finally:
        driver.close()


class Gpus:
    """Asks for the GPUs again and again, at the cost of one start; see `usable_gpus`."""

    def __init__(self, environ, driver):
        self._environ, self._driver = environ, driver

    def read(self):
        """The usable GPUs as they are now.

        Returns
        -------
        list of Gpu
            In the order of ``CUDA_VISIBLE_DEVICES``, else of the driver.
        """
        visible = self._environ.get("CUDA_VISIBLE_DEVICES")
        tokens = None if visible is None else [token.strip() for token in visible.split(",")]
        fakes = _fakes(self._environ)
        if fakes is not None:
            return _chosen(tokens, {gpu.visible: gpu for gpu in fakes}.get, fakes)
        if self._driver is None:
            return []
        present = self._present()
        return _chosen(tokens, lambda token: self._named(token, present), list(present.values()))

    def _present(self):
        """All GPUs that answer, by the driver's index."""
        found = {}
        for index in range(self._driver.count()):
            with contextlib.suppress(_Unknown):
                found[index] = self._of(self._driver.by_index(index))
        return found

    def _of(self, handle):
        uuid = self._driver.uuid(handle)
        return Gpu(_safe(uuid), uuid, *self._driver.memory(handle))

    def _named(self, token, present):
        """The GPU that an entry of ``CUDA_VISIBLE_DEVICES`` means, or None."""
        if token.isdecimal():
            index = int(token)
            if index not in present:
                return None
            # CUDA counts the fastest first unless told otherwise, the driver by bus: the same only among
            # equals.
            by_bus = self._environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
            if by_bus or len({gpu.total_mb for gpu in present.values()}) == 1:
                return present[index]
            return Gpu(f"cuda-{index}", token)
        if token.startswith("GPU-"):
            begun = [gpu for gpu in present.values() if gpu.visible.startswith(token)]
            return begun[0] if len(begun) == 1 else None
        if token.startswith("MIG-"):
            try:
                return Gpu(_safe(token), token, *self._driver.memory(self._driver.by_uuid(token)))
            except _Unknown:
                return None
        return None


@contextlib.contextmanager
def usable_gpus(environ):
    """What asks for the GPUs that a process may use.

    With ``MIMIC_FAKE_GPUS=2``, or ``2x8000`` for 8,000 MB each, there are so many fakes and no other: for
    tests.

    Parameters
    ----------
    environ : mapping of str to str
        ``CUDA_VISIBLE_DEVICES`` and ``CUDA_DEVICE_ORDER`` as CUDA reads them: indices or UUIDs, of which the
        first that means no GPU ends the list; empty or ``-1``: none.

    Yields
    ------
    Gpus

    Raises
    ------
    InputError
        If ``MIMIC_FAKE_GPUS`` is something else.
    """
    if _fakes(environ) is not None:
        yield Gpus(environ, None)
        return
    with _driver() as driver:
        yield Gpus(environ, driver)


def _fakes(environ):
    """The fakes that the environment asks for, or None."""
    text = environ.get("MIMIC_FAKE_GPUS", "")
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,3})(?:x(\d{1,9}))?", text, re.ASCII)
    if not found:
        raise InputError(
            f"MIMIC_FAKE_GPUS: expected a number such as 2, or 2x8000 for their MB, got {text!r}"
        )
    total = int(found[2] or _FAKE_MB)
    return [Gpu(f"fake-{index}", str(index), total, fake=True) for index in range(int(found[1]))]


def _chosen(tokens, named, every):
    """The GPUs that entries mean, up to the first that means none; all where there are no entries."""
    if tokens is None:
        return every
    chosen = []
    for token in tokens:
        gpu = named(token)
        if gpu is None:
            break
        if gpu not in chosen:
            chosen.append(gpu)
    return chosen


def _safe(name):
    """A name for a file: older names of GPUs' parts have slashes."""
    return re.sub(r"[^A-Za-z0-9-]", "_", name)[:150]
