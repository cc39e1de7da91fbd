"""The third paper's step on a folder like ImageNet: what is planned, and what is refused before any job."""

import shutil

import pytest

from tests.image_folders import write_folder
from tests.workflow.conftest import planned_jobs
from tests.workflow.test_bad_input import one_error_line

TABLE = "results/win/table2.csv"
#: A net with one teacher, and one with each method.
TRAININGS = {
    "train_wide": 1,
    "train_vanilla": 1,
    "train_kd": 1,
    "imitate_block": 4,
    "finetune": 1,
    "merge": 1,
    "tabulate_methods": 1,
}


def overlay_of(folder, **reading):
    """Overlay of a folder: 24 training and 9 test images."""
    sizes = {"image_size": 32, "test_size": 40, "cache_size": 48, "images_per_shard": 10}
    return {
        "win": {
            "data": {"source": "imagenet", "path": str(folder)},
            "folder": {**sizes, **reading},
            "nets": {"depth": [14], "divide": [16]},
            "widen": [2],
        }
    }


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "images")


def jobs_of(run):
    assert run.returncode == 0, run.stderr
    jobs = planned_jobs(run.stdout)
    jobs.pop("total")
    return jobs


def test_cached_images_are_a_job_a_shard(snakemake, folder):
    assert jobs_of(snakemake("-n", TABLE, overlay=overlay_of(folder))) == {"cache_images": 3 + 1, **TRAININGS}


def test_images_that_are_not_cached_are_no_job(snakemake, folder):
    assert jobs_of(snakemake("-n", TABLE, overlay=overlay_of(folder, cached=False))) == TRAININGS


def test_runs_share_shards_in_a_folder_of_their_own(snakemake, folder, tmp_path):
    shared = tmp_path / "shared shards"
    overlay = overlay_of(folder, cache_folder="${SHARDS}")
    run = snakemake("-n", TABLE, overlay=overlay, SHARDS=str(shared))
    assert jobs_of(run)["cache_images"] == 4
    assert f"output: {shared}/" in run.stdout
    run = snakemake(TABLE, "--cores", "2", "--until", "cache_images", overlay=overlay, SHARDS=str(shared))
    assert run.returncode == 0, run.stdout + run.stderr
    assert sorted(path.name for path in shared.rglob("*.h5")) == [
        *(f"train-0000{number}.h5" for number in range(3)),
        "val-00000.h5",
    ]
    other = {**overlay, "output": "results/other"}
    run = snakemake("-n", "results/other/win/table2.csv", overlay=other, SHARDS=str(shared))
    assert jobs_of(run) == TRAININGS


def test_classes_are_those_of_the_folder_and_the_papers_where_it_is_not_there(snakemake, folder, tmp_path):
    table = "results/win/table1.csv"
    run = snakemake("-n", "-p", table, overlay=overlay_of(folder))
    assert "--n-classes 3 --image-size 32" in run.stdout
    run = snakemake("-n", "-p", table, overlay=overlay_of("${IMAGENET_IS_NOT_SET}"))
    assert "--n-classes 1000 --image-size 32" in run.stdout
    run = snakemake("-n", "-p", table, overlay=overlay_of(tmp_path / "nowhere"))
    assert "--n-classes 1000 --image-size 32" in run.stdout


def test_an_image_more_is_cached_anew_and_a_moved_folder_does_not(snakemake, folder, tmp_path):
    overlay = overlay_of(folder)
    target = TABLE, "--until", "cache_images"
    assert snakemake(*target, "--cores", "2", overlay=overlay).returncode == 0
    moved = folder.rename(tmp_path / "moved")
    assert jobs_of(snakemake(*target, "-n", overlay=overlay_of(moved))) == {}
    shutil.copy(moved / "train/n01/n01_0.JPEG", moved / "train/n01/n01_00.JPEG")
    assert jobs_of(snakemake(*target, "-n", overlay=overlay_of(moved))) == {"cache_images": 4}


def spoilt(folder, what):
    if what == "no folder":
        shutil.rmtree(folder)
    elif what == "no val":
        shutil.rmtree(folder / "val")
    elif what == "no class in val":
        shutil.rmtree(folder / "val" / "n02")
    else:
        for path in (folder / "train" / "n03").iterdir():
            path.rename(path.with_suffix(".txt"))


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("no folder", ["win.data.path: no such folder", "images"]),
        ("no val", ["win.data.path: expected", "val/CLASS/*"]),
        ("no class in val", ["val: class 'n02' is missing", "train"]),
        ("no images", ["train/n03: no images among 8 files such as 'n03_0.txt'"]),
    ],
)
def test_a_bad_folder_is_refused_in_one_line(snakemake, folder, what, said, cached):
    spoilt(folder, what)
    line = one_error_line(snakemake("-n", TABLE, overlay=overlay_of(folder, cached=cached)))
    for words in said:
        assert words in line


@pytest.mark.parametrize(
    ("overlay", "said"),
    [
        (overlay_of("${IMAGENET_IS_NOT_SET}"), "environment variable IMAGENET_IS_NOT_SET, it is not set"),
        (overlay_of("nowhere", test_size=31), "test_size"),
    ],
    ids=["variable", "size"],
)
def test_a_wrong_config_of_a_folder_is_refused_in_one_line(snakemake, overlay, said):
    assert said in one_error_line(snakemake("-n", TABLE, overlay=overlay))


def test_a_cache_folder_whose_variable_is_not_set_is_refused_where_it_is_needed(snakemake, folder):
    overlay = overlay_of(folder, cache_folder="${SHARDS_ARE_NOT_SET}")
    assert "export SHARDS_ARE_NOT_SET=/path/to/shards" in one_error_line(
        snakemake("-n", TABLE, overlay=overlay)
    )
    assert snakemake("-n", "results/win/table1.csv", overlay=overlay).returncode == 0


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("results/win/data.h5", "expected a small source (win.data.source), got imagenet"),
        ("results/win/images/0123456789abcdef-48-10/train-00000.h5", "expected "),
    ],
)
def test_files_that_these_images_do_not_give_are_refused_in_one_line(snakemake, folder, target, said):
    assert said in one_error_line(snakemake("-n", target, overlay=overlay_of(folder)))


def test_an_undecodable_image_is_named_by_its_job(snakemake, folder, tmp_path):
    (folder / "val" / "n02" / "n02_1.JPEG").write_bytes(b"\xff\xd8 broken")
    run = snakemake(TABLE, "--cores", "2", "--until", "cache_images", overlay=overlay_of(folder))
    assert run.returncode != 0
    (log,) = (tmp_path / "results/logs/cache_images").glob("*-val-00000.log")
    assert "val/n02/n02_1.JPEG: not a readable image" in log.read_text().splitlines()[-1]
