"""Arguments of ``mimic rehearse``, apart from what it does: ``mimic --help`` imports nothing heavy."""

from mimic.console.path_arguments import add_file, add_folder

#: Keys of `mimic.rehearsal.jobs.TARGETS`, and `mimic.rehearsal.durations.SPREADS` (a test compares them).
TARGETS = ("all", "table1", "table2", "figure1", "figure2", "report")
SPREADS = ("resample", "lognormal", "replay")


def add_arguments(sub):
    """Add them to the subcommand's parser."""
    sub.usage = "mimic rehearse --times FILE [options]"  # all of them would fill the screen
    add_file(sub, "--times", metavar="FILE", help="measured times (made by --measure)")
    sub.add_argument(
        "--gpus", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64], metavar="N", help="numbers of GPUs"
    )
    add_file(sub, "--configfile", nargs="+", default=[], metavar="FILE", help="overlays, as for snakemake")
    sub.add_argument("--target", choices=TARGETS, default="all", help="what the run makes (default all)")
    sub.add_argument("--jobs", type=int, metavar="N", help="Snakemake's --jobs: submitted at once")
    sub.add_argument(
        "--round-size",
        type=int,
        nargs="+",
        default=[],
        metavar="N",
        help="also with rounds of so many trials",
    )
    add_file(sub, "--cluster", metavar="FILE", help="YAML with keys of the cluster (see --list)")
    sub.add_argument(
        "--set", nargs="+", default=[], action="extend", metavar="KEY=VALUE", help="the same, one by one"
    )
    sub.add_argument("--list", action="store_true", help="list the cluster's keys with their values, and end")
    sub.add_argument("--scale", action="store_true", help="extrapolate times that were not measured")
    sub.add_argument(
        "--speed", type=float, default=1.0, metavar="X", help="a GPU is X times as fast as what was measured"
    )
    sub.add_argument("--epochs", type=int, metavar="N", help="epochs of an extrapolated trial")
    sub.add_argument("--seconds", nargs="+", default=[], metavar="RULE=S", help="seconds of a rule's jobs")
    sub.add_argument("--spread", choices=SPREADS, default="resample", help="of the trials (default resample)")
    sub.add_argument("--seed", type=int, help="of all draws (default: the config's)")
    sub.add_argument("--json", action="store_true", help="machine-readable, with everything")
    sub.add_argument("--csv", action="store_true", help="a line a number of GPUs")
    add_folder(sub, "--measure", metavar="RESULTS", help="make a file of times from a finished run")
    add_file(sub, "--out", metavar="FILE", help="where --measure writes")
    add_folder(sub, "--records", default=".snakemake", metavar="FOLDER", help="Snakemake's, for --measure")
    sub.add_argument("--on-cluster", action="store_true", help="the measured run was submitted to a cluster")
