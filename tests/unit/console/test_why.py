import json

import pytest

from mimic.console import why
from mimic.console.main import main

NO_REASON = {"none": False, "missing": [], "incomplete": [], "newer": [], "software": False}


def job(rule, wildcards=(), needs=(), record=True, **reason):
    """A job of a plan; its parameters are as recorded."""
    wildcards = dict(wildcards)
    name = "-".join([rule, *wildcards.values()])
    kept = {"rule": rule, "code": "x", "input": [], "params": ["1"]}
    return {
        "rule": rule,
        "wildcards": wildcards,
        "inputs": [],
        "outputs": [f"out/{name}.csv"],
        "params": {"seed": "1"},
        "command": "x",
        "reason": {**NO_REASON, **reason},
        "needs": list(needs),
        "record": kept if record else None,
    }


def trial(study, number, **changes):
    return job("train_student", {"study": study, "trial": f"{number:03d}"}, **changes)


@pytest.fixture
def told(monkeypatch, capsys):
    """Function (jobs, targets) -> lines that are printed; the first target is made by the first job."""

    def tell(jobs, targets=None, *options, files=None):
        targets = targets or {jobs[0]["outputs"][0]: {"rule": None, "files": jobs[0]["outputs"]}}
        files = files or {
            file: {"job": place, "rule": one["rule"], "made_at": 0}
            for place, one in enumerate(jobs)
            for file in one["outputs"]
        }
        planned = {"locked": False, "output": "out", "targets": targets, "files": files, "jobs": jobs}
        monkeypatch.setattr(why, "plan", lambda *_: planned)
        assert main(["why", *options]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert all(len(line) <= 100 for line in lines)
        return lines

    return tell


def test_the_target_s_own_job_comes_first_and_then_its_causes(told):
    table = job("tabulate_table2", needs=[1])
    trials = job("tabulate_trials", {"study_folder": "students/cnn2-1M"}, needs=[2])
    trained = trial("cnn2-1M", 3, newer=["out/data/dataset.h5"])
    assert told([table, trials, trained]) == [
        "out/tabulate_table2.csv would be made again:",
        "  tabulate_table2",
        "    - its inputs are made anew by tabulate_trials",
        "  tabulate_trials: cnn2-1M",
        "    - its inputs are made anew by train_student",
        "  train_student: trial 003 of cnn2-1M",
        "    - out/data/dataset.h5 is newer than what was made from it",
    ]


def test_hundreds_of_jobs_with_the_same_reasons_are_told_in_one_line(told):
    changed = {"params": {"seed": "2"}}
    trials = [trial(f"cnn{i % 4 + 1}-1M", i) | changed for i in range(400)]
    lines = told([job("tabulate_table2", needs=range(1, 401)), *trials])
    assert lines[2:] == [
        "    - its inputs are made anew by train_student (400 jobs)",
        "  train_student: 400 trials of 4 studies",
        "    - seed: 1 -> 2",
    ]


def test_jobs_with_other_reasons_are_told_apart(told):
    trials = [trial("cnn2-1M", 0), trial("cnn2-1M", 1) | {"command": "y"}]
    trials[0]["reason"]["newer"] = ["out/epochs/00.h5"]
    lines = told([job("tabulate_table2", needs=[1, 2]), *trials])
    assert lines[3:] == [
        "  train_student: trial 000 of cnn2-1M",
        "    - out/epochs/00.h5 is newer than what was made from it",
        "  train_student: trial 001 of cnn2-1M",
        "    - the command line of the rule was edited",
    ]


def test_jobs_whose_values_differ_are_told_apart(told):
    trials = [trial("cnn2-1M", i) | {"params": {"seed": str(i + 2)}} for i in range(2)]
    lines = told([job("tabulate_table2", needs=[1, 2]), *trials])
    assert lines[4::2] == ["    - seed: 1 -> 2", "    - seed: 1 -> 3"]


def test_files_of_a_group_are_counted_together(told):
    labelled = [job("record_logits", {"trial": f"{i:03d}"}, newer=[f"out/{i}/w.st"]) for i in range(5)]
    lines = told([job("average_logits", needs=range(1, 6)), *labelled])
    assert lines[3:] == [
        "  record_logits: 5 trials",
        "    - 5 inputs (out/0/w.st and others) are newer than what was made from it",
    ]


def test_a_target_that_is_current_says_when_and_by_which_rule_it_was_made(told):
    made = {"job": None, "rule": "tabulate_table2", "made_at": 1_000_000_000}
    targets = {"out/table2.csv": {"rule": None, "files": ["out/table2.csv"]}}
    (line,) = told([], targets, files={"out/table2.csv": made})
    assert line.startswith("out/table2.csv: up to date; made 2001-09-")
    assert line.endswith(" by tabulate_table2")


def test_a_target_without_a_record_is_told_to_have_none(told):
    targets = {"a.csv": {"rule": None, "files": ["a.csv"]}}
    text = " ".join(told([], targets, files={"a.csv": {"job": None, "rule": None, "made_at": None}}))
    assert "up to date; there is no record of how it was made" in text


def test_a_folder_counts_the_files_that_would_be_made(told):
    jobs = [trial("cnn2-1M", i, none=True, missing=[f"out/{i}"], record=False) for i in range(2)]
    files = {
        "f/a": {"job": 0, "rule": None, "made_at": None},
        "f/b": {"job": 1, "rule": None, "made_at": None},
        "f/c": {"job": None, "rule": "train_student", "made_at": 0},
    }
    targets = {"f": {"rule": None, "files": ["f/a", "f/b", "f/c"]}}
    assert told(jobs, targets, files=files) == [
        "f: 2 of its 3 files would be made for the first time:",
        "  train_student: 2 trials of cnn2-1M",
        "    - not made yet",
    ]
    del files["f/c"]
    assert told(jobs, {"f": {"rule": None, "files": ["f/a", "f/b"]}}, files=files)[0] == (
        "f: its 2 files would be made for the first time:"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"none": True, "missing": ["out/a.csv"]}, "its outputs were deleted"),
        ({"missing": ["x/weights.st", "x/metrics.json"]}, "metrics.json and weights.st are missing"),
        ({"incomplete": ["out/a.csv"]}, "a killed run left out/a.csv unfinished"),
        ({"software": True}, "the rule's environment changed"),
    ],
)
def test_what_happened_to_files_is_told(told, changes, words):
    assert told([job("select_ensemble", **changes)])[2:] == [f"    - {words}"]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"changed": ["mimic.a"], "added": [], "removed": []}, "code: mimic.a changed"),
        (
            {"changed": [], "added": ["mimic.a", "mimic.b"], "removed": ["mimic.c"]},
            "code: mimic.a and mimic.b added; mimic.c no longer imported",
        ),
        (
            {"changed": [f"mimic.{x}" for x in "abcde"], "added": [], "removed": []},
            "code: mimic.a, mimic.b, mimic.c and 2 more changed",
        ),
        (
            {"changed": None, "added": None, "removed": None},
            "code: changed, fingerprint 01 -> 23; which modules was not recorded",
        ),
    ],
)
def test_changed_code_is_told_by_module(told, monkeypatch, parts, words):
    reason = {"kind": "code", "old": "01", "new": "23", **parts}
    monkeypatch.setattr(why, "reasons_of", lambda *_: [reason])
    assert told([job("train_teacher")])[2:] == [f"    - {words}"]


def test_long_values_are_shortened_and_steer_no_terminal(told):
    long = job("train_teacher") | {"params": {"seed": repr("\x1b[31m" + "a" * 300)}}
    lines = told([long])
    assert "\x1b" not in "".join(lines)
    assert any("aaa...aaa" in line for line in lines)


def test_json_has_targets_with_their_state_and_jobs_with_their_reasons(told):
    jobs = [job("tabulate_table2", needs=[1]), trial("cnn2-1M", 0) | {"params": {"seed": "2"}}]
    answer = json.loads("\n".join(told(jobs, None, "--json")))
    assert answer["targets"]["out/tabulate_table2.csv"]["up_to_date"] is False
    assert [j["rule"] for j in answer["jobs"]] == ["tabulate_table2", "train_student"]
    assert answer["jobs"][0]["reasons"] == [{"kind": "follows", "jobs": [1]}]
    assert answer["jobs"][1]["reasons"] == [{"kind": "config", "key": "seed", "old": 1, "new": 2}]
