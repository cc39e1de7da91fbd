"""Counts and notation of nets; torchvision's published nets are the oracle for counting."""

import json

import pytest
import torch
from torch import nn

from mimic.cli import InputError
from mimic.config.families import CNN_FAMILIES
from mimic.models.architecture import (
    Architecture,
    Bottleneck,
    Conv,
    Dense,
    Dropout,
    Pool,
    count_activations,
    count_multiply_adds,
    count_parameters,
    from_json_value,
    layer_table,
    notation,
    to_json_value,
)
from mimic.models.net import Net
from mimic.models.student_cnn import cnn_architecture
from mimic.models.student_mlp import mlp_architecture
from mimic.models.teacher_cnn import teacher_architecture

WIDTHS = {"conv1": 3, "conv2": 5, "conv3": 4, "conv4": 7, "bottleneck": 6, "hidden": 11}
NETS = {
    "teacher": teacher_architecture([3, 4, 5], 6, [0.1, 0.2, 0.3], [0.4, 0.5], 10),
    **{family: cnn_architecture(family, WIDTHS, 10) for family in CNN_FAMILIES},
    "cnn3 with dropout": cnn_architecture("cnn3", WIDTHS, 10, [0.1, 0.2, 0.3], 0.4),
    "mlp1": mlp_architecture([9], 10, bottleneck=4),
    **{f"mlp{n}": mlp_architecture(list(range(5, 5 + n)), 10) for n in range(2, 6)},
}


def vgg(*blocks):
    layers = []
    for n_convs, filters in blocks:
        layers += [Conv(filters, 3)] * n_convs + [Pool(2)]
    return Architecture((*layers, Dense(4096), Dropout(0.5), Dense(4096), Dropout(0.5)), 1000, (3, 224, 224))


