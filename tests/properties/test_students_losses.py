import itertools

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mimic.config.training import TrainingSettings
from mimic.students.losses import logit_l2
from mimic.training.schedule import HalvingSchedule

shapes = st.tuples(st.integers(1, 5), st.integers(2, 5))
elements = st.floats(-50, 50, width=16)
logits = shapes.flatmap(lambda shape: st.tuples(*[arrays(np.float32, shape, elements=elements)] * 2))


@given(logits)
def test_logit_l2_is_zero_only_at_equality(pair):
    student, teacher = (torch.from_numpy(array) for array in pair)
    loss = float(logit_l2(student, teacher))
    assert loss >= 0
    # width 16: differences are multiples of 2^-24 at least, and their squares do not vanish in float32
    assert (loss == 0) == torch.equal(student, teacher)
    expected = np.mean((pair[0].astype(np.float64) - pair[1]) ** 2)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    assert float(logit_l2(teacher, teacher)) == 0


errors = st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1, max_size=80)


@settings(max_examples=60)
@given(errors, st.integers(1, 12), st.integers(0, 10), st.integers(1, 40))
def test_the_schedule_keeps_its_promises(values, patience, cooldown, stop):
    parameters = TrainingSettings(
        batch_size=1,
        max_epochs=60,
        halve_patience=patience,
        halve_cooldown=cooldown,
        stop_patience=stop,
        stop_reduction=2000.0,
        precision="float32",
        channels_last="off",
    )
    schedule, halved, seen = HalvingSchedule(1.0, parameters), [], []
    for value in values:
        rate = schedule.rate
        dropped = schedule.step(value)
        assert dropped == (value < min(seen, default=np.inf))
        seen.append(value)
        if schedule.rate < rate:
            halved.append(schedule.epoch)
            assert min(seen[-patience:]) >= min(seen[:-patience], default=np.inf) or len(seen) <= patience
        if schedule.stop_reason:
            break
    assert schedule.best_epoch == seen.index(min(seen)) + 1
    assert schedule.epoch - schedule.best_epoch <= stop
    assert all(later - earlier > cooldown for earlier, later in itertools.pairwise(halved))
    assert schedule.rate == 0.5 ** len(halved)
