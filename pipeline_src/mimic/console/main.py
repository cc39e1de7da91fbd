"""The console command ``mimic``: what the pipeline's parts do, without running it.

Each subcommand imports what it needs when it runs, so that ``mimic --help`` answers at once.
"""

import argparse

from mimic.cli import run_stage
from mimic.console.rehearse_arguments import add_arguments as add_rehearse_arguments

EXAMPLES = """\
examples:
  mimic stages
  mimic budget cnn4 10M --filters 128 128 192 192
  mimic budget mlp3 1M --json
  mimic augment --images photos/ --out sheet.png
  mimic show results/demo/table2.csv
  mimic verify results/epochs/00.h5 --against results
  mimic pack --results results/demo --out demo.mimic.h5
  mimic why results/table2.csv
  mimic gpus
  mimic status --watch
  mimic report --configfile workflow/presets/demo.yaml
  mimic rehearse --configfile workflow/presets/demo.yaml --times benchmarks/results/stage_times.json

exit codes: 0 done, 1 an input is wrong, 2 the command line is wrong,
  75 terminated by SIGTERM or a GPU failed (the same command goes on), 130 interrupted
"""


def stages(args):
    """List the stages in the paper's order; each runs by hand too."""
    from mimic.console.stages import list_stages

    list_stages()


def budget(args):
    """Show what a budget buys: layers, shapes, parameters, multiply-adds."""
    from mimic.console.budget import show_budget

    show_budget(args.family, args.budget, args.filters, args.classes, args.config, args.json)


def augment(args):
    """Render augmentations of images to a PNG sheet."""
    from mimic.console.augment import write_sheet

    write_sheet(args.images, args.out, args.draws, args.seed, args.config)


def schema(args):
    """Print the JSON schema of config.yaml, for editors."""
    from mimic.console.schema import schema_text

    print(schema_text(), end="")


def show(args):
    """Print a table of the results."""
    from mimic.report.show import show_table

    show_table(args.table)


def inspect(args):
    """Show what a file says it is: format, digest, arrays, provenance."""
    from mimic.console.inspect import show_file

    show_file(args.file, args.json)


def verify(args):
    """Check every checksum of files, and that they belong to results."""
    from mimic.console.verify import show_checks

    show_checks(args.files, args.against)


def pack(args):
    """Put what students need of a run into one file to share."""
    from mimic.console.sharing import pack as pack_results

    pack_results(args.results, args.out, args.recipes)


def unpack(args):
    """Lay out a pack, so that the workflow starts at the students."""
    from mimic.console.sharing import unpack as unpack_file

    unpack_file(args.pack, args.results)


def gpus(args):
    """Show the GPUs of this machine, their places and who holds them."""
    from mimic.console.gpus import show_gpus

    show_gpus(args.json)


def why(args):
    """Say why files would be made again, or that they would not."""
    from mimic.console.why import explain

    explain(args.targets, args.snakefile, args.directory, args.configfile, args.json)


def status(args):
    """Show where a run stands: jobs, trials, accuracies, time left."""
    from mimic.console.status import show_status

    show_status(args.snakefile, args.directory, args.configfile, args.watch, args.json)


def report(args):
    """Write a page of HTML about a run, finished or not."""
    from mimic.console.report import write_report

    write_report(args.snakefile, args.directory, args.configfile, args.out)


def rehearse(args):
    """Simulate a run on clusters: time, idle GPUs, cost of barriers."""
    from mimic.console.rehearse import run

    run(args)


def parser():
    """Parser of the console command."""
    top = argparse.ArgumentParser(
        prog="mimic",
        description="How shallow can a net be and still mimic a deep one?",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(function):
        line = function.__doc__.splitlines()[0]
        sub = commands.add_parser(function.__name__, help=line, description=line)
        sub.set_defaults(run=function)
        return sub

    add(stages)
    sub = add(budget)
    sub.add_argument("family", help="mlp1..mlp5, cnn1..cnn4")
    sub.add_argument("budget", help="316k, 3.16M, 10M")
    sub.add_argument("--filters", type=int, nargs="+", help="free widths in forward order; else mid-range")
    sub.add_argument("--classes", type=int, default=10, help="number of classes (default 10)")
    sub.add_argument("--config", default="config.yaml", help="where width bounds come from")
    sub.add_argument("--json", action="store_true", help="machine-readable")
    sub = add(augment)
    sub.add_argument("--images", nargs="+", required=True, help="image files or folders")
    sub.add_argument("--out", required=True, help="PNG to write")
    sub.add_argument("--draws", type=int, default=8, help="augmentations an image (default 8)")
    sub.add_argument("--seed", type=int, default=0, help="seed of the draws (default 0)")
    sub.add_argument("--config", default="config.yaml", help="where the constants come from (section epochs)")
    add(schema)
    sub = add(show)
    sub.add_argument("table", help="CSV file of the results")
    sub = add(inspect)
    sub.add_argument("file", help="HDF5 file, weights or JSON file of the pipeline")
    sub.add_argument("--json", action="store_true", help="machine-readable")
    sub = add(verify)
    sub.add_argument("files", nargs="+", metavar="file", help="files to check")
    sub.add_argument("--against", metavar="RESULTS", help="results folder that they must belong to")
    sub = add(pack)
    sub.add_argument("--results", default="results", help="results folder (default results)")
    sub.add_argument("--out", default="targets.mimic.h5", help="file to write (default targets.mimic.h5)")
    sub.add_argument("--recipes", action="store_true", help="with all recipes, not only their seed (larger)")
    sub = add(unpack)
    sub.add_argument("pack", help="file made by `mimic pack`")
    sub.add_argument("--results", default="results", help="the config's output folder (default results)")
    sub = add(gpus)
    sub.add_argument("--json", action="store_true", help="machine-readable")
    sub = add(why)
    sub.add_argument("targets", nargs="*", metavar="TARGET", help="files, folders or rules; default: all")
    sub.add_argument("--configfile", nargs="+", default=[], metavar="FILE", help="overlays, as for snakemake")
    sub.add_argument("--snakefile", help="default: Snakefile in this folder")
    sub.add_argument("--directory", help="working folder; default: this one")
    sub.add_argument("--json", action="store_true", help="machine-readable")
    sub = add(status)
    sub.epilog = (
        "Reads files only, on any machine that sees the folder, and asks no scheduler: on a cluster a job "
        "that waits for its turn is `queued`; why it waits, squeue says."
    )
    sub.add_argument("--configfile", nargs="+", default=[], metavar="FILE", help="overlays, as for snakemake")
    sub.add_argument("--snakefile", help="default: Snakefile in this folder; config.yaml lies beside it")
    sub.add_argument("--directory", help="working folder; default: this one")
    sub.add_argument(
        "--watch",
        nargs="?",
        type=float,
        const=2.0,
        metavar="SECONDS",
        help="look again every so many seconds (default 2) until all is done or Ctrl-C",
    )
    sub.add_argument("--json", action="store_true", help="machine-readable; with --watch a line a look")
    sub = add(report)
    sub.add_argument("--configfile", nargs="+", default=[], metavar="FILE", help="overlays, as for snakemake")
    sub.add_argument("--snakefile", help="default: Snakefile in this folder; config.yaml lies beside it")
    sub.add_argument("--directory", help="working folder; default: this one")
    sub.add_argument("--out", metavar="HTML", help="default: report-so-far.html in the output folder")
    add_rehearse_arguments(add(rehearse))
    return top


def main(argv=None):
    """Entry point of the console command; returns the exit code."""
    args = parser().parse_args(argv)
    return run_stage(lambda _: args.run(args), tells_cost=False)