@pytest.mark.parametrize(
    ("blocks", "n_parameters", "giga_multiply_adds"),
    [
        (((1, 64), (1, 128), (2, 256), (2, 512), (2, 512)), 132_863_336, 7.609),
        (((2, 64), (2, 128), (2, 256), (2, 512), (2, 512)), 133_047_848, 11.308),
        (((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 138_357_544, 15.47),
        (((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)), 143_667_240, 19.632),
    ],
    ids=["vgg11", "vgg13", "vgg16", "vgg19"],
)
def test_counts_equal_what_torchvision_publishes(blocks, n_parameters, giga_multiply_adds):
    """``num_params`` and ``_ops`` of torchvision.models.VGG11_Weights and so on."""
    net = vgg(*blocks)
    assert count_parameters(net) == n_parameters
    # Printed to 0.001; counted there with the biases' additions left out, as here.
    assert count_multiply_adds(net) / 1e9 == pytest.approx(giga_multiply_adds, abs=6e-4)


@pytest.mark.parametrize("name", NETS)
def test_every_layer_counts_what_the_torch_net_has_and_does(name):
    architecture = NETS[name]
    net = Net(architecture).eval()
    measured = []

    def look(module, inputs, output):
        positions = output[0, 0].numel() if isinstance(module, nn.Conv2d) else 1
        n_parameters = sum(p.numel() for p in module.parameters())
        measured.append((tuple(output.shape[1:]), n_parameters, module.weight.numel() * positions))

    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(look)
    output = net(torch.zeros(2, 3, 32, 32))
    rows = [row for row in layer_table(architecture) if row.n_parameters]
    assert [(r.output_shape, r.n_parameters, r.n_multiply_adds) for r in rows] == measured
    assert output.shape == (2, 10)
    assert count_parameters(architecture) == sum(p.numel() for p in net.parameters())
    assert count_multiply_adds(architecture) == sum(n for _, _, n in measured)


def test_a_net_counted_by_hand():
    """conv 3*2*9+2 = 56; 8x8 after the pool of 4; dense 128*5+5; logits 5*2+2."""
    net = Architecture((Conv(2, 3), Pool(4), Dense(5)), 2)
    assert [row.n_parameters for row in layer_table(net)] == [56, 0, 645, 12]
    assert [row.n_multiply_adds for row in layer_table(net)] == [54 * 1024, 0, 640, 10]
    assert count_activations(net) == 2 * 1024 + 2 * 64 + 5 + 2
    assert [row.output_shape for row in layer_table(net)] == [(2, 32, 32), (2, 8, 8), (5,), (2,)]


def test_notation_is_the_paper_s():
    teacher = teacher_architecture([76, 126, 148], 1200, [0.1] * 3, [0.1] * 2, 10)
    assert notation(teacher) == "76c^2-mp-126c^2-mp-148c^4-mp-1200fc^2"
    assert notation(cnn_architecture("cnn1", WIDTHS, 10)) == "3c-mp-6lfc-11fc"
    assert notation(cnn_architecture("cnn4", WIDTHS, 10)) == "3c-mp-5c-4c-mp-7c-mp-11fc"
    assert notation(mlp_architecture([8, 8, 9], 10)) == "8fc^2-9fc"
    assert notation(Architecture((Pool(2), Pool(2)), 2)) == "mp-mp"


def test_dropout_between_equal_layers_does_not_hide_that_they_follow_each_other():
    assert notation(Architecture((Dense(4), Dropout(0.5), Dense(4)), 2)) == "4fc^2"


def test_a_pool_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match="max-pool 2x2 has no output left"):
        Architecture((Pool(32), Pool(2)), 10)
    assert layer_table(Architecture((Pool(32),), 10))[0].output_shape == (3, 1, 1)


@pytest.mark.parametrize("layer", [Conv(2, 3), Pool(2)])
def test_a_layer_that_needs_a_plane_is_refused_after_a_flat_one(layer):
    with pytest.raises(ValueError, match="cannot follow a flat one"):
        Architecture((Dense(3), layer), 10)
    with pytest.raises(ValueError, match="cannot follow a flat one"):
        Architecture((Bottleneck(3), layer), 10)


@pytest.mark.parametrize("name", NETS)
def test_an_architecture_survives_json(name):
    text = json.dumps(to_json_value(NETS[name]))
    assert from_json_value(text, "here") == NETS[name]


def changed(**changes):
    return json.dumps(to_json_value(NETS["cnn2"]) | changes)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "JSON"),
        ("{", "JSON"),
        ("null", "got None"),
        ("[1, 2]", "got [1, 2]"),
        (changed(n_classes=1), "n_classes"),
        (changed(n_classes="10"), "n_classes"),
        (changed(n_classes=10**12), "n_classes"),
        (changed(surprise=1), "surprise: Unexpected"),
        (changed(layers=[{"kind": "exec", "units": 3}]), "layers.0"),
        (changed(layers=[{"kind": "dense", "units": 0}]), "units"),
        (changed(layers=[{"kind": "dense", "units": 2.5}]), "units"),
        (changed(layers=[{"kind": "dense", "units": 10**30}]), "units"),
        (changed(layers=[{"kind": "dense", "units": True}]), "units"),
        (changed(layers=[{"kind": "conv", "filters": 3, "kernel": 99}]), "kernel"),
        (changed(layers=[{"kind": "dropout", "rate": 1.0}]), "rate"),
        (changed(layers=[{"kind": "pool", "size": 32}, {"kind": "pool", "size": 2}]), "no output left"),
        (changed(layers=[{"kind": "dense", "units": 1}] * 1001), "layers"),
        (changed(layers="conv"), "layers"),
        (changed(input_shape=[3, 32]), "input_shape"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_json_that_describes_no_net_is_refused_in_one_line(text, found):
    with pytest.raises(InputError) as error:
        from_json_value(text, "net.json")
    message = str(error.value)
    assert message.startswith("net.json: ")
    assert found in message
    assert "\n" not in message
    assert len(message) < 300
