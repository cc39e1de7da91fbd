"""A CSV table in the terminal."""

import io

import pytest
from rich.console import Console

from mimic.cli import InputError
from mimic.report.show import show_table


def shown(path, **options):
    stream = io.StringIO()
    show_table(path, Console(file=stream, **options))
    return stream.getvalue()


def test_numbers_are_aligned_to_the_right_and_empty_cells_do_not_hinder(tmp_path):
    path = tmp_path / "table2.csv"
    path.write_text('model,1M,10M\n"Bottleneck, 1 hidden layer",65.80,\n2 hidden layers,6.20,73.40\n')
    lines = [line.rstrip() for line in shown(path).splitlines()]
    assert "  Bottleneck, 1 hidden layer   65.80" in lines
    assert "  2 hidden layers               6.20   73.40" in lines


def test_outside_a_terminal_no_cell_is_cut_or_wrapped(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text(f"a,b\n{'x' * 300},{'y' * 300}\n")
    assert any("x" * 300 in line and "y" * 300 in line for line in shown(path, width=80).splitlines())


def test_in_a_narrow_terminal_cells_fold_and_lose_nothing(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text(f"a\n{'x' * 300}\n")
    text = shown(path, width=40, force_terminal=True, color_system=None)
    assert text.count("x") == 300
    assert max(map(len, text.splitlines())) <= 40


def test_columns_that_do_not_fit_come_below_after_those_that_tell_the_rows_apart(tmp_path):
    path = tmp_path / "table2.csv"
    path.write_text("name,low,high,first_number,second_number\na,0,1,0.12345,\na,1,inf,,0.6789\n")
    text = shown(path, width=40, force_terminal=True, color_system=None)
    lines = [line.split() for line in text.splitlines() if line.strip(" ─")]
    assert lines[-6:] == [
        ["name", "low", "high", "first_number"],
        *(["a", "0", "1", "0.12345"], ["a", "1", "inf"]),
        ["name", "low", "second_number"],
        *(["a", "0"], ["a", "1", "0.6789"]),
    ]
    wide = shown(path, width=80, force_terminal=True, color_system=None)
    assert wide.count("name") == 1


def test_a_cell_cannot_command_the_terminal_or_the_markup(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('a\n"[red]\x1b[31m\x07two\nlines"\n')
    assert "[red][31mtwo lines" in shown(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected a header line"),
        (b"a,b\n1\n", "row 2: expected 2 cells, found 1"),
        (b"\x89PNG\xff", "not a CSV table"),
        (None, "no such file"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(tmp_path, content, said):
    path = tmp_path / "t.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as error:
        show_table(path)
    assert str(error.value).startswith(str(path))
    assert said in str(error.value)
