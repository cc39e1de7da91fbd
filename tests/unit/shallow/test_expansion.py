"""The expansion of a sequential net, against all subsets written out, the parallel net, products by hand."""

import itertools

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from mimic.shallow.expansion import expand, features, images_at_once, terms
from mimic.shallow.grid import Shape
from mimic.shallow.nets import ResidualNet, initial_tensors
from mimic.shallow.substacks import count_substacks


def make_net(
    n_layers, n_filters=2, batch_norm=False, activation="relu", padding="zeros", seed=3, image=(1, 6, 5)
):
    """A sequential net in float64 whose tensors are all random, and images for it."""
    shape = Shape(image, 4, n_layers, n_filters, 3, batch_norm)
    net = ResidualNet(shape, "sequential", activation, padding).double()
    net.load_state_dict(initial_tensors(shape, "he_normal", seed))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in (*net.parameters(), *net.buffers()):
            tensor += 0.3 * torch.rand(tensor.shape, generator=generator)
    return net.eval(), torch.randint(0, 256, (7, *image), generator=generator, dtype=torch.uint8)


def substack(net, x, layers):
    for layer in layers:
        x = x + net.term(layer, x)
    return x


def written_out(net, x, order):
    """T_k from its definition: all sets S of k layers, all R in S."""
    total = torch.zeros_like(x)
    for chosen in itertools.combinations(range(net.shape.n_layers), order):
        for size in range(order + 1):
            for part in itertools.combinations(chosen, size):
                total += (-1) ** (order - size) * substack(net, x, part)
    return total


@pytest.mark.parametrize(
    ("n_layers", "options"),
    [
        (1, {}),
        (3, {}),
        (6, {}),
        (4, {"batch_norm": True}),
        (4, {"activation": "sigmoid", "padding": "reflect"}),
        (5, {"activation": "gelu", "n_filters": 1, "padding": "circular"}),
    ],
)
@torch.no_grad()
def test_orders_are_those_of_all_subsets_written_out_and_sum_to_the_net(n_layers, options):
    net, images = make_net(n_layers, **options)
    x = net.stem(images.double() / 255)
    found = terms(net, x, n_layers)
    full = substack(net, x, range(n_layers))
    for order, term in enumerate(found):
        assert (term - written_out(net, x, order)).norm() <= 1e-12 * full.norm()
    assert (sum(found) - full).norm() <= 1e-12 * full.norm()
    assert torch.equal(features(net, x), full)
    assert torch.allclose(net.dense(full), net(images.double() / 255), rtol=1e-12)


@pytest.mark.parametrize("batch_norm", [False, True])
@torch.no_grad()
def test_the_first_order_is_what_the_parallel_net_adds(batch_norm):
    net, images = make_net(5, batch_norm=batch_norm)
    parallel = ResidualNet(net.shape, "parallel").double().eval()
    parallel.load_state_dict(net.state_dict())
    pixels = images.double() / 255
    zeroth, first = terms(net, net.stem(pixels), 1)
    assert torch.allclose(net.dense(zeroth + first), parallel(pixels), rtol=1e-12, atol=1e-12)
    assert not torch.allclose(net(pixels), parallel(pixels), rtol=1e-3)


@torch.no_grad()
def test_orders_of_linear_layers_are_elementary_symmetric_products():
    # 1x1 kernels without activation and bias: layer i is a matrix A_i on the channels
    generator = np.random.default_rng(0)
    a, b, c = generator.normal(size=(3, 2, 2))
    shape = Shape((1, 1, 1), 2, 3, 2, 1, False)
    net = ResidualNet(shape, "sequential").double().eval()
    net.activation = torch.nn.Identity()
    net.layers_weight.copy_(torch.from_numpy(np.stack([a, b, c])[..., None, None]))
    x = generator.normal(size=(5, 2))
    found = [term[:, :, 0, 0].numpy() for term in terms(net, torch.from_numpy(x)[:, :, None, None], 3)]
    expected = [np.eye(2), a + b + c, b @ a + c @ a + c @ b, c @ b @ a]
    for term, matrix in zip(found, expected, strict=True):
        np.testing.assert_allclose(term, x @ matrix.T, rtol=1e-12, atol=1e-13)


