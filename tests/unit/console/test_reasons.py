import json

import pytest

from mimic import fingerprint
from mimic.artifact import write_json
from mimic.console.reasons import _MISSING, matched, read_record, reasons_of

OLD, NEW = "0123456789abcdef", "fedcba9876543210"
SETTINGS = {"bounds": {}, "weight_decay": 0.0, "training": {"batch_size": 128, "max_epochs": 3}}


def slice_of(**training):
    """The settings of a student as they stand in params, some of the training changed."""
    return repr(json.dumps({**SETTINGS, "training": {**SETTINGS["training"], **training}}))


@pytest.fixture
def job():
    """Function that makes a job of a student's trial; its record says that nothing changed."""

    def make(record=None, **changes):
        params = {"settings": slice_of(), "study": "'cnn2-1M'", "seed": "7", "trial": "'003'"}
        params |= {"fingerprint": repr(OLD)}
        values = {
            "rule": "train_student",
            "wildcards": {"study": "cnn2-1M", "trial": "003"},
            "inputs": ["dataset.h5", "proposals.json"],
            "outputs": ["metrics.json", "history.csv"],
            "params": params,
            "command": "python {params.seed}",
            "reason": {"none": False, "missing": [], "incomplete": [], "newer": [], "software": False},
            "needs": [],
        }
        kept = {
            "rule": "train_student",
            "code": "python {params.seed}",
            "input": ["dataset.h5", "proposals.json"],
            "params": sorted(params.values()),
        }
        return {**values, "record": {**kept, **(record or {})}, **changes}

    return make


def with_params(job, **changes):
    """The job with the record as it was, and other parameters now."""
    made = job()
    made["params"] = {**made["params"], **changes}
    return made


def test_where_nothing_changed_there_is_no_reason(job, tmp_path):
    assert reasons_of(job(), tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"settings": slice_of(max_epochs=4)}, [("students.training.max_epochs", 3, 4)]),
        (
            {"settings": slice_of(max_epochs=4, batch_size=64), "seed": "8"},
            [
                ("students.training.batch_size", 128, 64),
                ("students.training.max_epochs", 3, 4),
                ("seed", 7, 8),
            ],
        ),
        ({"settings": slice_of(warm_up=2)}, [("students.training.warm_up", None, 2)]),
        ({"device": "'cuda'"}, [("train_student.params.device", None, "cuda")]),
    ],
)
def test_a_changed_key_is_named_as_in_the_config_with_both_values(job, tmp_path, changes, expected):
    reasons = reasons_of(with_params(job, **changes), tmp_path)
    assert [(r["kind"], r["key"], r["old"], r["new"]) for r in reasons] == [("config", *e) for e in expected]


def test_keys_of_hard_label_nets_are_named_in_their_section(job, tmp_path):
    made = with_params(job, settings=slice_of(max_epochs=4))
    made["wildcards"]["study"] = "cnn2-1M-hard"
    assert reasons_of(made, tmp_path)[0]["key"] == "students.hard_label.training.max_epochs"


def test_bounds_at_a_budget_are_named_with_the_study(job, tmp_path):
    bounds = {"bounds": {"conv1": {"low": 20, "high": 120}}, "bounds_source": "tabled"}
    reasons = reasons_of(with_params(job, settings=repr(json.dumps({**SETTINGS, **bounds}))), tmp_path)
    assert [reason["key"] for reason in reasons] == [
        "students.width_bounds, at cnn2-1M: conv1.low",
        "students.width_bounds, at cnn2-1M: conv1.high",
        "students.width_bounds, at cnn2-1M: source",
    ]


def test_a_parameter_that_is_gone_is_told(job, tmp_path):
    made = job()
    made["record"]["params"].append("'cuda'")
    (reason,) = reasons_of(made, tmp_path)
    assert (reason["old"], reason["new"]) == ("cuda", None)


def test_a_switch_is_told_as_the_key_s_value(job, tmp_path):
    made = job(
        rule="tabulate_table2",
        wildcards={},
        params={"compare": "'--compare'"},
        record={"params": ["'--no-compare'"]},
    )
    (reason,) = reasons_of(made, tmp_path)
    assert (reason["key"], reason["old"], reason["new"]) == ("report.compare_with_paper", False, True)


def test_values_without_names_go_to_the_parameter_that_they_look_like():
    crop, training = {"mirror": 0.5, "crop_min": 24}, {"batch_size": 128, "max_epochs": 500}
    old = [repr(json.dumps(value)) for value in (training, crop)] + [
        repr(OLD),
        "3",
        "['1M']",
        "['mlp1', 'cnn2']",
    ]
    new = {
        "crop": repr(json.dumps({**crop, "crop_min": 20})),
        "training": repr(json.dumps({**training, "max_epochs": 5})),
        "seed": "4",
        "families": "['mlp1']",
        "budgets": "['1M', '10M']",
        "fingerprint": repr(NEW),
    }
    assert matched(old, new) == [
        ("crop", crop, {**crop, "crop_min": 20}),
        ("training", training, {**training, "max_epochs": 5}),
        ("seed", 3, 4),
        ("families", ["mlp1", "cnn2"], ["mlp1"]),
        ("budgets", ["1M"], ["1M", "10M"]),
        ("fingerprint", OLD, NEW),
    ]


def test_a_value_that_two_parameters_share_is_counted_twice():
    assert matched(["3", "3"], {"seed": "3", "round": "4"}) == [("round", 3, 4)]
    assert matched(["3"], {"seed": "3", "round": "3"}) == [("round", _MISSING, 3)]


def test_the_study_s_name_is_no_fingerprint():
    assert matched(["'mlp1-1M'"], {"fingerprint": repr(NEW)}) == [
        ("fingerprint", _MISSING, NEW),
        ("", "mlp1-1M", _MISSING),
    ]


