import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mimic.logits.average_logits import average_logits
from mimic.logits.store import TARGETS_FORMAT, Member, StoredLogits, write_logits

shapes = st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(2, 5))
finite = st.floats(-60000, 60000, width=32)


@settings(max_examples=30, deadline=None)
@given(
    shapes.flatmap(lambda s: arrays(np.float32, s, elements=finite)), st.sampled_from(["float16", "float32"])
)
def test_any_logits_survive_their_file_to_the_type_s_rounding(logits, dtype):
    k, n, n_classes = logits.shape
    digests = [bytes([epoch]) * 32 for epoch in range(k)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.h5")
        members = [Member(0, "w")]
        write_logits(path, TARGETS_FORMAT, iter(logits), digests, n, n_classes, dtype, members, {})
        stored = StoredLogits(path, TARGETS_FORMAT, dict(enumerate(digests)), n)
        for epoch in range(2 * k):
            np.testing.assert_array_equal(stored.epoch(epoch), logits[epoch % k].astype(dtype))


@given(shapes.flatmap(lambda s: arrays(np.float32, s, elements=st.floats(-1e4, 1e4, width=32))))
def test_a_mean_lies_between_its_members_and_one_member_is_its_own(members):
    mean = average_logits(list(members))
    slack = 1e-9 * np.abs(members).max()
    assert (mean >= members.min(axis=0) - slack).all()
    assert (mean <= members.max(axis=0) + slack).all()
    np.testing.assert_array_equal(average_logits([members[0]]), members[0])
    np.testing.assert_allclose(mean, members.astype(np.float64).mean(axis=0), rtol=1e-12, atol=1e-12)
