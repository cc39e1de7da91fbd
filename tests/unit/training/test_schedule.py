"""The schedule against lists of epochs written by hand, with the paper's numbers 10, 8, 30 and 2000."""

import pytest

from mimic.training.schedule import HalvingSchedule

NEVER = [0.5] + [0.5] * 1000


def follow(errors, settings):
    """Epochs (from 1) after which the rate was halved, and the schedule at its end."""
    schedule, halved = HalvingSchedule(0.8, settings), []
    for error in errors:
        before = schedule.rate
        schedule.step(error)
        if schedule.rate != before:
            assert schedule.rate == before / 2
            halved.append(schedule.epoch)
        if schedule.stop_reason is not None:
            break
    return halved, schedule


def test_an_error_that_never_drops_again(training):
    """Its minimum is epoch 1: halved 10, 19 and 28 epochs later, over 30 epochs later."""
    halved, schedule = follow(NEVER, training(max_epochs=500))
    assert halved == [11, 20, 29]
    assert schedule.epoch == 31
    assert schedule.rate == pytest.approx(0.1)
    assert schedule.stop_reason == "no drop for 30 epochs"
    assert schedule.best_epoch == 1


def test_an_error_that_always_drops_is_left_alone(training):
    halved, schedule = follow([1 - 0.001 * i for i in range(100)], training(max_epochs=60))
    assert halved == []
    assert schedule.epoch == 60
    assert schedule.stop_reason == "last epoch"
    assert schedule.best_epoch == 60


def test_a_drop_starts_both_counts_anew(training):
    """Drops at 1, 10 and 25: nine epochs without one halve nothing, ten do, and 30 after 25 end it."""
    errors = [0.9] + [0.9] * 8 + [0.8] + [0.8] * 14 + [0.7] + [0.7] * 100
    halved, schedule = follow(errors, training(max_epochs=500))
    # 10 + 10 = 20; 25 + 10 = 35, then each 9th: 44, 53; 25 + 30 = 55
    assert halved == [20, 35, 44, 53]
    assert schedule.epoch == 55
    assert schedule.best_epoch == 25


def test_the_rate_rests_for_eight_epochs_after_it_was_halved(training):
    """With a patience of 1 every epoch asks for a halving: it comes every ninth."""
    halved, _ = follow(NEVER, training(max_epochs=40, halve_patience=1, stop_patience=39))
    assert halved == [2, 11, 20, 29, 38]


def test_without_a_cooldown_every_epoch_halves(training):
    halved, _ = follow(NEVER, training(max_epochs=6, halve_patience=2, halve_cooldown=0, stop_patience=39))
    assert halved == [3, 4, 5, 6]


def test_a_drop_within_the_cooldown_does_not_shorten_it(training):
    """Halved after 11; a drop at 12, ten without one at 22: more than eight after 11, so halved."""
    errors = [0.5] * 11 + [0.4] * 100
    halved, schedule = follow(errors, training(max_epochs=500))
    assert halved == [11, 22, 31, 40]
    assert schedule.epoch == 42


def test_training_ends_when_the_rate_fell_more_than_2000_fold(training):
    """2^10 = 1024 does not end it, 2^11 = 2048 does: the eleventh halving, at 2 + 10 * 9."""
    settings = training(max_epochs=500, halve_patience=1, stop_patience=400)
    halved, schedule = follow(NEVER, settings)
    assert len(halved) == 11
    assert schedule.epoch == 92
    assert schedule.stop_reason == "rate reduced more than 2000-fold"


def test_a_reduction_of_just_the_limit_is_not_more_than_it(training):
    settings = training(max_epochs=500, halve_patience=1, stop_patience=400, stop_reduction=4.0)
    assert len(follow(NEVER, settings)[0]) == 3


def test_an_equal_error_is_no_drop_and_any_smaller_one_is(training):
    schedule = HalvingSchedule(0.1, training())
    assert [schedule.step(e) for e in (0.5, 0.5, 0.5 - 1e-12, 0.6)] == [True, False, True, False]
    assert schedule.best_epoch == 3


def test_the_last_epoch_ends_training(training):
    _, schedule = follow([0.5], training(max_epochs=1))
    assert schedule.epoch == 1
    assert schedule.stop_reason == "last epoch"
