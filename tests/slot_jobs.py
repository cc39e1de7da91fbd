"""Jobs in processes of their own that take places on fake GPUs, started without importing torch each time.

Run as a program: reads commands as JSON lines, forks a job for each, and answers with its pid, or its exit
code.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


class Server:
    """The program below, in a process; a context manager."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait(20) == 0

    def ask(self, command):
        """The answer to a command."""
        print(json.dumps(command), file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())


class Jobs:
    """Jobs that share places; a context manager, which kills what is left.

    Parameters
    ----------
    server : Server
    folder : path
        For the jobs' logs and the places.
    environ : str
        Of every job.
    """

    def __init__(self, server, folder, **environ):
        self.folder, self.environ = Path(folder), {"MIMIC_SLOTS": str(Path(folder) / "slots")} | environ
        self.pids, self.ask = [], server.ask

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for pid in self.pids:
            os.kill(pid, 9)  # not waited for yet, so its number is not another's
            self.ask({"wait": pid})

    def start(self, claim_mb=100, child="", **environ):
        """Start a job that takes a place and keeps it until it is ended."""
        log = self.folder / f"job-{len(self.pids)}.log"
        command = {"log": str(log), "claim_mb": claim_mb, "child": child, "environ": self.environ | environ}
        self.pids.append(self.ask(command))
        return Job(self.pids[-1], log, self)


class Job:
    """One of them."""

    def __init__(self, pid, log, jobs):
        self.pid, self.log, self.jobs = pid, log, jobs

    def said(self, words, seconds=5):
        """The first line of its log with the words, within so many seconds; None if it says no such thing."""
        end = time.monotonic() + seconds
        while True:
            lines = self.log.read_text().splitlines(keepends=True) if self.log.exists() else []
            found = [line for line in lines if words in line and line.endswith("\n")]
            if found or time.monotonic() > end:
                return found[0] if found else None
            time.sleep(0.01)

    def held(self, seconds=5):
        """Where it is, ``[GPU, place]``, or None if it has no place within so many seconds."""
        line = self.said("held ", seconds)
        return line and json.loads(line.removeprefix("held "))

    def code(self):
        """Its exit code; waits for its end."""
        code = self.jobs.ask({"wait": self.pid})
        self.jobs.pids.remove(self.pid)
        return code


def _work(command):
    from mimic.cli import run_stage
    from mimic.gpus.place import gpu_place

    def main(argv):
        with gpu_place(f"job {os.getpid()}", command["claim_mb"]) as place:
            if command["child"] == "started":
                subprocess.Popen(["sleep", "60"], close_fds=False)
            if command["child"].startswith("forked") and os.fork() == 0:
                time.sleep(60 if command["child"] == "forked" else 0)
                os._exit(0)
            print("held", json.dumps(place and [place.room.name, place.owner.place]), flush=True)
            time.sleep(60)

    os.environ.update(command["environ"])
    log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    return run_stage(main)


def _serve():
    import mimic.gpus.place  # noqa: F401  for all jobs

    for line in sys.stdin:
        command = json.loads(line)
        if "wait" in command:
            print(os.waitstatus_to_exitcode(os.waitpid(command["wait"], 0)[1]), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            code = 99
            try:
                code = _work(command)
            finally:
                os._exit(code)
        print(pid, flush=True)


if __name__ == "__main__":
    _serve()
