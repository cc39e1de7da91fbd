"""An error's one line ends with what to do: a command, a key or a flag."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from mimic.artifact import read_json, write_json
from mimic.cli import MAKE_AGAIN, MAKE_FIRST, InputError
from mimic.config.whole import load
from mimic.console.main import main
from mimic.data.check import check_source
from mimic.data.image_folder import read_image
from mimic.data.store import read_dataset
from mimic.models.weights import read_weights

ROOT = Path(__file__).parents[3]


def message(function, *arguments):
    with pytest.raises(InputError) as error:
        function(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("keys", "found", "wanted"),
    [
        (("sead",), "sead", "seed"),
        (("data", "n_trian"), "data.n_trian", "n_train"),
        (
            ("teachers", "search_space", "dropout_cnov1"),
            "teachers.search_space.dropout_cnov1",
            "dropout_conv1",
        ),
        (("teachers", "search_space", "momentum", "lo"), "teachers.search_space.momentum.lo", "low"),
        (("students", "hard_label", "serach"), "students.hard_label.serach", "search"),
    ],
)
def test_an_unknown_key_is_answered_with_its_neighbour(keys, found, wanted):
    values = yaml.safe_load((ROOT / "config.yaml").read_text())
    section = values
    for key in keys[:-1]:
        section = section[key]
    section[keys[-1]] = 1
    assert message(load, values) == f"config: {found}: unknown key; did you mean {wanted}?"


def test_an_unknown_key_without_a_neighbour_is_named_alone():
    values = yaml.safe_load((ROOT / "config.yaml").read_text()) | {"xyzzy": 1}
    assert message(load, values) == "config: xyzzy: unknown key"


@pytest.mark.parametrize(
    ("read", "name"), [(read_json, "m.json"), (read_dataset, "d.h5"), (read_weights, "w.safetensors")]
)
def test_a_missing_file_says_how_it_is_made(tmp_path, read, name):
    assert message(read, str(tmp_path / name)).endswith(MAKE_FIRST)


def test_a_damaged_file_says_how_it_is_made_again(tmp_path, dataset_path):
    write_json(tmp_path / "m.json", {"format": "mimic.trial", "trial": 1})
    text = (tmp_path / "m.json").read_text()
    (tmp_path / "m.json").write_text(text.replace('"trial": 1', '"trial": 2'))
    assert message(read_json, tmp_path / "m.json", "mimic.trial").endswith(MAKE_AGAIN)
    (tmp_path / "d.h5").write_bytes(Path(dataset_path).read_bytes()[:-1])
    assert message(read_dataset, tmp_path / "d.h5").endswith(MAKE_AGAIN)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["images"] = np.zeros(3)
    assert message(read_dataset, tmp_path / "other.h5").endswith(MAKE_AGAIN)


def test_images_that_cannot_be_used_say_what_to_set(tmp_path, monkeypatch):
    monkeypatch.delenv("NOWHERE", raising=False)
    values = yaml.safe_load((ROOT / "config.yaml").read_text())
    values["data"] |= {"source": "imagefolder", "path": "${NOWHERE}"}
    assert message(check_source, load(values).data).endswith("export NOWHERE=/path/to/images")
    values["data"]["path"] = str(tmp_path / "none")
    assert "set data.path" in message(check_source, load(values).data)
    (tmp_path / "a.png").write_bytes(b"no image")
    assert message(read_image, tmp_path / "a.png").endswith("replace it, or move it away")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status"], "run this beside the Snakefile, or name it (--snakefile"),
        (["status", "--directory", "none"], "--directory"),
        (["why", "--configfile", "none.yaml"], "presets are workflow/presets/*.yaml"),
        (["why", "--directory", "none"], "give the run's by --directory"),
        (["why", "--configfile", "table.csv"], "write targets before it"),
        (["pack", "--results", "none"], "by --results"),
        (["pack", "--results", ".", "--out", "table.csv"], "give another name by --out"),
        (["pack", "--results", "."], "make it first: snakemake --cores all data/dataset.h5"),
        (["verify", "table.csv", "--against", "none"], "give the config's `output`"),
        (["budget", "cnn2", "1M"], "give --filters, or --config with the width bounds"),
    ],
)
def test_commands_end_with_what_to_do(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text("a,b\n1,2\n")
    assert main(arguments) == 1
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1
