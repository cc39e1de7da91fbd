"""Shared by all tests: one thread, so that bytes do not depend on the machine's cores."""

import os

import hypothesis
import pytest

# A slow or busy machine is no failure, and no examples are kept in the checkout.
hypothesis.settings.register_profile("mimic", deadline=None, database=None)
hypothesis.settings.load_profile("mimic")

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    import torch

    torch.set_num_threads(1)
