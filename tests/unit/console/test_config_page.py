from pathlib import Path

import pytest
import yaml

from mimic.console.config_page import comments_of, rows_of
from mimic.console.main import main
from mimic.console.schema import config_schema

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "config.yaml"


def rows():
    text = CONFIG.read_text()
    found = rows_of(config_schema(), yaml.safe_load(text), comments_of(text))
    return {row["key"]: row for row in found}


def leaves(values, path=()):
    """Keys of config.yaml down to values, ranges and tables of bounds."""
    for key, value in values.items():
        if key == "datasets":  # one model for all names
            value = {"NAME": next(iter(value.values()))}
        if isinstance(value, dict) and "low" not in value and key != "width_bounds":
            yield from leaves(value, (*path, key))
        else:
            yield ".".join((*path, key)), value


def test_the_page_in_the_docs_is_what_the_models_say(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(["schema", "--markdown"]) == 0
    assert capsys.readouterr().out == (ROOT / "docs" / "config.md").read_text(encoding="utf-8")


def test_every_key_has_its_value_a_meaning_and_a_source():
    found = rows()
    expected = dict(leaves(yaml.safe_load(CONFIG.read_text())))
    assert {key: row["value"] for key, row in found.items()} == expected
    assert [key for key, row in found.items() if not row["meaning"]] == []
    assert [key for key, row in found.items() if not row["type"]] == []
    without = [key for key, row in found.items() if not row["comment"]]
    assert without == []


@pytest.mark.parametrize(
    ("key", "kind", "comment"),
    [
        ("data.source", "cifar10, imagefolder, mnist, shapes", "cifar10 | mnist | imagefolder | shapes"),
        ("data.path", "text or null", "torchvision's root: data/cifar-10-batches-py/..."),
        ("teachers.search.trials", "whole number, >= 1", "2.7"),
        ("teachers.crop.crop_min", "whole number, >= 4, <= 32", "2.5"),
        ("students.training.stop_patience", "whole number, >= 1", "2.6"),
        ("students.weight_decay", "number, >= 0", "2.8: none for students"),
        (
            "teachers.search_space.momentum",
            "{low, high, scale: linear or log}: numbers, both >= 0 and < 1",
            "2.7 and 6.1",
        ),
        (
            "teachers.search_space.hidden_units",
            "{low, high}: whole numbers, 1 to 1,000,000",
            "2.7 and 6.1",
        ),
    ],
)
def test_types_and_sources_are_those_of_the_models_and_the_file(key, kind, comment):
    assert (rows()[key]["type"], rows()[key]["comment"]) == (kind, comment)


def test_nothing_in_a_cell_breaks_the_table(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    main(["schema", "--markdown"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in lines} == {6}
