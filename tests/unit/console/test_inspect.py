import json

import numpy as np
import pytest

from mimic.artifact import digest_file, write_json
from mimic.cli import InputError
from mimic.console.inspect import describe, show_file
from mimic.models.net import new_net
from mimic.models.student_mlp import mlp_architecture
from mimic.models.weights import write_weights
from mimic.sealing import write_sealed

PROVENANCE = {"stage": "record_logits", "seed": None, "versions": {"torch": "2.13.0"}}


@pytest.fixture
def sealed(tmp_path):
    path = tmp_path / "a.h5"
    arrays = {"logits": np.zeros((2, 5, 3), np.float16)}
    write_sealed(path, "mimic.logits", 2, {"members": [1], "provenance": PROVENANCE}, arrays, 1)
    return path


def test_a_sealed_file_is_described(sealed, capsys):
    facts = describe(sealed)
    assert (facts["format"], facts["version"], facts["bytes"]) == ("mimic.logits", 2, sealed.stat().st_size)
    assert facts["digest"] == sealed.read_bytes().splitlines()[0].split()[-1].decode()
    assert facts["arrays"]["logits"]["shape"] == [2, 5, 3]
    show_file(sealed, as_json=True)
    assert json.loads(capsys.readouterr().out) == facts
    show_file(sealed, as_json=False)
    text = capsys.readouterr().out
    assert "mimic.logits version 2" in text
    assert "logits: float16 (2, 5, 3)" in text
    assert "stage: record_logits" in text
    assert facts["digest"] in text


def test_weights_are_described_without_being_loaded(tmp_path):
    path = tmp_path / "weights.safetensors"
    write_weights(path, new_net(mlp_architecture([4], 3), 1.0, 0, 0.5))
    facts = describe(path)
    assert (facts["format"], facts["version"]) == ("mimic.weights", "2")
    assert facts["digest"] == digest_file(path)
    assert facts["attributes"]["input_scale"] == 0.5
    assert sum(int(np.prod(array["shape"])) for array in facts["arrays"].values()) == 3072 * 4 + 4 + 4 * 3 + 3


def test_json_is_described(tmp_path, capsys):
    write_json(tmp_path / "m.json", {"format": "mimic.ensemble", "members": list(range(200))})
    assert describe(tmp_path / "m.json")["attributes"]["members"][199] == 199
    show_file(tmp_path / "m.json", as_json=False)
    assert max(map(len, capsys.readouterr().out.splitlines())) < 250


@pytest.mark.parametrize("name", ["a.h5", "a.safetensors", "a.json", "a.txt"])
@pytest.mark.parametrize("content", [b"", b"nothing that we know", b"{" * 1000, b"\xff" * 100])
def test_what_is_no_file_of_ours_is_refused_in_a_line(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        describe(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="no such file"):
        describe(tmp_path / "none.h5")
