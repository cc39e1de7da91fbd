"""The console command ``mimic``: what the pipeline's parts do, without running it.

Each subcommand imports what it needs when it runs, so that ``mimic --help`` answers at once. The first line
of a subcommand's docstring is its help, the others are its examples.
"""

import sys

from mimic.cli import OneLineParser, run_stage
from mimic.console.arguments import TopParser, add_command, command_name, misspelt

EXAMPLES = """\
  mimic status --watch
  mimic why results/table2.csv
  mimic budget cnn4 10M --filters 128 128 192 192"""


def status(args):
    """Show where a run stands: jobs, trials, accuracies, time left.

    mimic status --watch
    mimic status --configfile workflow/presets/demo.yaml --json
    """
    from mimic.console.status import show_status

    show_status(args.snakefile, args.directory, args.configfile, args.watch, args.json)


def why(args):
    """Say why files would be made again, or that they would not.

    mimic why results/table2.csv
    mimic why results/demo/table1.csv --configfile workflow/presets/demo.yaml
    """
    from mimic.console.why import explain

    explain(args.targets, args.snakefile, args.directory, args.configfile, args.json)


def report(args):
    """Write a page of HTML about a run, finished or not.

    mimic report
    mimic report --configfile workflow/presets/demo.yaml --out run.html
    """
    from mimic.console.report import write_report

    write_report(args.snakefile, args.directory, args.configfile, args.out)


def show(args):
    """Print a table of the results.

    mimic show results/demo/table2.csv
    """
    from mimic.report.show import show_table

    show_table(args.table)


def gpus(args):
    """Show the GPUs of this machine, their places and who holds them.

    mimic gpus
    """
    from mimic.console.gpus import show_gpus

    show_gpus(args.json)


def stages(args):
    """List the stages in the paper's order; each runs by hand too.

    mimic stages
    python -m mimic.students.train_student --help
    """
    from mimic.console.stages import list_stages

    list_stages()


def budget(args):
    """Show what a budget buys: layers, parameters, multiply-adds.

    mimic budget cnn4 10M --filters 128 128 192 192
    mimic budget mlp3 1M --json
    mimic budget cnn2 30k --configfile workflow/presets/demo.yaml
    """
    from mimic.console.budget import show_budget

    show_budget(
        args.family, args.budget, args.filters, args.classes, [args.config, *args.configfile], args.json
    )


def augment(args):
    """Render augmentations of images to a PNG sheet.

    mimic augment --images photos/ --out sheet.png
    """
    from mimic.console.augment import write_sheet

    write_sheet(args.images, args.out, args.draws, args.seed, [args.config, *args.configfile])


def rehearse(args):
    """Simulate a run on clusters: time, idle GPUs, cost of barriers.

    mimic rehearse --times benchmarks/results/stage_times.json --gpus 1 4 16
    """
    from mimic.console.rehearse import run

    run(args)


def schema(args):
    """Print the keys of config.yaml: a JSON schema, or a page.

    mimic schema > config.schema.json
    mimic schema --markdown
    """
    from mimic.console.config_page import page_text
    from mimic.console.schema import schema_text

    print(page_text(args.config) if args.markdown else schema_text(), end="")


def inspect(args):
    """Show what a file says it is: format, digest, arrays, origin.

    mimic inspect results/logits/targets.h5
    """
    from mimic.console.inspect import show_file

    show_file(args.file, args.json)


def verify(args):
    """Check every checksum of files, and that they belong to results.

    mimic verify results/epochs/00.h5 --against results
    """
    from mimic.console.verify import show_checks

    show_checks(args.files, args.against)


def pack(args):
    """Put what students need of a run into one file to share.

    mimic pack --results results/demo --out demo.mimic.h5
    """
    from mimic.console.sharing import pack as pack_results

    pack_results(args.results, args.out, args.recipes)


def unpack(args):
    """Lay out a pack, so that the workflow starts at the students.

    mimic unpack cifar10-ensemble.h5 --results results
    """
    from mimic.console.sharing import unpack as unpack_file

    unpack_file(args.pack, args.results)


def export_study(args):
    """Copy a study's finished trials to SQLite, for optuna-dashboard.

    mimic export-study teachers --sqlite studies.db
    mimic export-study cnn2-30k --sqlite studies.db --results results/demo
    optuna-dashboard sqlite:///studies.db
    """
    from mimic.console.export_study import export

    export(args.study, args.sqlite, args.results, [args.config, *args.configfile])


def export_scalars(args):
    """Write trials' losses, accuracies and rates for TensorBoard.

    mimic export-scalars --results results/demo --out scalars
    tensorboard --logdir scalars
    """
    from mimic.console.export_scalars import export

    export(args.results, args.out, args.study)


def win(args):
    """Let your own thin net imitate a wider one, block by block.

    mimic win --student m:thin --teacher m:wide --blocks a --dataset d.h5 --out o
    """
    from mimic.console.win import imitate

    imitate(args)


def completion(args):
    """Print a shell's completion of this command.

    eval "$(mimic completion bash)"
    mimic completion bash > ~/.local/share/bash-completion/completions/mimic
    mimic completion zsh > ~/.zsh/completions/_mimic
    """
    import shtab

    print(shtab.complete(parser(), args.shell))


GROUPS = {
    "look at a run": (status, why, report, show, gpus),
    "plan one": (stages, budget, augment, rehearse, schema),
    "train nets of your own": (win,),
    "check and share files": (inspect, verify, pack, unpack, export_study, export_scalars),
    "your shell": (completion,),
}


def parser():
    """Parser of the console command."""
    top = TopParser(
        GROUPS, EXAMPLES, prog="mimic", description="How shallow can a net be and still mimic a deep one?"
    )
    commands = top.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=OneLineParser
    )
    for functions in GROUPS.values():
        for function in functions:
            add_command(commands, function)
    return top


def main(argv=None):
    """Entry point of the console command; returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if not argv:
        parser().print_help()
        return 0
    names = [command_name(function) for functions in GROUPS.values() for function in functions]
    if not argv[0].startswith("-") and argv[0] not in names:
        sys.stderr.write(misspelt(argv[0], names))
        sys.exit(2)
    args = parser().parse_args(argv)
    return run_stage(lambda _: args.run(args), tells_cost=False)