def test_what_is_measured_agrees_with_numpy():
    net, images = make_net(4)
    labels = torch.tensor([0, 1, 2, 3, 0, 1, 2])
    found = expand(net, images, labels, 2)
    with torch.no_grad():
        x = net.stem(images.double() / 255)
        orders = [written_out(net, x, order).flatten(1).numpy() for order in range(3)]
        full = substack(net, x, range(4)).flatten(1).numpy()
    w, bias = net.dense_weight.detach().numpy(), net.dense_bias.detach().numpy()
    orders.append(full - sum(orders))
    partial = np.cumsum(orders, 0)
    moved = full - orders[0]
    norm = np.linalg.norm
    for k in range(4):
        assert found.feature_norm[k] == pytest.approx(norm(orders[k]) / norm(moved), rel=1e-9)
        assert found.logit_norm[k] == pytest.approx(norm(orders[k] @ w.T) / norm(moved @ w.T), rel=1e-9)
        left = full - partial[k]
        share = 1 - (norm(left) / norm(moved)) ** 2
        assert found.feature_share[k] == pytest.approx(share, abs=1e-9)
        assert found.logit_share[k] == pytest.approx(
            1 - (norm(left @ w.T) / norm(moved @ w.T)) ** 2, abs=1e-9
        )
        logits = partial[k] @ w.T + bias
        assert found.accuracy[k] == pytest.approx((logits.argmax(1) == labels.numpy()).mean())
        losses = logsumexp(logits, axis=1) - logits[np.arange(7), labels.numpy()]
        assert found.cross_entropy[k] == pytest.approx(losses.mean(), rel=1e-9)
    assert found.feature_share[0] == 0
    assert found.feature_share[-1] == 1
    assert found.n_images == 7


def test_one_layer_has_no_order_above_the_first():
    net, images = make_net(1)
    found = expand(net, images, torch.zeros(7, dtype=torch.int64), 4)
    assert len(found.feature_norm) == 3  # 0, 1 and the rest
    assert found.feature_norm[1] == pytest.approx(1)
    assert found.feature_norm[2] < 1e-14
    assert found.accuracy[1] == found.accuracy[2]


def test_a_net_whose_layers_add_nothing_has_no_shares():
    net, images = make_net(3)
    with torch.no_grad():
        net.layers_bias -= 1e3  # relu lets nothing through
    found = expand(net, images, torch.zeros(7, dtype=torch.int64), 2)
    assert np.isnan(found.feature_share).all()
    assert np.isnan(found.logit_norm).all()
    assert len(set(found.cross_entropy)) == 1


def test_chunks_change_nothing_but_rounding(monkeypatch):
    net, images = make_net(4)
    labels = torch.tensor([0, 1, 2, 3, 0, 1, 2])
    whole, calls = expand(net, images, labels, 3), []
    monkeypatch.setattr("mimic.shallow.expansion._BYTES_ON_CPU", 3 * 8 * net.shape.n_features)
    assert images_at_once(net.shape, torch.device("cpu")) == 3
    parts = expand(net, images, labels, 3, lambda: calls.append(1))
    assert len(calls) == 3
    for name, values in vars(whole).items():
        assert getattr(parts, name) == pytest.approx(values, rel=1e-12)


@pytest.mark.parametrize(
    ("n_layers", "max_order", "expected"), [(1, 4, 1), (4, 4, 15), (6, 2, 21), (32, 4, 41448)]
)
def test_substacks_are_counted_as_layers_are_evaluated(n_layers, max_order, expected):
    assert count_substacks(n_layers, max_order) == expected


@torch.no_grad()
def test_every_substack_takes_one_evaluation_of_a_layer(monkeypatch):
    net, images = make_net(6)
    calls, term = [], net.term
    monkeypatch.setattr(net, "term", lambda *arguments: calls.append(1) or term(*arguments))
    terms(net, net.stem(images.double() / 255), 3)
    assert len(calls) == count_substacks(6, 3)
