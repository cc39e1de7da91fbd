"""What a user can get wrong ends in one clear line before any job starts, without a traceback."""

import pytest

from tests.workflow.conftest import overlay_of


def one_error_line(run):
    """The error of a run that must have failed; fails itself where there was none, or more than one."""
    assert run.returncode != 0
    output = run.stdout + run.stderr
    assert "Traceback" not in output
    assert "localrule" not in output
    assert "Select jobs to execute" not in output
    lines = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, output
    return lines[0]


@pytest.mark.parametrize(
    ("overlay", "said"),
    [
        ({"sead": 1}, ["sead", "unknown key"]),
        ({"students": {"budget": ["1M"]}}, ["students.budget", "unknown key"]),
        ({"seed": "one"}, ["seed", "integer", "'one'"]),
        ({"data": {"n_train": -5}}, ["data.n_train", "greater than or equal to 1", "-5"]),
        ({"epochs": {"crop": {"mirror_probability": 1.5}}}, ["mirror_probability", "1.5"]),
        ({"epochs": {"store": "jpeg"}}, ["epochs.store", "'pixels' or 'recipe'", "'jpeg'"]),
        ({"students": {"budgets": ["12"]}}, ["students.budgets", "316k, 3.16M or 10M"]),
        ({"students": {"families": ["cnn9"]}}, ["students.families", "cnn9"]),
        ({"students": {"budgets": ["0.1k"]}}, ["mlp1-0.1k", "100", "parameters"]),
        (
            {"teachers": {"search_space": {"momentum": {"low": 0.95}}}},
            ["teachers.search_space.momentum", "low 0.95 exceeds high 0.91"],
        ),
        ({"ensemble": {"n_members": 130}}, ["ensemble.n_members", "130", "129"]),
        ({"data": {"n_train": 45_000}}, ["45000", "10000", "50000"]),
        ({"data": {"n_test": 10_001}}, ["10001", "10000"]),
        ({"data": {"source": "imagefolder", "path": "nowhere"}}, ["data.path", "nowhere"]),
        ({"data": {"source": "imagefolder", "path": "${MIMIC_IMAGES}"}}, ["data.path", "MIMIC_IMAGES"]),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_a_wrong_config_is_refused_in_one_line(snakemake, overlay, said):
    line = one_error_line(snakemake("-n", overlay=overlay)).replace(",", "").replace("_000", "000")
    for words in said:
        assert words.replace(",", "") in line


def test_an_image_folder_in_order_is_planned(snakemake, image_folder):
    run = snakemake("-n", overlay=overlay_of(image_folder))
    assert run.returncode == 0, run.stderr


def test_a_class_that_is_missing_in_test_is_named(snakemake, image_folder):
    for file in (image_folder / "test" / "dog").iterdir():
        file.unlink()
    (image_folder / "test" / "dog").rmdir()
    line = one_error_line(snakemake("-n", overlay=overlay_of(image_folder)))
    assert "dog" in line
    assert "test" in line


def test_an_unreadable_image_is_named(snakemake, image_folder):
    whole = (image_folder / "train" / "cat" / "2.png").read_bytes()
    (image_folder / "train" / "cat" / "2.png").write_bytes(whole[: len(whole) // 2])
    assert "train/cat/2.png" in one_error_line(snakemake("-n", overlay=overlay_of(image_folder)))


def test_a_folder_without_images_is_named(snakemake, tmp_path):
    (tmp_path / "empty" / "train").mkdir(parents=True)
    (tmp_path / "empty" / "test").mkdir()
    assert "no images" in one_error_line(snakemake("-n", overlay=overlay_of(tmp_path / "empty")))


def test_more_images_than_there_are_is_refused_with_both_numbers(snakemake, image_folder):
    line = one_error_line(snakemake("-n", overlay=overlay_of(image_folder, n_train=7)))
    assert "7 + 2 = 9" in line  # wanted
    assert "8" in line.replace("7 + 2 = 9", "")  # found


def test_missing_images_stop_a_real_run_that_may_not_download(snakemake):
    run = snakemake("--cores", "1", overlay={"data": {"download": False}})
    line = one_error_line(run)
    assert "cifar-10-batches-py" in line
    assert "download" in line


def test_a_single_class_is_refused(snakemake, image_folder):
    for part in ("train", "test"):
        for file in (image_folder / part / "dog").iterdir():
            file.unlink()
        (image_folder / part / "dog").rmdir()
    assert "at least two classes" in one_error_line(snakemake("-n", overlay=overlay_of(image_folder)))


def test_a_later_mistake_leaves_the_dataset_alone(snakemake, image_folder, tmp_path):
    """Snakemake deletes a job's outputs before it runs, so the mistake must be found before."""
    target = "results/data/dataset.h5"
    good = overlay_of(image_folder)
    assert snakemake("--cores", "1", target, overlay=good).returncode == 0
    before = (tmp_path / target).read_bytes()
    for bad in (
        overlay_of(image_folder, n_train=600),
        {"data": {"source": "cifar10", "path": "nowhere", "download": False}},
    ):
        one_error_line(snakemake("--cores", "1", target, overlay=bad))
        assert (tmp_path / target).read_bytes() == before
    run = snakemake("--cores", "1", target, overlay=good)
    assert "Nothing to be done" in run.stderr
