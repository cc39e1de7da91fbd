from tests.unit.status.conftest import SMALL, config_of

from mimic.status.jobs import plan_of


def counts(plan):
    found = {}
    for job in plan.jobs:
        found[job.rule] = found.get(job.rule, 0) + 1
    return found


def test_the_paper_has_2108_jobs_and_those_of_its_members():
    plan = plan_of(config_of(), is_shared=False)
    n = counts(plan)
    assert n["train_teacher"] == 129
    assert n["train_student"] == 40 * 48
    assert n["record_logits"] == 16
    assert len(plan.searches) == 41
    outputs = [output for job in plan.jobs for output in job.outputs]
    assert len(outputs) == len(set(outputs))
    logs = [job.log for job in plan.jobs if job.log]
    assert len(logs) == len(set(logs))


def test_names_are_those_of_the_rules():
    jobs = {job.title(): job for job in plan_of(config_of(**SMALL), False, [3, 1]).jobs}
    job = jobs["train_student cnn2-30k-hard 002"]
    assert job.outputs[-1] == "results/students/cnn2-30k-hard/trials/002/metrics.json"
    assert job.log == "results/logs/train_student/cnn2-30k-hard/002.log"
    assert jobs["propose_teachers 01"].outputs == ("results/teachers/round-01/proposals.json",)
    assert jobs["propose_teachers 01"].log == "results/logs/propose_teachers/01.log"
    assert jobs["record_logits 003"].outputs == ("results/logits/members/003.h5",)
    assert jobs["record_logits 003"].log == "results/logs/record_logits/003.log"
    assert jobs["tabulate_trials mlp1-30k"].log == "results/logs/tabulate_trials/students/mlp1-30k.log"
    assert "record_logits 000" not in jobs


def test_before_the_selection_the_members_are_counted_but_have_no_name():
    jobs = [job for job in plan_of(config_of(**SMALL), False).jobs if job.rule == "record_logits"]
    assert [(job.name, job.outputs, job.log) for job in jobs] == [("", (), "")] * 2
    assert len(set(jobs)) == 2


def test_a_shared_run_has_no_teachers():
    plan = plan_of(config_of(**SMALL), is_shared=True)
    assert counts(plan) == {
        "prepare_dataset": 1,
        "unpack_targets": 1,
        "propose_students": 6,
        "train_student": 9,
        "tabulate_trials": 3,
        "tabulate_table1": 1,
        "tabulate_table2": 1,
        "plot_figure1": 1,
        "plot_figure2": 1,
        "publish_report": 1,
    }
    assert plan.jobs[0].outputs == ("results/shared/dataset.h5",)
    assert [search.name for search in plan.searches] == ["mlp1-30k", "cnn2-30k", "cnn2-30k-hard"]
