"""Locks of files that end with the process that holds them, however it ends."""

import contextlib
import fcntl
import json
import os
import weakref

_HELD = weakref.WeakSet()


class Lock:
    """A locked file; closed in children, since a lock lives as long as any copy of its descriptor.

    Programs that are started never get it (Python's descriptors are close-on-exec); children that are forked,
    as some workers of compilers are, close it at once.
    """

    def __init__(self, descriptor, path=None):
        self.descriptor, self.path = descriptor, path
        _HELD.add(self)

    @classmethod
    def try_take(cls, path, flags=fcntl.LOCK_EX):
        """The lock of a file, which is made where it is missing; None where another has it."""
        directory = path.is_dir()
        mode = os.O_RDONLY | os.O_DIRECTORY if directory else os.O_RDWR | os.O_CREAT
        descriptor = os.open(path, mode | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, flags | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor, path)

    def write(self, value):
        """Replace what the file says."""
        data = json.dumps(value).encode()
        try:
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, data, 0)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from None

    def release(self):
        """Give the lock back; harmless when done before."""
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _close_all():
    for lock in _HELD:
        with contextlib.suppress(OSError):
            lock.release()


os.register_at_fork(after_in_child=_close_all)
