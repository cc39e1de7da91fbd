"""Draws from measured times, and times of what was not measured."""

import dataclasses

import numpy as np
import pytest

from mimic.cli import InputError
from mimic.models.architecture import count_multiply_adds
from mimic.models.teacher_cnn import teacher_architecture
from mimic.rehearsal.cluster import ClusterSettings
from mimic.rehearsal.durations import Extrapolation, costs_of
from mimic.rehearsal.jobs import Cost, jobs_of


def draw(config, times, seed=1, **how):
    """Costs by the key of their job, and notes."""
    jobs = jobs_of(config)
    costs, notes = costs_of(jobs, config, times, Extrapolation(**how), ClusterSettings(), seed)
    return {job.key: cost for job, cost in zip(jobs, costs, strict=True)}, notes


def without(times, *studies):
    return times.model_copy(
        update={"studies": {name: trials for name, trials in times.studies.items() if name not in studies}}
    )


def test_trials_take_times_that_were_measured_for_their_study(demo, times):
    costs, notes = draw(demo, times)
    trials = {cost for key, cost in costs.items() if key[0].startswith("train_")}
    assert trials == {Cost(2.0, 10.0), Cost(2.0, 11.0)}
    assert costs["tabulate_table2", "", None] == Cost(0.0, 1.0)
    assert notes == []


def test_replayed_trials_take_their_own_times(demo, times):
    costs, _ = draw(demo, times, spread="replay")
    for trial in range(2):
        assert costs["train_student", "cnn2-30k", trial].work == 10 + trial


def test_lognormal_times_have_the_measured_mean_and_spread(change, times):
    search = {"trials": 4000, "first_round": 4000, "round_size": 2}
    costs, _ = draw(change(teachers__search=search), times, spread="lognormal", scale=True)
    work = [cost.work for key, cost in costs.items() if key[0] == "train_teacher"]
    assert np.mean(work) == pytest.approx(10.5, abs=4 * 0.5 / 4000**0.5)
    assert np.std(work) == pytest.approx(0.5, rel=0.05)  # of 10 and 11


def test_a_trial_takes_as_long_whatever_the_rounds_are(change, times):
    searches = [{"trials": 9, "first_round": 3, "round_size": size} for size in (1, 6)]
    costs = [draw(change(teachers__search=search), times, scale=True)[0] for search in searches]
    keys = [("train_teacher", "teachers", trial) for trial in range(9)]
    assert [costs[0][key] for key in keys] == [costs[1][key] for key in keys]
    assert len({costs[0][key] for key in keys}) == 2
    other = draw(change(teachers__search=searches[0]), times, scale=True, seed=2)[0]
    assert [costs[0][key] for key in keys] != [other[key] for key in keys]


def test_twice_the_images_and_epochs_take_four_times_as_long(change, demo, times):
    # the demo's own nets were not of 1,000 multiply-adds: compare two extrapolations
    once = change(students__training={**demo.students.training.model_dump(), "max_epochs": 9})
    data = {"n_train": 6000, "n_validation": 2000}
    data = {**demo.data.model_dump(), **data}
    twice = once.model_copy(update={"data": type(demo.data).model_validate(data)})
    a, notes = draw(once, times, scale=True, epochs=5)
    b, _ = draw(twice, times, scale=True, epochs=10)
    key = ("train_student", "cnn2-30k", 0)
    assert b[key].work == pytest.approx(4 * a[key].work)
    assert a[key].start == b[key].start == 2
    assert "18 studies" in notes[0]
    assert "5 epochs where 4 were measured" in notes[0]


def test_a_study_that_was_not_measured_is_refused_or_taken_from_the_nearest_budget(demo, times):
    less = without(times, "cnn2-30k")
    with pytest.raises(InputError, match=r"--times: cnn2-30k as cnn2-100k: .*give --scale"):
        draw(demo, less)
    slow = less.model_copy(deep=True)
    slow.studies["cnn2-100k"] = [t.model_copy(update={"seconds": 1000.0}) for t in slow.studies["cnn2-100k"]]
    usual, _ = draw(demo, less, scale=True)
    changed, notes = draw(demo, slow, scale=True)
    key = ("train_student", "cnn2-30k", 0)
    assert changed[key].work > 50 * usual[key].work
    assert notes[0].startswith("cnn2-30k as cnn2-100k: ")


