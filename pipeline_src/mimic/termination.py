"""How a process ends before its work is done, to be started again.

SIGTERM, by which clusters and Snakemake end a process: an exception, or a flag where work can be saved. A
process that is not ended by it is killed some seconds later. Only the main thread can handle signals; in any
other, and where none comes, both contexts do nothing.
"""

import contextlib
import signal
import threading


class Terminated(BaseException):
    """The process was asked to end. No `Exception`: code that survives faults must not survive this."""


class StartAgain(BaseException):
    """What this process was started for cannot be done here and now, by no fault of input or program.

    Parameters
    ----------
    message : str
        Why, in a line.
    environ : mapping of str to str, optional
        The same command line is worth a try at once in this environment; later, in any, when None.
    """

    def __init__(self, message, environ=None):
        super().__init__(message)
        self.environ = environ


@contextlib.contextmanager
def _handled_by(handler):
    """SIGTERM calls the handler inside, and what it called before afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        # None: not set by Python, which cannot set it again
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


@contextlib.contextmanager
def raised():
    """Context in which SIGTERM raises `Terminated`: what is open is closed, what is half-written removed."""

    def handler(number, frame):
        raise Terminated

    with _handled_by(handler):
        yield


class Request:
    """Whether SIGTERM has come."""

    def __init__(self):
        self.asked = False

    def poll(self):
        """Raise `Terminated` if it has: call it where work can be saved."""
        if self.asked:
            raise Terminated


@contextlib.contextmanager
def deferred():
    """Context in which SIGTERM waits for `Request.poll`, or for the end of the context.

    Yields
    ------
    Request
    """
    request = Request()

    def handler(number, frame):
        request.asked = True

    with _handled_by(handler):
        yield request
    request.poll()
