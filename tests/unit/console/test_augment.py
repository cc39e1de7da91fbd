from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mimic.console.main import main

CONFIG = str(Path(__file__).parents[3] / "config.yaml")


@pytest.fixture
def photos(tmp_path):
    """A folder with two images, one of them in a sub-folder."""
    folder = tmp_path / "photos"
    (folder / "cats").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "b.png")
    Image.fromarray(pixels[::-1].copy()).save(folder / "cats" / "a.jpg")
    return folder


def run(*arguments):
    return main(["augment", *map(str, arguments), "--config", CONFIG])


def test_a_sheet_is_a_png_with_a_row_an_image(photos, tmp_path, capsys):
    out = tmp_path / "sheets" / "sheet.png"
    assert run("--images", photos, "--out", out, "--draws", 3) == 0
    assert "2 images, 3 draws each" in capsys.readouterr().out
    with Image.open(out) as sheet:
        assert sheet.format == "PNG"
        both = sheet.size
    assert run("--images", photos / "b.png", "--out", out, "--draws", 3) == 0
    with Image.open(out) as sheet:
        assert sheet.size[0] == both[0]
        assert sheet.size[1] < both[1]


def test_a_seed_gives_the_same_sheet_and_another_seed_another(photos, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run("--images", photos, "--out", tmp_path / f"{name}.png", "--seed", seed) == 0
    first, same, other = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert first == same
    assert first != other


def refusal(capsys, *arguments):
    assert run(*arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def test_mistakes_are_one_line_and_overwrite_nothing(photos, tmp_path, capsys):
    out = tmp_path / "sheet.png"
    out.write_text("old")
    (tmp_path / "empty").mkdir()
    (photos / "broken.png").write_text("no image")
    for arguments, expected in (
        (["--images", tmp_path / "none", "--out", out], "none: no such file or folder"),
        (["--images", tmp_path / "empty", "--out", out], "no images"),
        (["--images", photos / "broken.png", "--out", out], "broken.png"),
        (["--images", photos, "--out", out], "broken.png"),
        (["--images", photos, "--out", out, "--draws", 0], "--draws: expected 1 to 100, got 0"),
        (["--images", photos, "--out", out, "--draws", 101], "--draws: expected 1 to 100, got 101"),
        (["--images", photos, "--out", tmp_path / "sheet.jpg"], "--out: expected a name that ends in .png"),
        (["--images", photos, "--out", tmp_path / "sheet"], "--out: expected a name that ends in .png"),
    ):
        assert expected in refusal(capsys, *arguments)
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "photos", "sheet.png"]


def test_a_folder_in_the_place_of_the_sheet_is_one_line(photos, tmp_path, capsys):
    (tmp_path / "sheet.png").mkdir()
    refusal(capsys, "--images", photos, "--out", tmp_path / "sheet.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "sheet.png"]


def test_a_missing_config_is_named(photos, tmp_path, capsys):
    out = tmp_path / "sheet.png"
    assert main(["augment", "--images", str(photos), "--out", str(out), "--config", "none.yaml"]) == 1
    assert "none.yaml: no such file; give --config" in capsys.readouterr().err
    assert not out.exists()


def test_many_images_are_sampled_over_the_whole_folder(tmp_path, capsys):
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(30):
        Image.fromarray(np.full((8, 8, 3), i, np.uint8)).save(folder / f"{i:02}.png")
    assert run("--images", folder, "--out", tmp_path / "sheet.png", "--draws", 1) == 0
    assert "12 images" in capsys.readouterr().out
