#!/usr/bin/env bash
# The demo through `snakemake --profile slurm` on a real Slurm, against a local run.
#   tests/slurm/run.sh [all]       as root on Debian; `all` adds cancelled, preempted, lost, ... trials,
#                                and limits of time, for a machine that does nothing else
# Installs Slurm, starts it with GPUs that are none, and stops it again. Skipped where Slurm cannot be had.
set -euo pipefail
cd "$(dirname "$0")/../.."

tests=(tests/slurm/test_{demo,limits,silence,arrays}.py)
case "${1:-}" in
    "") ;;
    all) tests=(tests/slurm); export MIMIC_TIMED=1 ;;
    *) echo "error: expected all or nothing, got '$1'" >&2; exit 2 ;;
esac

if ! said=$(tests/slurm/daemons.sh start 2>&1); then
    echo "skipped: no Slurm here: $(tail -n 1 <<<"$said")"
    exit 0
fi
trap 'tests/slurm/daemons.sh stop' EXIT
echo "$said"

make --no-print-directory venv
.venv/bin/python -m pip install --quiet --constraint constraints.txt --editable ".[slurm]"
.venv/bin/pytest "${tests[@]}"