def test_nets_of_another_search_space_count_as_not_measured(change, demo, times):
    space = demo.teachers.search_space.model_dump()
    space["filters_conv3"] = {"low": 560, "high": 640}
    with pytest.raises(InputError, match=r"--times: teachers: .* times the multiply-adds"):
        draw(change(teachers__search_space=space), times)


def test_an_extrapolated_trial_takes_the_rate_of_a_measured_one_times_its_own_work(change, demo, times):
    space = demo.teachers.search_space.model_dump()
    for name in ("filters_conv1", "filters_conv2", "filters_conv3", "hidden_units"):
        space[name] = {"low": 32, "high": 32}
    images = (3 * 9000 + 2000) / (3 * 3000 + 1000)
    data = {**demo.data.model_dump(), "n_train": 9000, "n_validation": 2000}
    costs, _ = draw(change(teachers__search_space=space, data=data), times, scale=True, epochs=6)
    net = teacher_architecture([32, 32, 32], 32, [0.1] * 3, [0.1] * 2, 10)
    factor = count_multiply_adds(net) / 1000 * images * 6 / 4  # measured: 1,000 and 4 epochs
    work = {costs["train_teacher", "teachers", trial].work for trial in range(5)}
    assert {round(value / factor, 6) for value in work} == {10, 11}


@pytest.mark.parametrize("spread", ["resample", "lognormal", "replay"])
def test_speed_divides_the_work_of_submitted_jobs_and_no_start(demo, times, spread):
    slow, _ = draw(demo, times, spread=spread)
    fast, _ = draw(demo, times, spread=spread, speed=10)
    for key, cost in slow.items():
        submitted = key[0] in ("train_teacher", "train_student", "record_logits")
        assert fast[key].work == pytest.approx(cost.work / (10 if submitted else 1))
        assert fast[key].start == cost.start


def test_what_generates_and_records_scales_with_its_images_but_for_its_start(change, times):
    costs, notes = draw(change(epochs__n_epochs=18), times, scale=True)  # 8 were measured, in shards of 4
    assert costs["generate_epochs", "", 0] == Cost(2.0, 4.0)
    assert costs["generate_epochs", "", 4] == Cost(2.0, 2.0)  # the last shard has two epochs
    assert costs["record_logits", "", 0] == Cost(2.0, 10.0 * 18 / 8)
    assert "generate_epochs: 0.5 times the measured size" in notes


def test_pixels_from_a_run_of_recipes_are_said_to_take_longer(change, times):
    _, notes = draw(change(epochs__store="pixels"), times, scale=True)
    assert any("pixels were not rendered" in note for note in notes)


def test_proposals_of_rounds_that_were_not_measured_are_noted(change, times):
    search = {"trials": 4, "first_round": 2, "round_size": 2}
    costs, notes = draw(change(students__search=search), times)
    assert costs["propose_students", "mlp1-30k", 1].work == 3
    assert notes == ["propose_students, later rounds: not measured; as propose_teachers later"]


def test_seconds_that_are_given_replace_measured_ones(demo, times):
    costs, _ = draw(demo, times, given={"record_logits": 77.0})
    assert costs["record_logits", "", 0] == Cost(0.0, 77.0)
    with pytest.raises(InputError, match="--seconds: record_logit: the workflow has no such rule"):
        draw(demo, times, given={"record_logits": 77.0, "record_logit": 1.0})


def test_a_time_that_is_nowhere_is_asked_for(demo, times):
    rules = {rule: seconds for rule, seconds in times.rules.items() if rule != "record_logits"}
    with pytest.raises(InputError, match="no time of record_logits; give --seconds record_logits="):
        draw(demo, times.model_copy(update={"rules": rules}))
    with pytest.raises(InputError, match="expected times of teachers, found none"):
        draw(demo, without(times, "teachers"))


def test_missing_starts_are_noted(demo, times):
    costs, notes = draw(demo, times.model_copy(update={"stage_start": {}}))
    assert {cost.start for cost in costs.values()} == {0.0}
    assert notes == ["stage starts were not measured: taken to be part of start_seconds"]


def test_how_times_are_drawn_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Extrapolation().scale = True
