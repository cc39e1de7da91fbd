import math

import pytest
import torch
from torch import nn

from mimic.models.dropout import Dropout

N = 400_000


def dropped(rate, values, seed=0):
    torch.manual_seed(seed)
    return Dropout(rate)(values)


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 0.7, 0.999])
def test_a_value_is_dropped_at_the_rate_and_the_mean_is_kept(rate):
    result = dropped(rate, torch.ones(N))
    zeros = int((result == 0).sum())
    assert abs(zeros - rate * N) < 5 * math.sqrt(N * rate * (1 - rate))
    kept = result[result != 0]
    assert (kept == kept[0]).all()
    # 1 / (1 - rate), up to the rounding of the rate
    assert float(kept[0]) * (1 - rate) == pytest.approx(1, abs=2**-17 / (1 - rate) + 1e-6)


def test_neighbours_are_dropped_independently():
    """Four values come from the same 64 bits: all 16 patterns of four neighbours are equally likely."""
    kept = (dropped(0.5, torch.ones(N)) != 0).view(-1, 4).long()
    patterns = torch.bincount(kept @ torch.tensor([1, 2, 4, 8]), minlength=16).double()
    expected = N / 4 / 16
    statistic = float(((patterns - expected) ** 2 / expected).sum())
    assert statistic < 45  # chi-squared with 15 degrees of freedom: exceeded once in 13,000 seeds


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 5, 7), (1, 1)])
def test_odd_shapes_are_dropped_whole(shape):
    values = torch.ones(shape)
    results = torch.stack([dropped(0.5, values, seed) for seed in range(200)])
    assert results.shape[1:] == shape
    share = (results == 0).double().mean(0)
    assert (share > 0.25).all()
    assert (share < 0.75).all()


def test_the_memory_format_stays():
    values = torch.ones(4, 6, 8, 8)
    last = dropped(0.3, values.contiguous(memory_format=torch.channels_last))
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert not last.is_contiguous()
    sliced = torch.ones(8, 6)[:, ::2]
    assert dropped(0.3, sliced).shape == (8, 3)


def test_gradients_pass_where_values_do():
    values = torch.ones(1000, requires_grad=True)
    result = dropped(0.4, values)
    result.sum().backward()
    assert torch.equal(values.grad, result.detach())


def test_bfloat16_stays_bfloat16():
    result = dropped(0.25, torch.ones(1000).bfloat16())
    assert result.dtype == torch.bfloat16
    assert set(result.tolist()) == {0.0, float(torch.tensor(4 / 3).bfloat16())}


def test_draws_follow_torch_s_seed():
    values = torch.ones(1000)
    assert torch.equal(dropped(0.5, values, 1), dropped(0.5, values, 1))
    assert not torch.equal(dropped(0.5, values, 1), dropped(0.5, values, 2))


def test_a_rate_next_to_one_drops_nearly_all():
    result = dropped(1 - 2**-20, torch.ones(N))
    assert (result == 0).sum() >= N - 50  # 6 of 400,000 are expected at a rate of 65,535 / 65,536
    assert result.isfinite().all()


def test_nothing_is_dropped_outside_training_nor_at_rate_zero():
    values = torch.randn(100)
    assert torch.equal(Dropout(0.5).eval()(values), values)
    assert torch.equal(dropped(0.0, values), values)
    assert isinstance(Dropout(0.5), nn.Dropout)
