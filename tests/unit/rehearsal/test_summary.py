"""Sums over a simulated run, and its lines of utilisation."""

import pytest

from mimic.rehearsal.cluster import ClusterSettings
from mimic.rehearsal.durations import Extrapolation
from mimic.rehearsal.jobs import Job
from mimic.rehearsal.summary import rehearse, utilisation

JOBS = [Job("train_teacher"), Job("train_student"), Job("prepare_dataset")]


def test_slices_say_how_many_gpus_work_and_on_what():
    spans = [(0, 0.0, 4.0, 0), (1, 2.0, 6.0, 1), (0, 5.0, 6.0, 2)]
    busy, steps = utilisation(spans, JOBS, 2, 8.0, n_slices=4)
    assert busy == pytest.approx([0.5, 1.0, 0.75, 0.0])
    assert steps == "TSS."  # between two that have as much, the first letter


def test_a_gpu_with_two_trials_is_busy_once():
    spans = [(0, 0.0, 4.0, 0), (0, 1.0, 3.0, 1), (0, 2.0, 6.0, 1)]
    busy, _ = utilisation(spans, JOBS, 1, 8.0, n_slices=4)
    assert busy == pytest.approx([1, 1, 1, 0])


def test_nothing_takes_no_time():
    assert utilisation([], JOBS, 1, 0.0) == ([], "")
    assert utilisation([], JOBS, 1, 1.0, n_slices=2) == ([0, 0], "..")


@pytest.fixture
def rehearsed(demo, times):
    """Function (GPUs, cluster keys) -> the rehearsal of the demo."""

    def make(gpus, round_sizes=(), **keys):
        how = Extrapolation(spread="replay")
        return rehearse(demo, times, how, ClusterSettings(**keys), gpus, 1, round_sizes=round_sizes)

    return make


def test_work_idle_time_and_bounds_belong_together(rehearsed):
    result = rehearsed([1, 2, 7])
    # 45 trials of 10 or 11 s (the hard-label studies have one each, of 10), three members of 10
    trials = (10 + 11) * 18 + 10 * 4 + (10 + 11 + 10 + 10 + 10)
    assert result["gpu_jobs"] == 48
    assert result["start_seconds"] == 48 * 2
    for row in result["sizes"]:
        assert row["bound_seconds"] == pytest.approx(result["work_seconds"] / row["gpus"])
        assert row["makespan_seconds"] >= max(row["bound_seconds"], result["longest_chain_seconds"])
        held = (1 - row["idle_share"]) * row["gpus"] * row["makespan_seconds"]
        assert held == pytest.approx(result["work_seconds"] + row["start_seconds"])
        assert row["start_seconds"] == pytest.approx(48 * (2 + 3.9))
    # which of two measured times the teachers beyond the second take is drawn
    assert trials + 30 <= result["work_seconds"] <= trials + 30 + 3


def test_the_cost_of_barriers_is_the_difference_of_two_runs(rehearsed):
    (row,) = rehearsed([64])["sizes"]
    assert row["barriers_seconds"] == row["makespan_seconds"] - row["no_barriers_seconds"]
    assert row["barriers_seconds"] > 10  # a second round of teachers at the least


def test_smaller_rounds_take_longer_where_there_are_gpus(rehearsed):
    found = {
        (row["round_size"], row["gpus"]): row["makespan_seconds"]
        for row in rehearsed([1, 64], round_sizes=[1, 2])["round_sizes"]
    }
    assert set(found) == {(1, 1), (1, 64), (2, 1), (2, 64)}
    assert found[1, 64] > found[2, 64]
