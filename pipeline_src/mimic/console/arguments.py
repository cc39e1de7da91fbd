"""Arguments of the subcommands, and help that fits a screen: grouped, with examples and exit codes."""

import argparse
import difflib

from mimic.cli import EXIT_CODES, OneLineParser, whole_number
from mimic.console.path_arguments import add_file, add_folder
from mimic.console.rehearse_arguments import add_arguments as add_rehearse

OVERLAYS = "overlays, as for snakemake"
MORE = "exit codes: 0 done, 1 an input is wrong, 2 the command line; all: mimic --help"


class TopParser(OneLineParser):
    """Parser of ``mimic`` itself: lists its subcommands by what they are for.

    Parameters
    ----------
    groups : dict of str to tuple of function
        Heading -> functions of the subcommands, whose docstrings are their help.
    examples : str
    """

    def __init__(self, groups, examples, **options):
        super().__init__(**options)
        self.groups, self.examples = groups, examples

    def format_help(self):
        lines = ["usage: mimic COMMAND ... (mimic COMMAND --help tells more)", "", self.description]
        for heading, functions in self.groups.items():
            lines += ["", f"{heading}:"]
            lines += [f"  {command_name(function):<15}{first_line(function)}" for function in functions]
        return "\n".join([*lines, "", "examples:", self.examples, "", EXIT_CODES, ""])


def command_name(function):
    """``export-study`` of `export_study`."""
    return function.__name__.replace("_", "-")


def first_line(function):
    """What a subcommand does, in a line."""
    return function.__doc__.splitlines()[0]


