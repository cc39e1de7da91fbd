"""CSV tables, against pandas."""

import pandas as pd
import pytest

from mimic import tables
from mimic.cli import InputError


def test_what_was_written_reads_back_with_its_line_numbers(tmp_path):
    frame = pd.DataFrame({"name": ["a,b", "c"], "value": [0.1 + 0.2, None]})
    tables.write_csv(tmp_path / "t.csv", frame)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv"), frame)
    assert tables.read_rows(tmp_path / "t.csv") == (
        ["name", "value"],
        [(2, ["a,b", "0.30000000000000004"]), (3, ["c", ""])],
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n3\n", "line 3: expected 2 cells, found 1"),
        (b"a,b\n1,2,3\n", "line 2: expected 2 cells, found 3"),
        (b'a\n"1"2\n', "not a CSV file"),
        (b"a\n\xff\n", "not a CSV file"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        tables.read_rows(tmp_path / "t.csv")
    assert "\n" not in str(caught.value)


def test_a_table_beyond_the_limit_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("a\n1\n")
    monkeypatch.setattr(tables, "MAX_BYTES", 3)
    with pytest.raises(InputError, match="at most 3 bytes"):
        tables.read_rows(tmp_path / "t.csv")
