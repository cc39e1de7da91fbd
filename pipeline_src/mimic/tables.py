"""CSV tables: written whole, read with a check of their columns."""

import csv
from pathlib import Path

from mimic.artifact import write_text
from mimic.cli import InputError

MAX_BYTES = 2**28


def write_csv(path, frame):
    """Write a frame, whole or not at all: no index, empty cells for what is missing, exact floats."""
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def read_rows(path):
    """Cells of a CSV table.

    Parameters
    ----------
    path : path
        UTF-8, with a header line.

    Returns
    -------
    header : list of str
    rows : list of (int, list of str)
        Line number in the file, and as many cells as the header has.

    Raises
    ------
    InputError
        If the file is too large, is no CSV table, or a row has more or fewer cells than the header.
    """
    if Path(path).stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: expected a table of at most {MAX_BYTES:,} bytes")
    try:
        with open(path, encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file: {error}") from None
    for line, row in rows:
        if len(row) != len(header):
            raise InputError(f"{path} line {line}: expected {len(header)} cells, found {len(row)}")
    return header, rows
