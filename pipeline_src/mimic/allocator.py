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
    mallopt = ctypes.CDLL(None).mallopt
    m_trim_threshold, m_top_pad, m_mmap_threshold = -1, -2, -3
    # Before glibc 2.35 the largest threshold is 32 MB. Where neither is taken the rest would do harm: it
    # switches off the thresholds that glibc adapts by itself.
    if mallopt(m_mmap_threshold, 1 << 30) or mallopt(m_mmap_threshold, 1 << 25):
        mallopt(m_trim_threshold, 1 << 30)
        mallopt(m_top_pad, 1 << 26)
