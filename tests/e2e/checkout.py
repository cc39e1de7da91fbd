"""A checkout that a test may edit, with a finished run beside it."""

import json
import os
import subprocess
import sys

import yaml

from tests.e2e.conftest import OVERLAY
from tests.workflow.conftest import planned_jobs


class Checkout:
    """A copy of the checkout and of a finished run's folder, that a test may edit.

    Parameters
    ----------
    folder : path
        Has ``code`` and ``run`` in it.
    """

    def __init__(self, folder):
        self.code, self.folder = folder / "code", folder / "run"
        self.environment = {**os.environ, "PYTHONPATH": str(self.code / "pipeline_src")}
        self.environment |= {"PYTHONWARNINGS": "ignore", "PYTHONDONTWRITEBYTECODE": "1"}
        self.overlay(OVERLAY)

    def overlay(self, values):
        """Set the overlay on config.yaml."""
        (self.folder / "overlay.yaml").write_text(yaml.safe_dump(values))

    def edit(self, name, edited):
        """Replace a file by what a function makes of its text; returns a function that puts it back."""
        path = self.code / name
        before = path.read_text(encoding="utf-8")
        after = edited(before)
        assert after != before, name
        path.write_text(after, encoding="utf-8")
        return lambda: path.write_text(before, encoding="utf-8")

    def run(self, module, *arguments):
        """Finished process of a module on this checkout."""
        command = [sys.executable, "-m", module, *arguments, "--snakefile", str(self.code / "Snakefile")]
        command += ["--configfile", "overlay.yaml"]
        run = subprocess.run(
            command, capture_output=True, text=True, cwd=self.folder, env=self.environment, timeout=300
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run

    def planned(self, *targets):
        """Rule -> number of jobs that Snakemake plans."""
        output = self.run("snakemake", *targets, "-n").stdout
        if "Nothing to be done" in output:
            return {}
        jobs = planned_jobs(output)
        return {rule: n for rule, n in jobs.items() if rule not in ("all", "total")}

    def why(self, *targets):
        """What ``mimic why`` prints."""
        return self.run("mimic", "why", *targets).stdout

    def reasons(self):
        """Rule -> kinds of reasons and names in them, of all jobs of the workflow."""
        answer = json.loads(self.run("mimic", "why", "--json").stdout)
        found = {}
        for job in answer["jobs"]:
            for reason in job["reasons"]:
                found.setdefault(job["rule"], []).append(reason)
        return found
