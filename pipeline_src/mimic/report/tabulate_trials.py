"""One study's trials as a table: a row a trial, hyperparameters as columns, nothing rounded."""

import sys

from mimic.cli import run_stage, stage_parser
from mimic.report.trials import read_metrics, trials_frame, write_trials


def tabulate_trials(trials, where="trials"):
    """Tidy frame of one study; see `mimic.report.trials.trials_frame`."""
    return trials_frame(trials, where)


def main(argv=None):
    """Read the trials' metrics, write ``trials.csv``."""
    parser = stage_parser(__doc__, "mimic.report.tabulate_trials")
    parser.add_argument(
        "--metrics", nargs="+", required=True, metavar="JSON", help="metrics.json of each trial"
    )
    parser.add_argument("--out", required=True, metavar="CSV", help="the study's trials.csv")
    arguments = parser.parse_args(argv)

    trials = [read_metrics(path) for path in arguments.metrics]
    table = tabulate_trials(trials, f"--metrics for {arguments.out}")
    write_trials(arguments.out, table)


if __name__ == "__main__":
    sys.exit(run_stage(main))