def keep(folder, modules, tables=None):
    """A record of a fingerprint, as a run writes it; returns the fingerprint."""
    value = fingerprint.digest_of(modules, tables or {})
    record = {"format": "mimic.fingerprint", "stage": "mimic.students.train_student", "fingerprint": value}
    write_json(
        folder / "fingerprints" / f"{value}.json", {**record, "modules": modules, "tables": tables or {}}
    )
    return value


def test_the_modules_that_changed_are_named_where_both_records_are_kept(job, tmp_path):
    old = keep(tmp_path, {"mimic.a": "1", "mimic.b": "1", "mimic.c": "1"}, {"report/reference/t.csv": "1"})
    new = keep(tmp_path, {"mimic.a": "1", "mimic.b": "2", "mimic.d": "1"}, {"report/reference/t.csv": "2"})
    made = with_params(job, fingerprint=repr(new))
    made["record"]["params"] = [
        repr(old) if value == repr(OLD) else value for value in made["record"]["params"]
    ]
    assert reasons_of(made, tmp_path) == [
        {
            "kind": "code",
            "old": old,
            "new": new,
            "changed": ["mimic.b", "table report/reference/t.csv"],
            "added": ["mimic.d"],
            "removed": ["mimic.c"],
        }
    ]


def test_the_code_as_it_is_now_needs_no_record(job, tmp_path):
    stage = "mimic.students.train_student"
    now = fingerprint.record_of(stage)
    old = keep(tmp_path, {**now["modules"], "mimic.students.losses": "0" * 16}, now["tables"])
    made = with_params(job, fingerprint=repr(now["fingerprint"]))
    made["record"]["params"] = [
        repr(old) if value == repr(OLD) else value for value in made["record"]["params"]
    ]
    (reason,) = reasons_of(made, tmp_path)
    assert reason["changed"] == ["mimic.students.losses"]
    assert reason["added"] == reason["removed"] == []


def test_without_a_sound_record_only_the_fingerprints_are_known(job, tmp_path):
    (reason,) = reasons_of(with_params(job, fingerprint=repr(NEW)), tmp_path)
    assert (reason["old"], reason["new"], reason["changed"]) == (OLD, NEW, None)
    value = keep(tmp_path, {"mimic.a": "1"})
    assert read_record(tmp_path, value) == {"mimic.a": "1"}
    path = tmp_path / "fingerprints" / f"{value}.json"
    sound = path.read_text()
    for text in (sound.replace("mimic.a", "mimic.b"), sound[:-20], "{}", "[]", sound.replace('"1"', "[1]")):
        path.write_text(text)
        assert read_record(tmp_path, value) is None
    assert read_record(tmp_path, "../" + value) is None


def test_inputs_that_came_and_went_are_listed(job, tmp_path):
    reasons = reasons_of(job(inputs=["dataset.h5", "new.h5"]), tmp_path)
    assert reasons == [{"kind": "inputs", "added": ["new.h5"], "removed": ["proposals.json"]}]


def test_what_waits_for_a_checkpoint_is_not_compared(job, tmp_path):
    assert reasons_of(job(inputs=None, params=None, needs=[4]), tmp_path) == [
        {"kind": "follows", "jobs": [4]}
    ]


def test_an_edited_command_is_told(job, tmp_path):
    assert reasons_of(job(command="python -u {params.seed}"), tmp_path) == [{"kind": "command"}]


def test_own_reasons_come_before_those_of_other_jobs(job, tmp_path):
    reason = {"none": False, "missing": ["a"], "incomplete": ["b"], "newer": ["c"], "software": True}
    made = with_params(job, seed="8")
    reasons = reasons_of({**made, "reason": reason, "needs": [1, 2]}, tmp_path)
    assert [r["kind"] for r in reasons] == ["missing", "incomplete", "config", "newer", "software", "follows"]
    assert reasons[0]["made"]


def test_a_job_that_never_ran_has_nothing_to_compare(job, tmp_path):
    reason = {"none": True, "missing": ["metrics.json"], "incomplete": [], "newer": [], "software": False}
    made = {**job(), "record": None, "reason": reason}
    assert reasons_of(made, tmp_path) == [
        {"kind": "missing", "files": ["metrics.json"], "all": True, "made": False}
    ]


def test_what_a_function_of_the_inputs_gives_is_no_reason(job, tmp_path):
    params = {"contents": repr(json.dumps({"n_train": 5})), "seed": "8"}
    now = {**params, "whereabouts": repr(json.dumps({"path": None, "n_train": 5})), "versions": "'torch 2'"}
    made = job({"params": [params["contents"], "7"]}, rule="prepare_shallow_dataset", params=now)
    assert reasons_of(made, tmp_path) == [{"kind": "config", "key": "seed", "old": 7, "new": 8}]


def test_settings_of_a_group_have_the_names_of_the_config(job, tmp_path):
    def settings(rho, layouts):
        return repr(json.dumps({"n_layers": 2, "axes": {"layout": layouts}, "training": {"rho": rho}}))

    record = {"params": [settings(0.9, ["parallel"])]}
    params = {"settings": settings(0.5, ["sequential"])}
    made = job(record, rule="train_group", params=params)
    assert [reason["key"] for reason in reasons_of(made, tmp_path)] == [
        "shallow.grid.layout",
        "shallow.training.rho",
    ]


def test_what_a_groups_file_must_hold_is_the_reason_of_the_job_that_makes_it(job, tmp_path):
    made = job({"params": [repr(["a", "b"])]}, rule="tabulate_losses", params={"digests": repr(["a", "c"])})
    assert reasons_of(made, tmp_path) == []