def add_command(commands, function):
    """A subparser that calls `function`; its docstring is a line, then examples, a line each."""
    line, *rest = function.__doc__.strip().splitlines()
    examples = [f"  {text.strip()}" for text in rest if text.strip()]
    sub = commands.add_parser(
        command_name(function),
        help=line,
        description=line,
        epilog="\n".join(["examples:", *examples, "", MORE]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sub.set_defaults(run=function)
    ARGUMENTS.get(command_name(function), lambda sub: None)(sub)
    return sub


def misspelt(name, names):
    """One line on a subcommand that does not exist."""
    near = difflib.get_close_matches(name, names, 2, 0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else "mimic --help lists them"
    return f"mimic: error: there is no command {name!r}; {hint}\n"


def _json(sub):
    sub.add_argument("--json", action="store_true", help="machine-readable")


def _overlays(sub):
    add_file(sub, "--configfile", nargs="+", default=[], metavar="FILE", help=OVERLAYS)


def _workflow(sub):
    _overlays(sub)
    add_file(sub, "--snakefile", metavar="FILE", help="default: Snakefile in this folder")
    add_folder(sub, "--directory", metavar="FOLDER", help="working folder; default: this one")


def _base_config(sub, what):
    add_file(sub, "--config", default="config.yaml", metavar="FILE", help=f"whole config: {what}")
    _overlays(sub)


def _budget(sub):
    sub.add_argument("family", help="mlp1..mlp5, cnn1..cnn4")
    sub.add_argument("budget", help="316k, 3.16M, 10M")
    sub.add_argument(
        "--filters", type=int, nargs="+", metavar="N", help="free widths in forward order; else mid-range"
    )
    sub.add_argument("--classes", type=int, default=10, metavar="N", help="number of classes (default 10)")
    _base_config(sub, "where width bounds come from (default config.yaml)")
    _json(sub)


def _augment(sub):
    add_file(sub, "--images", nargs="+", required=True, metavar="PATH", help="image files or folders")
    add_file(sub, "--out", required=True, metavar="PNG", help="file to write")
    sub.add_argument("--draws", type=int, default=8, metavar="N", help="augmentations an image (default 8)")
    sub.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the draws (default 0)")
    _base_config(sub, "section epochs has the constants (default config.yaml)")


def _schema(sub):
    sub.add_argument("--markdown", action="store_true", help="as a page for people: docs/config.md")
    add_file(
        sub,
        "--config",
        default="config.yaml",
        metavar="FILE",
        help="whose values --markdown shows (default config.yaml)",
    )


def _show(sub):
    add_file(sub, "table", help="CSV file of the results")


def _inspect(sub):
    add_file(sub, "file", help="HDF5 file, weights or JSON file of the pipeline")
    _json(sub)


def _verify(sub):
    add_file(sub, "files", nargs="+", metavar="file", help="files to check")
    add_folder(sub, "--against", metavar="RESULTS", help="results folder that they must belong to")


def _pack(sub):
    add_folder(sub, "--results", default="results", metavar="FOLDER", help="results folder (default results)")
    add_file(
        sub,
        "--out",
        default="targets.mimic.h5",
        metavar="FILE",
        help="file to write (default targets.mimic.h5)",
    )
    sub.add_argument("--recipes", action="store_true", help="with all recipes, not only their seed (larger)")


def _unpack(sub):
    add_file(sub, "pack", help="file made by `mimic pack`")
    add_folder(
        sub,
        "--results",
        default="results",
        metavar="FOLDER",
        help="the config's output folder (default results)",
    )


def _why(sub):
    add_file(sub, "targets", nargs="*", metavar="TARGET", help="files, folders or rules; default: all")
    _workflow(sub)
    _json(sub)


def _report(sub):
    _workflow(sub)
    add_file(
        sub, "--out", metavar="HTML", help="file to write (default report-so-far.html in the output folder)"
    )


def _status(sub):
    sub.epilog = (
        "Reads files only, on any machine that sees the folder, and asks no scheduler: on\n"
        "a cluster a job that waits for its turn is `queued`; why it waits, squeue says.\n\n"
    ) + sub.epilog
    _workflow(sub)
    sub.add_argument(
        "--watch",
        nargs="?",
        type=float,
        const=2.0,
        metavar="SECONDS",
        help="look again every so many seconds (default 2) until all is done or Ctrl-C",
    )
    sub.add_argument("--json", action="store_true", help="machine-readable; with --watch a line a look")


def _export_study(sub):
    sub.add_argument("study", metavar="STUDY", help="teachers, or a student study such as cnn2-10M")
    add_file(sub, "--sqlite", required=True, metavar="FILE", help="database to write, or to add the study to")
    add_folder(sub, "--results", metavar="FOLDER", help="results folder (default: the config's output)")
    add_file(sub, "--config", default="config.yaml", metavar="FILE", help="has the search's ranges")
    _overlays(sub)


def _export_scalars(sub):
    add_folder(sub, "--results", default="results", metavar="FOLDER", help="results folder (default results)")
    add_folder(sub, "--out", required=True, metavar="DIR", help="folder to write; must not exist")
    sub.add_argument("--study", nargs="+", metavar="STUDY", help="only these (default: all that there are)")


def _win(sub):
    sub.add_argument(
        "--student", required=True, metavar="MODULE:FUNCTION", help="gives the thin net; its code is run"
    )
    sub.add_argument("--teacher", required=True, metavar="MODULE:FUNCTION", help="gives the wide net")
    sub.add_argument(
        "--blocks",
        nargs="+",
        required=True,
        metavar="NAME",
        help="modules whose outputs are imitated, in order",
    )
    sub.add_argument(
        "--teacher-blocks",
        nargs="+",
        metavar="NAME",
        help="the teacher's, one for each (default: the same names)",
    )
    images = sub.add_mutually_exclusive_group(required=True)
    add_file(images, "--dataset", metavar="H5", help="images of 32x32: a data.h5 or dataset.h5")
    add_folder(images, "--images", metavar="FOLDER", help="train/CLASS/*, val/CLASS/* of any size")
    add_file(
        sub,
        "--teacher-weights",
        metavar="FILE",
        help="safetensors of a trained teacher (default: train it here)",
    )
    add_folder(sub, "--out", required=True, metavar="FOLDER", help="a folder for each stage is made in it")
    sub.add_argument(
        "--threads", type=whole_number(1), default=1, metavar="N", help="CPU threads (default 1)"
    )
    _base_config(sub, "section win has the schedules (default config.yaml)")


def _completion(sub):
    sub.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="whose completion")


ARGUMENTS = {
    "augment": _augment,
    "budget": _budget,
    "completion": _completion,
    "export-scalars": _export_scalars,
    "export-study": _export_study,
    "gpus": _json,
    "inspect": _inspect,
    "pack": _pack,
    "rehearse": add_rehearse,
    "report": _report,
    "schema": _schema,
    "show": _show,
    "status": _status,
    "unpack": _unpack,
    "verify": _verify,
    "why": _why,
    "win": _win,
}
