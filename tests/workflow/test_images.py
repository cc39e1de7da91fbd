"""What of an image folder prepares the dataset again: its images, not where or how old they are."""

import os

import pytest
from PIL import Image

from tests.workflow.conftest import overlay_of, planned_jobs
from tests.workflow.test_bad_input import one_error_line

TARGET = "results/data/dataset.h5"


@pytest.fixture
def prepared(snakemake, image_folder):
    """The image folder; its dataset is prepared."""
    run = snakemake("--cores", "1", TARGET, overlay=overlay_of(image_folder))
    assert run.returncode == 0, run.stderr
    return image_folder


def says_nothing_to_do(run):
    return run.returncode == 0 and "Nothing to be done" in run.stdout + run.stderr


def test_an_image_edited_in_place_is_noticed(snakemake, prepared):
    assert says_nothing_to_do(snakemake("-n", TARGET, overlay=overlay_of(prepared)))
    Image.new("RGB", (40, 30), (9, 9, 9)).save(prepared / "train" / "cat" / "2.png")
    run = snakemake("-n", TARGET, overlay=overlay_of(prepared))
    assert planned_jobs(run.stdout) == {"prepare_dataset": 1, "total": 1}
    assert says_nothing_to_do(snakemake("--cores", "1", TARGET, overlay=overlay_of(prepared))) is False
    assert says_nothing_to_do(snakemake("-n", TARGET, overlay=overlay_of(prepared)))


def test_an_image_broken_in_place_is_refused_before_the_old_dataset_is_deleted(snakemake, prepared, tmp_path):
    (prepared / "train" / "cat" / "2.png").write_bytes(b"broken")
    line = one_error_line(snakemake("--cores", "1", TARGET, overlay=overlay_of(prepared)))
    assert "train/cat/2.png" in line
    assert (tmp_path / TARGET).exists()


def test_images_that_were_moved_and_touched_prepare_nothing_again(snakemake, prepared):
    moved = prepared.rename(prepared.with_name("moved"))
    for path in moved.rglob("*.png"):
        os.utime(path)
    assert says_nothing_to_do(snakemake("-n", TARGET, overlay=overlay_of(moved)))
    assert says_nothing_to_do(snakemake("-n", TARGET, overlay=overlay_of(moved, download=True)))


def test_an_upgraded_package_reruns_nothing_and_shares_nothing(snakemake, prepared, tmp_path):
    cache = {"SNAKEMAKE_OUTPUT_CACHE": str(tmp_path / "cache")}
    (tmp_path / "cache").mkdir()
    forced = ("--cores", "1", "--force", TARGET, "--cache")
    run = snakemake(*forced, overlay=overlay_of(prepared), **cache)
    assert run.returncode == 0, run.stderr
    assert len(list((tmp_path / "cache").iterdir())) == 1
    (tmp_path / "newer" / "optuna-99.dist-info").mkdir(parents=True)
    (tmp_path / "newer" / "optuna-99.dist-info" / "METADATA").write_text("Name: optuna\nVersion: 99\n")
    newer = {"PYTHONPATH": f"{tmp_path / 'newer'}:{os.environ.get('PYTHONPATH', '')}"}
    assert says_nothing_to_do(snakemake("-n", TARGET, overlay=overlay_of(prepared), **newer))
    for variables, place in ((cache, "obtained from"), (cache | newer, "written to")):
        run = snakemake("-n", "--force", TARGET, "--cache", overlay=overlay_of(prepared), **variables)
        assert f"{TARGET} will be {place} global" in run.stdout + run.stderr
