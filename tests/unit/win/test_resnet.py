import csv
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mimic.torchvision_import import import_torchvision
from mimic.win.names import net_name, parse_net, printed_name
from mimic.win.resnet import ResNet

models = import_torchvision("models")
TABLE = Path(__file__).parents[3] / "pipeline_src/mimic/win/reference/win_table1.csv"
ROWS = list(csv.DictReader(TABLE.open(encoding="utf-8")))


def on_meta(**settings):
    with torch.device("meta"):
        return ResNet(**settings)


@pytest.mark.parametrize(
    ("depth", "widen", "theirs"),
    [
        (50, 1, "resnet50"),
        (101, 1, "resnet101"),
        (152, 1, "resnet152"),
        (50, 2, "wide_resnet50_2"),
        (101, 2, "wide_resnet101_2"),
    ],
)
def test_the_whole_width_has_torchvisions_state(depth, widen, theirs):
    with torch.device("meta"):
        expected = getattr(models, theirs)().state_dict()
    found = on_meta(depth=depth, widen=widen).state_dict()
    assert {name: tensor.shape for name, tensor in found.items()} == {
        name: tensor.shape for name, tensor in expected.items()
    }


def test_the_whole_width_computes_what_torchvisions_net_does():
    theirs, ours = models.resnet50(num_classes=7).eval(), ResNet(50, n_classes=7).eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(images), theirs(images), rtol=0, atol=0)


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['model']} {row['role']}" for row in ROWS])
def test_parameters_and_multiply_adds_of_table_1(row):
    depth, _, part = row["model"].removeprefix("ResNet").partition("-1/")
    net = on_meta(depth=int(depth), divide=int(part or 1), widen=2 if row["role"] == "teacher" else 1)
    assert sum(p.numel() for p in net.parameters()) == int(row["params_recomputed"])
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.empty(1, 3, 224, 224, device="meta"))
    assert counter.get_total_flops() == 2 * int(row["macs_recomputed_224"])


@pytest.mark.parametrize("divide", [1, 2, 4, 8, 16])
def test_the_stem_for_small_images_keeps_their_size(divide):
    net = ResNet(14, divide, stem="cifar", n_classes=3)
    assert net.maxpool(net.conv1(torch.zeros(1, 3, 32, 32))).shape == (1, 64 // divide, 32, 32)
    assert net(torch.zeros(1, 3, 32, 32)).shape == (1, 3)


def test_a_divisor_that_leaves_a_rest_is_refused():
    with pytest.raises(ValueError, match="divide: expected a divisor of 64, got 3"):
        ResNet(50, 3)


@pytest.mark.parametrize(
    ("depth", "divide", "name", "printed"),
    [(50, 1, "resnet50", "ResNet50"), (101, 4, "resnet101-1of4", "ResNet101-1/4")],
)
def test_names_of_nets_lead_back_to_them(depth, divide, name, printed):
    assert net_name(depth, divide) == name
    assert parse_net(name) == (depth, divide)
    assert printed_name(name) == printed
