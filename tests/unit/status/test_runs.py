import pytest
from tests.unit.status.conftest import NOW

from mimic.status.runs import read_run

LONG = "results/students/" + "s" * 300 + "/trials/000/metrics.json"


def test_no_folder_tells_nothing(tmp_path):
    run = read_run(tmp_path, "results")
    assert (run.locked_since, run.knows_jobs, run.begun) == (None, False, {})
    assert not run.was_made("results/table1.csv")


def test_a_lock_counts_where_it_holds_files_of_these_results(folder):
    folder.lock(age=50)
    assert read_run(folder.path, "results").locked_since == NOW - 50
    assert read_run(folder.path, "results/demo").locked_since is None
    assert read_run(folder.path, "result").locked_since is None


@pytest.mark.parametrize("output", ["results/table1.csv", LONG])
def test_begun_jobs_and_records_are_found_by_the_names_of_their_outputs(folder, output):
    folder.lock()
    assert read_run(folder.path, "results").begun == {}
    folder.record("incomplete", output, age=7)
    folder.record("metadata", output)
    run = read_run(folder.path, "results")
    assert run.begun == {output: NOW - 7}
    assert run.was_made(output)
    assert not run.was_made(f"{output}.gz")


def test_names_are_those_that_snakemake_gives(tmp_path):
    from snakemake.persistence.file import FilePersistence

    persistence = FilePersistence(path=tmp_path / ".snakemake")
    for output in ("results/table1.csv", LONG, "results/größe.csv"):
        persistence._mark_incomplete(output, "17")
        persistence._io_write(persistence._metadata_path, {}, output)
        run = read_run(tmp_path, "results")
        assert run.knows_jobs
        assert output in run.begun
        assert run.was_made(output)
    persistence._write_locks("output", ["results/table1.csv", LONG])
    assert read_run(tmp_path, "results").locked_since is not None
    persistence._delete_locks()
    assert read_run(tmp_path, "results").locked_since is None


def test_foreign_files_in_the_folder_are_passed_over(folder):
    folder.lock()
    for name in (
        "incomplete/x",
        "incomplete/@a/..b",
        "incomplete/_w==",
        "locks/other",
        "locks/1.input.lock/x",
    ):
        folder.write(f".snakemake/{name}", b"\xff")
    run = read_run(folder.path, "results")
    assert run.begun == {}
    assert run.locked_since is not None


def test_a_database_instead_of_files_tells_nothing_of_jobs(folder):
    folder.lock()
    folder.begin("train_teacher 000")
    folder.write(".snakemake/metadata.db")
    run = read_run(folder.path, "results")
    assert not run.knows_jobs
    assert run.begun == {}
