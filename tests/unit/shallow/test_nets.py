import pytest
import torch
from tests.unit.shallow.plain_nets import PlainNet

from mimic.shallow.grid import Shape
from mimic.shallow.nets import INITIALISERS, ResidualNet, initial_tensors, tensor_shapes

LAYOUTS = ["sequential", "parallel"]


def net_and_plain(shape, layout, dtype=torch.float64, **options):
    tensors = {name: tensor.to(dtype) for name, tensor in initial_tensors(shape, "he_normal", 5).items()}
    net = ResidualNet(shape, layout, **options).to(dtype)
    net.load_state_dict(tensors)
    return net, PlainNet(shape, layout, tensors, **options)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("padding", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize(
    ("n_layers", "kernel_size", "batch_norm"), [(1, 1, False), (3, 3, True), (4, 5, False)]
)
def test_logits_are_those_of_the_net_written_with_torch_modules(
    layout, padding, n_layers, kernel_size, batch_norm
):
    shape = Shape((3, 8, 8), 4, n_layers, 3, kernel_size, batch_norm)
    net, plain = net_and_plain(shape, layout, activation="tanh", padding=padding)
    images = torch.rand(6, 3, 8, 8, dtype=torch.float64)
    for mode in ("train", "eval"):  # training changes the statistics that evaluation uses
        getattr(net, mode)(), getattr(plain, mode)()
        torch.testing.assert_close(net(images), plain(images), rtol=0, atol=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(("n_layers", "n_filters", "kernel_size"), [(1, 1, 3), (4, 8, 3), (2, 5, 7)])
def test_parameters_are_counted_as_torch_counts_them(layout, batch_norm, n_layers, n_filters, kernel_size):
    shape = Shape((1, 28, 28), 10, n_layers, n_filters, kernel_size, batch_norm)
    _, plain = net_and_plain(shape, layout)
    assert shape.n_parameters == sum(parameter.numel() for parameter in plain.parameters())
    weights, _ = tensor_shapes(shape)
    assert shape.n_parameters == sum(torch.Size(size).numel() for size in weights.values())


def test_both_layouts_start_equal_and_one_layer_is_one_function():
    shape = Shape((1, 10, 10), 5, 1, 4, 3, False)
    tensors = initial_tensors(shape, "glorot_uniform", 3)
    images = torch.rand(7, 1, 10, 10)
    logits = []
    for layout in LAYOUTS:
        net = ResidualNet(shape, layout)
        net.load_state_dict(tensors)
        logits.append(net(images))
    torch.testing.assert_close(*logits, rtol=0, atol=1e-6)


def test_two_layers_are_two_functions():
    shape = Shape((1, 10, 10), 5, 2, 4, 3, False)
    images = torch.rand(7, 1, 10, 10, dtype=torch.float64)
    sequential, parallel = (net_and_plain(shape, layout)[0](images) for layout in LAYOUTS)
    assert (sequential - parallel).abs().max() > 1e-3


@pytest.mark.parametrize("initialiser", sorted(INITIALISERS))
def test_initial_weights_have_the_scale_of_their_rule(initialiser):
    shape = Shape((3, 32, 32), 10, 2, 64, 3, True)
    tensors = initial_tensors(shape, initialiser, 1)
    n_in, n_out = 64 * 9, 64 * 9
    variance = 2 / (n_in + n_out) if initialiser.startswith("glorot") else 2 / n_in
    found = tensors["layers_weight"].var().item()
    assert found == pytest.approx(variance, rel=0.03)  # 73,728 draws
    assert tensors["layers_bias"].abs().max() == 0
    assert tensors["norm_weight"].min() == 1 == tensors["norm_variance"].max()


def test_layers_start_the_same_in_deeper_nets_and_differ_from_each_other():
    shallow, deep = (
        initial_tensors(Shape((1, 28, 28), 10, n, 4, 3, False), "glorot_uniform", 9) for n in (2, 5)
    )
    assert torch.equal(shallow["layers_weight"], deep["layers_weight"][:2])
    assert torch.equal(shallow["dense_weight"], deep["dense_weight"])
    assert not torch.equal(deep["layers_weight"][0], deep["layers_weight"][1])
    other = initial_tensors(Shape((1, 28, 28), 10, 2, 4, 3, False), "glorot_uniform", 10)
    assert not torch.equal(shallow["stem_weight"], other["stem_weight"])
