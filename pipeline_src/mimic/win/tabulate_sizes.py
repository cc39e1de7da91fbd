"""Table 1 of "Go Wide, Then Narrow": parameters and multiply-adds of all nets (Zhou et al., 4.1)."""

import argparse
import sys

import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from mimic.cli import run_stage, stage_parser, whole_number
from mimic.tables import write_csv
from mimic.win.names import parse_net, printed_name
from mimic.win.paper import published_sizes
from mimic.win.resnet import ResNet

COLUMNS = (
    "model",
    "role",
    "parameters",
    "paper_parameters",
    "multiply_adds",
    "paper_multiply_adds",
)


def tabulate_sizes(nets, widen, stem, n_classes, image_size, compare=True):
    """The table, computed from the models.

    Parameters
    ----------
    nets : sequence of str
        Names of thin nets, see `mimic.win.names`.
    widen : int
        Of the teachers' 3x3 convolutions.
    stem : str
    n_classes, image_size : int
        Outputs, and the side of an image in pixels.
    compare : bool
        Put the paper's numbers beside; they are for 224 pixels, 1,000 classes and teachers twice as wide.

    Returns
    -------
    DataFrame
        `COLUMNS`; multiply-adds are those of convolutions and linear layers for one image.
    """
    rows = []
    for name in nets:
        depth, divide = parse_net(name)
        for role, factor in (("teacher", widen), ("student", 1)):
            with torch.device("meta"):
                net = ResNet(depth, divide, factor, stem, n_classes)
            parameters = sum(parameter.numel() for parameter in net.parameters())
            published = published_sizes().get((printed_name(name), role)) if compare else None
            row = dict(
                zip(("paper_parameters", "paper_multiply_adds"), published or (None, None), strict=True)
            )
            row |= {"model": printed_name(name), "role": role}
            row |= {"parameters": parameters, "multiply_adds": multiply_adds(net, image_size)}
            rows.append(row)
    numbers = dict.fromkeys(COLUMNS[2:], "Int64")
    return pd.DataFrame(rows, columns=COLUMNS).astype(numbers)


def multiply_adds(net, image_size):
    """Multiplications with an addition of a net's convolutions and linear layers, for one image."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net.eval()(torch.empty(1, 3, image_size, image_size, device="meta"))
    return counter.get_total_flops() // 2


def main(argv=None):
    parser = stage_parser(__doc__, "mimic.win.tabulate_sizes")
    parser.add_argument("--nets", nargs="+", required=True, help="names, such as resnet50-1of4")
    parser.add_argument("--widen", type=whole_number(1), required=True, help="factor of the teachers' width")
    parser.add_argument("--stem", choices=("imagenet", "cifar"), required=True)
    parser.add_argument("--n-classes", type=whole_number(2), required=True)
    parser.add_argument("--image-size", type=whole_number(32), required=True, help="pixels")
    parser.add_argument(
        "--compare", action=argparse.BooleanOptionalAction, default=True, help="with the paper's"
    )
    parser.add_argument("--out", required=True, metavar="CSV", help="table to write")
    args = parser.parse_args(argv)
    table = tabulate_sizes(args.nets, args.widen, args.stem, args.n_classes, args.image_size, args.compare)
    write_csv(args.out, table)


if __name__ == "__main__":
    sys.exit(run_stage(main))
