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

NUMBER = re.compile(r"[-+]?(\d+(\.\d+)?([eE][-+]?\d+)?|inf)")


def show_table(path, console=None):
    """Print a CSV table with aligned columns, numbers to the right.

    Parameters
    ----------
    path : path
        CSV with a header line, UTF-8.
    console : rich Console, optional
        Where to print; standard output by default. In a terminal that is too narrow some columns come below
        the others, and cells that are longer wrap; elsewhere no line does.

    Raises
    ------
    InputError
        If the file is not there, is no CSV table, or a row has more or fewer cells than the header.
    """
    header, rows = _read(Path(path))
    console = console or Console()
    title = Text(strip_control_codes(str(path)))
    if not console.is_terminal:
        console.width = max(console.width, _width(console, _table(header, rows, title)))
    for part in _parts(console, header, rows):
        columns = [[row[index] for index in part] for row in (header, *rows)]
        console.print(_table(columns[0], columns[1:], title))
        title = None


def _parts(console, header, rows):
    """Columns that are printed at once so that they fit, each time after those that tell rows apart."""
    every = list(range(len(header)))
    widths = [_width(console, _table([header[i]], [[row[i]] for row in rows])) for i in every]
    n_keys = next((n for n in every[1:] if len({tuple(row[:n]) for row in rows}) == len(rows)), len(header))
    parts, room = [every[:n_keys]], console.width - sum(widths[:n_keys])
    for index in every[n_keys:]:
        if sum(widths[i] for i in parts[-1][n_keys:]) + widths[index] > room and len(parts[-1]) > n_keys:
            parts.append(every[:n_keys])
        parts[-1].append(index)
    return parts


def _width(console, table):
    return Measurement.get(console, console.options.update(max_width=10**6), table).maximum


def _table(header, rows, title=None):
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left")
    for index, name in enumerate(header):
        cells = [row[index] for row in rows if row[index]]
        right = bool(cells) and all(NUMBER.fullmatch(cell) for cell in cells)
        table.add_column(_text(name), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_text, row))
    return table


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
