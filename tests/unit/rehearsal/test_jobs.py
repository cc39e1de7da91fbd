"""The plan of a run, counted; that it is Snakemake's own stands in tests/workflow."""

from collections import Counter
from pathlib import Path

import pytest

from mimic.cli import InputError
from mimic.console.overlays import read_config
from mimic.rehearsal.jobs import RULES, TARGETS, jobs_of, longest_path, with_round_size

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def paper():
    return read_config(ROOT / "Snakefile")


def test_the_paper_has_the_jobs_that_snakemake_plans_and_its_members(paper):
    rules = Counter(job.rule for job in jobs_of(paper, "table2"))
    assert rules.pop("record_logits") == 16
    assert rules.total() == 2108
    assert rules["train_student"] == 36 * 48
    assert rules["propose_teachers"] == 15


def test_a_round_waits_for_all_trials_of_the_rounds_before(paper):
    jobs = jobs_of(paper)
    proposal = next(
        job for job in jobs if (job.study, job.rule, job.round) == ("cnn2-1M", "propose_students", 2)
    )
    assert {(jobs[need].study, jobs[need].number) for need in proposal.needs} == {
        ("cnn2-1M", trial) for trial in range(24)
    }


def test_without_barriers_the_same_jobs_in_the_same_order_wait_for_less(paper):
    with_barriers, without = jobs_of(paper), jobs_of(paper, barriers=False)
    assert [job.key for job in with_barriers] == [job.key for job in without]
    assert all(not job.needs for job in without if job.rule.startswith("propose_"))


def test_every_job_stands_after_what_it_needs_and_is_there_once(paper):
    jobs = jobs_of(paper)
    assert len({job.key for job in jobs}) == len(jobs)
    assert all(need < place for place, job in enumerate(jobs) for need in job.needs)
    assert {job.rule for job in jobs} == set(RULES) - {"unpack_targets"}


def test_a_shared_ensemble_needs_no_teacher(paper):
    rules = Counter(job.rule for job in jobs_of(paper, shared=True))
    assert set(rules) == {
        *("prepare_dataset", "propose_students", "train_student", "tabulate_trials"),
        *TARGETS.values(),
    }
    assert rules["tabulate_trials"] == 40


def test_a_pack_is_unpacked_before_all_that_reads_it(paper):
    values = paper.model_dump()
    values["shared"]["pack"] = "ensemble.h5"
    jobs = jobs_of(type(paper).model_validate(values))
    assert jobs[0].rule == "unpack_targets"
    assert all(0 in job.needs for job in jobs if job.rule in ("prepare_dataset", "tabulate_table1"))
    student = next(job for job in jobs if job.rule == "train_student")
    assert 0 in student.needs


def test_rounds_of_another_size_hold_the_same_trials(paper):
    rules = Counter(job.rule for job in jobs_of(with_round_size(paper, 16)))
    assert rules["propose_teachers"] == 1 + 7  # 17 + 7 x 16 = 129
    assert rules["propose_students"] == 40 * 3
    assert rules["train_student"] == 40 * 48


def test_the_longest_path_counts_a_job_once(paper):
    jobs = jobs_of(paper, "table2")
    # 15 rounds of a proposal and a trial; ensemble, member, mean; a student's first trial, since its
    # proposal waits for nothing, and four rounds of both; its table, table 2
    assert longest_path(jobs, [1] * len(jobs)) == 30 + 3 + 9 + 2


def test_an_unknown_target_is_refused(paper):
    with pytest.raises(InputError, match="target: expected one of all, table1"):
        jobs_of(paper, "table3")
