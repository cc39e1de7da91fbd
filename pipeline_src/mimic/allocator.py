"""The memory allocator of the C library, set for work that needs the same memory step after step."""

import ctypes
import platform


def keep_memory():
    """Tell glibc to keep freed memory for the next step.

    By default it returns each step's activations to the system and faults them in again, which costs up
    to half of a training step on the CPU. Elsewhere this does nothing.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    m_trim_threshold, m_top_pad, m_mmap_threshold = -1, -2, -3
    for option, n_bytes in ((m_mmap_threshold, 1 << 30), (m_trim_threshold, 1 << 30), (m_top_pad, 1 << 26)):
        libc.mallopt(option, n_bytes)
