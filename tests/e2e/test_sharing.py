"""A run's targets go to someone else: students train there without a teacher, and to the same bytes."""

import functools
import http.server
import json
import shutil
import subprocess
import sys
import threading

import pandas as pd
import pytest

from tests.e2e.conftest import OVERLAY, changed
from tests.workflow.conftest import planned_jobs, run_snakemake

TEACHING = {"train_teacher", "propose_teachers", "select_ensemble", "generate_epochs", "record_logits"}


def mimic(folder, *arguments):
    """Finished process of the console command in a folder."""
    command = [sys.executable, "-m", "mimic", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="session")
def pack(finished_run, tmp_path_factory):
    """What the finished run shares."""
    path = tmp_path_factory.mktemp("pack") / "shared.h5"
    run = mimic(finished_run, "pack", "--results", "out", "--out", path)
    assert run.returncode == 0, run.stderr
    return path


@pytest.fixture
def colleague(pack, tmp_path):
    """A folder with the pack laid out and nothing else."""
    run = mimic(tmp_path, "unpack", pack, "--results", "out")
    assert run.returncode == 0, run.stderr
    return tmp_path


def test_students_train_to_the_same_bytes_without_any_teacher(finished_run, colleague):
    jobs = planned_jobs(run_snakemake(colleague, "-n", overlay=OVERLAY).stdout)
    assert not TEACHING & set(jobs)
    assert jobs["train_student"] == 10
    targets = ["out/students/mlp1-40k/trials.csv", "out/students/cnn2-40k-hard/trials.csv"]
    run = run_snakemake(colleague, "--cores", "2", *targets, overlay=OVERLAY)
    assert run.returncode == 0, run.stdout + run.stderr
    name = "out/students/mlp1-40k/trials/002/weights.safetensors"
    assert (colleague / name).read_bytes() == (finished_run / name).read_bytes()
    shared = (colleague / "out" / "shared" / "targets.h5").read_bytes()
    assert shared == (finished_run / "out" / "logits" / "targets.h5").read_bytes()
    made = {path.name for path in (colleague / "out").iterdir()}
    assert not {"teachers", "data", "epochs", "logits"} & made


def test_own_teachers_are_as_they_were_when_the_shared_ones_are_removed(pack, finished_run, tmp_path):
    """Students alone learn from the shared targets, so students alone are trained again on the way back."""
    copy = tmp_path / "copy"
    shutil.copytree(finished_run, copy)
    assert mimic(copy, "unpack", pack, "--results", "out").returncode == 0
    target = "out/students/mlp1-40k/trials/000/metrics.json"
    run = run_snakemake(copy, "--cores", "1", target, overlay=OVERLAY)
    assert run.returncode == 0, run.stdout + run.stderr
    shutil.rmtree(copy / "out" / "shared")
    jobs = planned_jobs(run_snakemake(copy, "-n", overlay=OVERLAY).stdout)
    assert not TEACHING & set(jobs)
    assert "prepare_dataset" not in jobs
    assert jobs["train_student"] == 2  # the trial, and the round that its result proposes


def test_tables_and_figures_tell_the_shared_teachers(finished_run, colleague):
    targets = ["out/table1.csv", "out/figure1.png"]
    overlay = changed(students__families=["mlp1"])
    run = run_snakemake(colleague, "--cores", "2", *targets, overlay=overlay)
    assert run.returncode == 0, run.stdout + run.stderr
    expected = pd.read_csv(finished_run / "out" / "table1.csv")
    found = pd.read_csv(colleague / "out" / "table1.csv")
    pd.testing.assert_frame_equal(found, expected)


def test_other_images_than_the_teachers_saw_are_refused(colleague):
    """The split is that of the pack; but the embedded images themselves are drawn from the seed."""
    run = run_snakemake(colleague, "--cores", "1", "out/shared/dataset.h5", overlay=changed(seed=5))
    assert run.returncode != 0
    log = (colleague / "out" / "logs" / "prepare_dataset.log").read_text()
    assert "these are not the images that the shared targets belong to" in log
    assert "Traceback" not in log


def test_a_pack_of_another_dataset_is_refused_and_nothing_is_written(pack, tmp_path):
    run = run_snakemake(tmp_path, "--cores", "1", "out/data/dataset.h5", overlay=changed(seed=5))
    assert run.returncode == 0, run.stderr
    refused = mimic(tmp_path, "unpack", pack, "--results", "out")
    assert refused.returncode == 1
    assert "another dataset than that of" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "out" / "shared").exists()


def test_nothing_is_overwritten(pack, colleague, finished_run):
    again = mimic(colleague, "unpack", pack, "--results", "out")
    assert (again.returncode, "exists already" in again.stderr) == (1, True)
    again = mimic(finished_run, "pack", "--results", "out", "--out", pack)
    assert (again.returncode, "exists already" in again.stderr) == (1, True)


def test_verify_and_inspect_know_the_pack(pack, finished_run, colleague):
    run = mimic(finished_run, "verify", pack, "--against", "out")
    assert run.returncode == 0, run.stderr
    assert "dataset, epochs and members are those of out" in run.stdout
    run = mimic(
        colleague, "verify", "out/shared/targets.h5", "out/shared/split.h5", "out/shared/members.json"
    )
    assert run.returncode == 0, run.stderr
    facts = json.loads(mimic(colleague, "inspect", pack, "--json").stdout)
    assert facts["format"] == "mimic.pack"
    assert facts["digest"] == json.loads((colleague / "out" / "shared" / "pack.json").read_text())["pack"]


def test_a_pack_named_in_the_config_is_unpacked_by_the_workflow(pack, finished_run, tmp_path):
    digest = json.loads(mimic(tmp_path, "inspect", pack, "--json").stdout)["digest"]
    overlay = changed(shared={"pack": str(pack), "digest": digest})
    target = "out/students/mlp1-40k/trials/001/metrics.json"
    run = run_snakemake(tmp_path, "--cores", "2", target, overlay=overlay)
    assert run.returncode == 0, run.stdout + run.stderr
    name = "out/students/mlp1-40k/trials/001/weights.safetensors"
    assert (tmp_path / name).read_bytes() == (finished_run / name).read_bytes()
    wrong = changed(shared={"pack": str(pack), "digest": "0" * 64})
    run = run_snakemake(tmp_path, "--cores", "2", target, overlay=wrong)
    assert run.returncode != 0
    assert (
        f"expected digest {'0' * 64}, got {digest}" in (tmp_path / "out/logs/unpack_targets.log").read_text()
    )


@pytest.fixture
def served(pack):
    """Address of the pack on a server of this machine."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(pack.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/{pack.name}"
        server.shutdown()
        thread.join()


def test_a_pack_at_an_address_is_fetched_and_its_digest_checked(pack, served, finished_run, tmp_path):
    pytest.importorskip("snakemake_storage_plugin_http")
    digest = json.loads(mimic(tmp_path, "inspect", pack, "--json").stdout)["digest"]
    target = "out/shared/targets.h5"
    wrong = changed(shared={"pack": served, "digest": "0" * 64})
    run = run_snakemake(tmp_path, "--cores", "1", target, overlay=wrong)
    assert run.returncode != 0
    assert (
        f"expected digest {'0' * 64}, got {digest}" in (tmp_path / "out/logs/unpack_targets.log").read_text()
    )
    assert not (tmp_path / target).exists()
    right = changed(shared={"pack": served, "digest": digest})
    run = run_snakemake(tmp_path, "--cores", "1", target, overlay=right)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (tmp_path / target).read_bytes() == (finished_run / "out/logits/targets.h5").read_bytes()
