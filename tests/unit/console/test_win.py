import sys

import numpy as np
import pytest
import safetensors.torch
import torch
import yaml
from tests.image_folders import write_folder
from tests.unit.win.nets_of_others import Blocks

from mimic.console.main import main
from mimic.data.store import make_dataset, write_dataset
from mimic.win.store import read_metrics

NETS = """
from tests.unit.win.nets_of_others import Blocks, Residual
thin = lambda: Blocks(4)
wide = lambda: Blocks(8)
skipping = lambda: Residual(4)
other = lambda: Blocks(4, n_classes=5)
nothing = lambda: 3
def raising(): raise ValueError("no such\\nlayer")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with nets, images and settings of a user's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_nets", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "own_nets.py").write_text(NETS)
    generator = np.random.default_rng(0)
    images, labels, rows = {}, {}, {}
    for split, n in (("train", 48), ("validation", 0), ("test", 20)):
        labels[split] = generator.integers(0, 3, n)
        images[split] = generator.integers(0, 60, (n, 3, 32, 32)).astype(np.uint8)
        images[split][np.arange(n), labels[split]] += 150
        rows[split] = np.arange(n)
    write_dataset("data.h5", make_dataset(images, labels, ("a", "b", "c"), rows), {})
    epochs = {"n_epochs": 1}
    overlay = {
        "win": {
            "training": {"batch_size": 16, "precision": "float32"},
            "classifier": "student",
        }
    }
    overlay["win"] |= {"train_wide": epochs, "imitate_block": epochs, "finetune": epochs}
    (tmp_path / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    return tmp_path


def run(pytestconfig, *words, student="own_nets:thin", teacher="own_nets:wide", blocks=("one", "two")):
    config = pytestconfig.rootpath / "config.yaml"
    arguments = [
        "win",
        "--student",
        student,
        "--teacher",
        teacher,
        "--blocks",
        *blocks,
        "--dataset",
        "data.h5",
    ]
    return main([*arguments, "--out", "out", "--config", str(config), "--configfile", "overlay.yaml", *words])


def test_a_thin_net_of_ones_own_is_trained_and_merged(folder, pytestconfig, capsys):
    assert run(pytestconfig) == 0
    state = safetensors.torch.load_file(folder / "out/merged/weights.safetensors")
    net = Blocks(4)
    net.load_state_dict(state)
    metrics = read_metrics("out/merged/metrics.json")
    assert metrics["n_parameters"] == sum(p.numel() for p in net.parameters())
    assert capsys.readouterr().out.startswith("out/merged/weights.safetensors: ")
    folders = {path.name for path in (folder / "out").iterdir()}
    assert folders == {"teacher", "block1", "block2", "finetuned", "merged"}
    first = {path: path.read_bytes() for path in (folder / "out").rglob("*.safetensors")}
    assert run(pytestconfig) == 0
    assert "block2: done before" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in (folder / "out").rglob("*.safetensors")} == first


def test_images_of_any_size_are_taken_from_a_folder(folder, pytestconfig, capsys):
    write_folder(folder / "photos")
    text = (folder / "overlay.yaml").read_text()
    (folder / "overlay.yaml").write_text(text + "\n  folder: {image_size: 32, test_size: 36}\n")
    config = pytestconfig.rootpath / "config.yaml"
    words = ["win", "--student", "own_nets:thin", "--teacher", "own_nets:wide", "--blocks", "one", "two"]
    words += ["--images", "photos", "--out", "out", "--config", str(config), "--configfile", "overlay.yaml"]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("out/merged/weights.safetensors: ")


def test_a_trained_teacher_is_taken_as_it_is(folder, pytestconfig):
    torch.manual_seed(0)
    safetensors.torch.save_file(Blocks(8).state_dict(), "teacher.safetensors")
    assert run(pytestconfig, "--teacher-weights", "teacher.safetensors") == 0
    assert not (folder / "out/teacher").exists()
    assert (folder / "out/merged/weights.safetensors").exists()


def test_the_last_layer_is_that_of_the_trained_teacher(folder, pytestconfig):
    text = (folder / "overlay.yaml").read_text()
    (folder / "overlay.yaml").write_text(text.replace("classifier: student", "classifier: teacher"))
    assert run(pytestconfig) == 0
    wide, block = (
        safetensors.torch.load_file(folder / f"out/{name}/weights.safetensors")
        for name in ("teacher", "block1")
    )
    assert torch.equal(block["segments.2.head.weight"], wide["head.weight"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"student": "own_nets"}, "--student: expected module:function, got 'own_nets'"),
        ({"student": "missing:thin"}, "missing:thin: no module 'missing' here or among the packages"),
        ({"student": "own_nets:thick"}, "own_nets:thick: own_nets has no function 'thick'"),
        ({"student": "own_nets:raising"}, "own_nets:raising: ended in ValueError: no such layer"),
        ({"student": "own_nets:nothing"}, "own_nets:nothing: expected a torch.nn.Module, got int"),
        (
            {"student": "own_nets:other"},
            "--student own_nets:other: expected outputs (n, 3), a logit a class, got ('n', 5)",
        ),
        (
            {"student": "own_nets:skipping"},
            "student: the pair after one cannot be merged: an identity skip (add) across",
        ),
        (
            {"blocks": ("one", "three")},
            "student: no module 'three' in Blocks; it has one, after, two, pool, head",
        ),
    ],
)
def test_nets_that_do_not_fit_are_refused_in_one_line_and_nothing_is_written(
    folder, pytestconfig, capsys, options, said
):
    assert run(pytestconfig, **options) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert not (folder / "out").exists()


def test_other_settings_do_not_go_on_with_the_files_of_the_first(folder, pytestconfig, capsys):
    assert run(pytestconfig) == 0
    text = (folder / "overlay.yaml").read_text()
    (folder / "overlay.yaml").write_text(text.replace("batch_size: 16", "batch_size: 8"))
    assert run(pytestconfig) == 1
    assert "out/teacher: made with other settings, nets or images" in capsys.readouterr().err


def test_another_net_of_the_same_name_does_not_go_on_with_the_files_of_the_first(
    folder, pytestconfig, capsys
):
    assert run(pytestconfig) == 0
    (folder / "own_nets.py").write_text(NETS + "\n# another activation\n")
    assert run(pytestconfig) == 1
    assert "out/teacher: made with other settings, nets or images" in capsys.readouterr().err
