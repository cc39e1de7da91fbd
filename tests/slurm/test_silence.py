"""A run outlives a Slurm that does not answer; the plugin alone would forget its jobs, and wait for ever."""

import shutil

from tests.e2e.conftest import changed

#: From the first query. The plugin asks five times without a pause, and then gives up.
SILENT_SECONDS = 8


def test_queries_that_fail_lose_no_job(checkout):
    cluster = checkout("cluster")
    silent = cluster.folder / "bin"
    silent.mkdir()
    squeue = silent / "squeue"
    squeue.write_text(
        f'#!/bin/sh\n[ -e "{silent}/first" ] || date +%s > "{silent}/first"\n'
        f'if [ $(date +%s) -lt $(($(cat "{silent}/first") + {SILENT_SECONDS})) ]; then\n'
        f'    echo "no controller" >&2; exit 1\nfi\n'
        f'exec {shutil.which("squeue")} "$@"\n'
    )
    squeue.chmod(0o755)
    options = ("--slurm-init-seconds-before-status-checks", "3", "--configfile", cluster.overlay(changed()))
    code, output, _ = cluster.run("--profile", "slurm", "out/teachers/trials.csv", *options, seconds=240)
    assert code == 0, output
    assert "Slurm does not answer" in output
