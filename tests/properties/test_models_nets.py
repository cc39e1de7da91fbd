import json

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mimic.models.architecture import (
    Architecture,
    Bottleneck,
    Conv,
    Dense,
    Dropout,
    Pool,
    count_parameters,
    from_json_value,
    layer_table,
    to_json_value,
)
from mimic.models.bottleneck import absorb_bottleneck
from mimic.models.budget import scale_ratios, solve_width
from mimic.models.net import Net, new_net
from mimic.models.student_mlp import mlp_architecture

widths = st.integers(1, 6)
rates = st.floats(0, 0.99)
dropouts = st.builds(Dropout, rates)
planes = st.lists(
    st.one_of(
        st.builds(Conv, widths, st.sampled_from([1, 3, 5])), st.builds(Pool, st.integers(2, 5)), dropouts
    ),
    max_size=4,
)
flats = st.lists(st.one_of(st.builds(Dense, widths), st.builds(Bottleneck, widths), dropouts), max_size=4)


@st.composite
def architectures(draw):
    layers = (*draw(planes), *draw(flats))
    side = 32
    for layer in layers:
        side //= getattr(layer, "size", 1)
    assume(side)
    return Architecture(layers, draw(st.integers(2, 5)))


@settings(max_examples=40, deadline=None)
@given(architectures())
def test_any_described_net_is_built_as_it_is_counted(architecture):
    net = Net(architecture).eval()
    assert count_parameters(architecture) == sum(p.numel() for p in net.parameters())
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, architecture.n_classes)
    assert layer_table(architecture)[-1].output_shape == (architecture.n_classes,)
    assert from_json_value(json.dumps(to_json_value(architecture)), "here") == architecture


@settings(max_examples=40, deadline=None)
@given(architectures(), st.floats(0.5, 2), st.integers(0, 2**31))
def test_absorbing_bottlenecks_changes_no_output(architecture, input_scale, seed):
    net = new_net(architecture, 1.0, seed, input_scale).double().eval()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(seed)).double()
    with torch.no_grad():
        plain, before = absorb_bottleneck(net), net(images)
        torch.testing.assert_close(plain(images), before, rtol=1e-10, atol=1e-10)
        single = net.float()
        after = absorb_bottleneck(single)(images.float())
        torch.testing.assert_close(after, single(images.float()), rtol=1e-5, atol=1e-5)
    assert not any(layer.kind == "bottleneck" for layer in plain.architecture.layers)


@given(st.integers(1, 500), st.integers(1, 100), st.integers(0, 2_900_000))
def test_a_solved_width_is_the_largest_that_fits(before, after, surplus):
    def build(width):
        return mlp_architecture([before, width, after], 10)

    budget = count_parameters(build(1)) + surplus
    width = solve_width(build, budget)
    assert count_parameters(build(width)) <= budget < count_parameters(build(width + 1))


@given(st.lists(st.floats(0.05, 1), min_size=2, max_size=5), st.integers(20_000, 50_000_000))
def test_scaled_ratios_fit_and_the_first_layers_keep_them(ratios, budget):
    def build(units):
        return mlp_architecture(units, 10)

    units = scale_ratios(ratios, build, budget)
    assert len(units) == len(ratios)
    more = [*units[:-1], units[-1] + 1]
    assert count_parameters(build(units)) <= budget < count_parameters(build(more))
    # floor(t r) = u for one t: the intervals [u / r, (u + 1) / r) of the first layers overlap
    scaled = [(u / r if u > 1 else 0.0, (u + 1) / r) for u, r in zip(units[:-1], ratios, strict=False)]
    assert max(low for low, _ in scaled) <= min(high for _, high in scaled) * (1 + 1e-9)
