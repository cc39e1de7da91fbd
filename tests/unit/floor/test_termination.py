import os
import signal
import threading
import time

import pytest

from mimic.cli import run_stage
from mimic.termination import Terminated, deferred, raised


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.01)  # a signal is handled between two instructions


@pytest.fixture(autouse=True)
def guard():
    """A signal that nobody handles fails the test, not the process; handlers are left as they were."""
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append(1))
    yield seen
    after = signal.signal(signal.SIGTERM, before)
    assert after.__name__ == "<lambda>"


def test_sigterm_ends_a_stage_with_75_and_one_line_after_its_files_are_closed(capsys, guard):
    closed = []

    def main(argv):
        try:
            terminate()
            raise AssertionError("went on")
        finally:
            closed.append(True)

    assert run_stage(main) == 75
    assert closed == [True]
    assert capsys.readouterr() == ("", "terminated: run the same command again to go on\n")
    assert guard == []


def survives_faults():
    try:
        terminate()
    except Exception:
        raise AssertionError("swallowed") from None


def test_code_that_survives_every_fault_does_not_survive_sigterm():
    with pytest.raises(Terminated), raised():
        survives_faults()


def test_what_handled_sigterm_before_handles_it_afterwards(guard):
    with raised():
        pass
    terminate()
    with deferred():
        pass
    terminate()
    assert guard == [1, 1]


def deferring(done, last_poll=True):
    """Notes how far it came."""
    with deferred() as request:
        request.poll()
        terminate()
        terminate()
        done.append("saved")
        if last_poll:
            request.poll()
        done.append("last line")
    done.append("after")


@pytest.mark.parametrize(("last_poll", "expected"), [(True, ["saved"]), (False, ["saved", "last line"])])
def test_a_deferred_signal_waits_for_a_poll_or_the_end(last_poll, expected):
    done = []
    with pytest.raises(Terminated), raised():
        deferring(done, last_poll)
    assert done == expected


def test_an_error_is_not_hidden_by_a_deferred_signal():
    def fails():
        terminate()
        raise KeyError

    with pytest.raises(KeyError), deferred():
        fails()


def test_after_deferring_the_signal_is_raised_again():
    def later():
        with deferred():
            pass
        terminate()

    with pytest.raises(Terminated), raised():
        later()


def test_in_another_thread_nothing_is_changed(guard):
    seen = []

    def work():
        with raised(), deferred() as request:
            seen.append(signal.getsignal(signal.SIGTERM).__name__)
            request.poll()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == ["<lambda>"]
