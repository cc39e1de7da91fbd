"""Two checkouts share Snakemake's between-workflow cache: each job is done once, and each gets its own."""

import json
import os
import re
import subprocess
from pathlib import Path

import h5py
import pytest

from mimic.artifact import write_text
from tests.e2e.conftest import SMALLEST, changed
from tests.workflow.conftest import command_of, run_snakemake

TABLE = "out/table2.csv"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def run(folder, cache, *arguments, overlay=SMALLEST):
    """A finished run that shares `cache`."""
    folder.mkdir(exist_ok=True)
    finished = run_snakemake(
        folder, *arguments, "--cache", overlay=overlay, SNAKEMAKE_OUTPUT_CACHE=str(cache)
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout + finished.stderr


def made_here(output):
    """Outputs of the jobs that a run did itself and gave to the cache."""
    return set(re.findall(r"Moving output file (\S+) to cache", output))


def links_of(folder):
    """Outputs that lie in the cache, by their place in the checkout."""
    return {
        str(path.relative_to(folder / "out")): Path(os.readlink(path))
        for path in (folder / "out").rglob("*")
        if path.is_symlink()
    }


@pytest.fixture(scope="module")
def first(tmp_path_factory, cache):
    """A checkout that filled the cache; nobody may write into it."""
    folder = tmp_path_factory.mktemp("first")
    made = made_here(run(folder, cache, TABLE, "--cores", "2"))
    assert {name.split("/")[1] for name in made} == {"data", "teachers", "epochs", "logits", "students"}
    return folder


def test_a_second_checkout_runs_nothing_that_is_cached_and_ends_with_the_same_table(first, cache, tmp_path):
    output = run(tmp_path, cache, TABLE, "--cores", "2")
    assert not made_here(output)
    assert not [path for path in (tmp_path / "out/logs/train_student").rglob("*.log") if path.stat().st_size]
    assert (tmp_path / TABLE).read_bytes() == (first / TABLE).read_bytes()
    assert links_of(tmp_path) == links_of(first)
    for again in (("--cores", "1"), ("-n",)):
        assert "Nothing to be done" in run(tmp_path, cache, TABLE, *again)


def test_no_two_outputs_share_a_file_and_each_is_what_its_name_says(first, cache):
    links = links_of(first)
    assert sorted(links.values()) == sorted(cache.iterdir())
    assert len(set(links.values())) == len(links)
    n_checked = 0
    for name, path in links.items():
        numbers = [int(number) for number in re.findall(r"\b(\d{2,3})\b", name)]
        study = name.split("/")[1] if name.startswith("students/") else "teachers"
        if path.suffix == ".json":
            content = json.loads(path.read_text())
            key = "trial" if name.endswith("metrics.json") else "round"
            assert [content["study"], content[key]] == [study, *numbers], name
        elif name.startswith("epochs/"):
            with h5py.File(path) as file:
                assert file["epoch"][()].tolist() == numbers, name
        elif name.startswith("logits/members/"):
            with h5py.File(path) as file:
                members = json.loads(file.attrs["members"])
            assert [member["trial"] for member in members] == numbers, name
        else:
            continue
        n_checked += 1
    assert n_checked == 2 + 2 + 2 + 2 + 2 + 2  # proposals, trials of teachers and students, epochs, members


def planned_places(output):
    """File -> whether the dry run takes it from the cache."""
    found = re.findall(r"Output file (\S+) will be (obtained from|written to) global", output)
    return {file: place == "obtained from" for file, place in found}


@pytest.mark.parametrize(
    ("changes", "independent"),
    [
        ({"seed": 1}, set()),
        # The first round of a search is quasi-random: it follows the seed, not the images.
        (
            {"data__n_train": 95},
            {
                "out/teachers/round-00/proposals.json",
                "out/students/mlp1-40k/round-00/proposals.json",
                "out/students/mlp2-40k/round-00/proposals.json",
            },
        ),
    ],
    ids=["seed", "dataset"],
)
def test_another_seed_or_dataset_shares_nothing_that_depends_on_it(
    first, cache, tmp_path, changes, independent
):
    places = planned_places(run(tmp_path, cache, TABLE, "-n", overlay=changed(SMALLEST, **changes)))
    assert len(places) >= 1 + 2 + 2 + 2 + 1 + 2 + 2
    assert {name for name, is_shared in places.items() if is_shared} == independent


def test_another_study_shares_all_that_it_does_not_change(first, cache, tmp_path):
    overlay = changed(SMALLEST, students__budgets=["41k"])
    places = planned_places(run(tmp_path, cache, TABLE, "-n", overlay=overlay))
    shared = {name.split("/")[1] for name, is_shared in places.items() if is_shared}
    assert shared >= {"data", "teachers", "epochs"}
    assert "students" not in shared


def metrics_but_time(folder):
    return json.loads((folder / "metrics.json").read_text()) | {"seconds": None, "sha256": None}


def test_two_checkouts_at_once_are_both_right(first, cache, tmp_path_factory, tmp_path):
    shared = tmp_path_factory.mktemp("shared")
    targets = ["out/teachers/trials/000/weights.safetensors", "out/epochs/00.h5"]
    running = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        command, environment = command_of(
            tmp_path / name, *targets, "--cores", "1", "--cache", overlay=SMALLEST
        )
        environment["SNAKEMAKE_OUTPUT_CACHE"] = str(shared)
        log = open(tmp_path / f"{name}.log", "w")  # noqa: SIM115
        running.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    for name in ("a", "b"):
        for target in targets:
            assert (tmp_path / name / target).read_bytes() == (first / target).read_bytes()
        assert "Nothing to be done" in run(tmp_path / name, shared, *targets, "-n")
    # The same keys as in the first cache; no half-written file is left behind.
    assert {path.name for path in shared.iterdir()} < {path.name for path in cache.iterdir()}


def test_a_trial_of_which_the_cache_holds_a_part_is_trained_again(first, cache, tmp_path):
    trial = "out/teachers/trials/000"
    weights = Path(os.readlink(first / trial / "weights.safetensors"))
    before, metrics = weights.read_bytes(), metrics_but_time(first / trial)
    weights.unlink()
    # Metrics and history are links into the cache by the time that the weights prove to be missing.
    made = made_here(run(tmp_path, cache, f"{trial}/weights.safetensors", "--cores", "1"))
    assert made == {f"{trial}/{name}" for name in os.listdir(first / trial)}
    assert weights.read_bytes() == before
    assert metrics_but_time(first / trial) == metrics_but_time(tmp_path / trial) == metrics


def test_writing_over_a_link_leaves_the_shared_file_alone(tmp_path):
    (tmp_path / "shared").write_text("another checkout reads this")
    (tmp_path / "output").symlink_to(tmp_path / "shared")
    write_text(tmp_path / "output", "new")
    assert not (tmp_path / "output").is_symlink()
    assert (tmp_path / "output").read_text() == "new"
    assert (tmp_path / "shared").read_text() == "another checkout reads this"


@pytest.mark.parametrize(
    ("place", "said"),
    [(None, "absolute path"), ("cache", "absolute path"), ("/nowhere/at/all", "may be written to")],
)
def test_a_cache_that_could_not_be_used_is_refused_before_the_first_job(tmp_path, place, said):
    variables = {} if place is None else {"SNAKEMAKE_OUTPUT_CACHE": place}
    run = run_snakemake(tmp_path, TABLE, "-n", "--cache", overlay=SMALLEST, **variables)
    assert run.returncode == 1
    lines = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert "SNAKEMAKE_OUTPUT_CACHE" in lines[0]
    assert said in lines[0]
