"""Shards of images are jobs like others, as soon as it is known how many there are."""

from pathlib import Path

import pytest
from tests.image_folders import write_folder
from tests.unit.win.folder_files import cache

from mimic.console.overlays import merged_config
from mimic.status.image_shards import shard_jobs
from mimic.status.jobs import Plan
from mimic.status.papers import JOBS, with_papers
from mimic.status.states import Files

ROOT = Path(__file__).parents[3]


@pytest.fixture
def config(tmp_path):
    """Function that reads the config with other keys of section win."""

    def make(source="imagenet", **folder):
        overlay = tmp_path / "overlay.yaml"
        folder = {"cache_size": 48, "images_per_shard": 7, **folder}
        keys = ", ".join(f"{key}: {str(value).lower()}" for key, value in folder.items())
        small = "n_train: 10, n_test: 10, path: null" if source == "shapes" else "path: images"
        overlay.write_text(f"output: out\nwin: {{data: {{source: {source}, {small}}}, folder: {{{keys}}}}}\n")
        return merged_config([str(ROOT / "config.yaml"), str(overlay)])

    return make


def test_shards_are_known_once_the_first_of_a_part_is_there(config, tmp_path):
    settings, place = config(), tmp_path / "out/win/images/0123456789abcdef-48-7"
    assert shard_jobs(settings, Files(tmp_path)) == []
    cache(write_folder(tmp_path / "images"), place)
    (place / "train-00003.h5").unlink()
    files = Files(tmp_path)
    jobs = {job.name: files.has(job.outputs[0]) for job in shard_jobs(settings, files)}
    assert jobs == {
        **dict.fromkeys(["train-00000", "train-00001", "train-00002"], True),
        "train-00003": False,
        **dict.fromkeys(["val-00000", "val-00001"], True),
    }
    assert [job.rule for job in with_papers(Plan([], []), settings, files).jobs][5:7] == [
        "cache_images",
        "train_vanilla",
    ]
    assert shard_jobs(settings, files)[0].log == (
        "out/logs/cache_images/0123456789abcdef-48-7-train-00000.log"
    )
    (place / "train-00000.h5").write_bytes(b"damaged")
    assert [job.name for job in shard_jobs(settings, Files(tmp_path))] == ["val-00000", "val-00001"]
    for other in (config(cached=False), config(cache_size=40), config("shapes")):
        assert shard_jobs(other, Files(tmp_path)) == []


@pytest.mark.parametrize(("source", "n"), [("imagenet", 0), ("shapes", 1)])
def test_a_dataset_is_prepared_of_a_small_source_alone(config, source, n):
    assert sum(job.rule == "prepare_win_dataset" for job in JOBS["win"](config(source))) == n
