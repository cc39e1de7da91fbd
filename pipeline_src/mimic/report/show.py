"""A CSV table in the terminal."""

import csv
import re
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.control import strip_control_codes
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mimic.cli import InputError

NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")


def show_table(path, console=None):
    """Print a CSV table with aligned columns, numbers to the right.

    Parameters
    ----------
    path : path
        CSV with a header line, UTF-8.
    console : rich Console, optional
        Where to print; standard output by default. In a terminal long cells wrap; elsewhere no line does.

    Raises
    ------
    InputError
        If the file is not there, is no CSV table, or a row has more or fewer cells than the header.
    """
    header, rows = _read(Path(path))
    table = Table(title=Text(strip_control_codes(str(path))), box=SIMPLE_HEAD, title_justify="left")
    for index, name in enumerate(header):
        cells = [row[index] for row in rows if row[index]]
        right = bool(cells) and all(NUMBER.fullmatch(cell) for cell in cells)
        table.add_column(_text(name), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_text, row))
    console = console or Console()
    if not console.is_terminal:
        unlimited = console.options.update(max_width=10**6)
        console.width = max(console.width, Measurement.get(console, unlimited, table).maximum)
    console.print(table)


def _text(cell):
    # A cell may come from anywhere: no markup, no terminal control codes, one line.
    return Text(strip_control_codes(cell.replace("\x1b", "")).replace("\n", " "))


def _read(path):
    if not path.is_file():
        raise InputError(f"{path}: no such file (expected a CSV table)")
    try:
        with open(path, encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            header, rows = next(reader, []), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV table: {error}") from None
    if not header:
        raise InputError(f"{path}: expected a header line, found none")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(f"{path}: row {number}: expected {len(header)} cells, found {len(row)}")
    return header, rows
