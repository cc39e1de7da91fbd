"""``mimic report``: the page about a run as it stands, whether or not it has finished."""

import sys
from pathlib import Path

from mimic.artifact import write_text
from mimic.cli import InputError
from mimic.console.overlays import read_config
from mimic.report.publish_report import page_of

#: Not the name of the workflow's own page, which Snakemake would take for an old one and make again.
NAME = "report-so-far.html"


def write_report(snakefile=None, directory=None, configfiles=(), out=None):
    """Write the page from the files that are there.

    Parameters
    ----------
    snakefile, directory : str, optional
        As Snakemake's options.
    configfiles : sequence of str
        Overlays.
    out : str, optional
        File to write; `NAME` in the config's output folder unless given.

    Raises
    ------
    InputError
        In one line, where there is no such folder, no config that can be read, or no result at all.
    """
    config = read_config(snakefile, configfiles)
    folder = Path(directory or ".", config.output)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected the results of a run, see mimic status")
    out = folder / NAME if out is None else Path(out)
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--out: expected a name that ends in .html, got {out}")
    if out.resolve() == (folder / "report.html").resolve():
        raise InputError(
            f"--out: {out} is the workflow's own; expected another name, such as {folder / NAME}"
        )
    text = page_of(folder, config, strict=False, on_problems=_say)
    write_text(out, text)
    print(f"{out}: {len(text.encode()) / 1e6:.1f} MB")


def _say(problems):
    some = "a file" if len(problems) == 1 else f"{len(problems)} files"
    print(
        f"note: {some} could not be read and left out, such as {problems[0]}; the page lists them",
        file=sys.stderr,
    )
