"""Expand a group's sequential nets into orders, of which the parallel net is the first (arXiv 2309.08414).

Test images are passed through all sub-stacks of up to so many layers; see `mimic.shallow.expansion`.
"""

import argparse
import sys

import numpy as np
import torch

from mimic.cli import InputError, run_stage, stage_parser
from mimic.data.store import read_dataset
from mimic.gpus.place import gpu_place
from mimic.progress import Report
from mimic.shallow.expansion import expand, images_at_once
from mimic.shallow.images import native_images
from mimic.shallow.nets import ResidualNet, tensor_shapes
from mimic.shallow.rows import REST, OrderRow, finite_or_none, frame_of, net_columns
from mimic.shallow.store import check_expected, read_group, read_nets
from mimic.shallow.substacks import check_order
from mimic.tables import write_csv
from mimic.training.devices import choose_device

STAGE = "mimic.shallow.expand_nets"
_CLAIM_MB = 2_000  # CUDA itself, a chunk's features, and what convolutions in float64 take
_MEASURED = ("feature_norm", "feature_share", "logit_norm", "logit_share", "accuracy", "cross_entropy")


def expand_nets(nets, images, labels, max_order, after_chunk=None):
    """Orders of some nets.

    Parameters
    ----------
    nets : iterable of mimic.shallow.nets.ResidualNet
        Sequential, in float64 and evaluation mode, on the device.
    images : uint8 tensor, shape (n, channels, height, width)
    labels : int64 tensor, shape (n,)
    max_order : int
    after_chunk : callable, optional

    Yields
    ------
    mimic.shallow.expansion.Expansion
    """
    for net in nets:
        yield expand(net, images, labels, max_order, after_chunk)


def chosen_nets(group, n_nets):
    """Rows of the first sequential nets whose last losses are finite."""
    last = np.stack([values[:, -1] for values in group.history.values()])
    finite = np.isfinite(last).all(0)
    rows = [
        row for row, net in enumerate(group.settings.nets()) if net.layout == "sequential" and finite[row]
    ]
    return rows[:n_nets]


def restored(shape, settings, tensors, device):
    """A trained net in float64 for evaluation.

    Parameters
    ----------
    shape : mimic.shallow.grid.Shape
    settings : mimic.shallow.grid.NetSettings
    tensors : dict of str to float32 array
    device : torch.device
    """
    net = ResidualNet(shape, settings.layout, settings.activation, settings.padding).double()
    net.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
    return net.eval().to(device)


def orders_of(expansion):
    """Rows of an expansion: cells by column, orders rising, the rest last."""
    n_orders = len(expansion.accuracy)
    for k in range(n_orders):
        cells = {name: finite_or_none(getattr(expansion, name)[k]) for name in _MEASURED}
        yield {"n_images": expansion.n_images, "order": REST if k == n_orders - 1 else str(k), **cells}


def _test_images(path, group, n_images):
    """The first test images of the dataset that the group was trained on."""
    dataset = read_dataset(path, splits=("test",))
    sources = group.provenance.get("sources")
    trained_on = sources.get("dataset") if isinstance(sources, dict) else None
    if trained_on != dataset.digest:
        raise InputError(
            f"{path}: expected the dataset of {group.name}, digest {str(trained_on)[:16]}, "
            f"got {dataset.digest[:16]}"
        )
    images = native_images(dataset.images["test"][:n_images], group.shape.image, f"{path}: test")
    if not len(images):
        raise InputError(f"{path}: expected test images, found none")
    return images, dataset.labels["test"][:n_images]


def _at_least(least):
    """Type of an argument that is a whole number, not below `least`."""

    def number(text):
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"expected at least {least}, got {text}")
        return int(text)

    return number


def main(argv=None):
    parser = stage_parser(__doc__, STAGE)
    parser.add_argument("--group-file", required=True, help="the trained group, nets.h5")
    parser.add_argument("--digest", help="of the group in the config; refuses any other")
    parser.add_argument("--dataset", required=True, help="the dataset that it was trained on (HDF5)")
    parser.add_argument(
        "--n-nets", type=_at_least(0), required=True, help="sequential nets to expand; 0 for none"
    )
    parser.add_argument("--n-images", type=_at_least(1), required=True, help="test images to pass")
    parser.add_argument(
        "--max-order", type=_at_least(1), required=True, help="highest order told from the rest"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--out", required=True, metavar="CSV", help="table to write")
    args = parser.parse_args(argv)

    group = read_group(args.group_file)
    if args.digest is not None:
        check_expected(args.group_file, group, args.digest)
    rows = chosen_nets(group, args.n_nets)
    found = []
    if rows:
        n_substacks = check_order(group.name, group.shape.n_layers, args.max_order)
        images, labels = _test_images(args.dataset, group, args.n_images)
        n, at_most = group.shape.n_layers, min(args.max_order, group.shape.n_layers)
        print(
            f"{group.name}: {len(rows)} nets, {n_substacks:,} sub-stacks of up to {at_most} of {n} layers, "
            f"{len(images):,} images",
            file=sys.stderr,
        )
        with gpu_place(f"expand_nets {group.name}", _CLAIM_MB):
            found = _expand(args, group, rows, images, labels)
    write_csv(args.out, frame_of(found, OrderRow))


def _expand(args, group, rows, images, labels):
    """Rows of the table, from the device that there is."""
    # Nothing runs in its dtype: all is float64.
    place = choose_device("float32", "off", args.threads).torch_device
    settings = group.settings.nets()
    _, tensors = read_nets(args.group_file, rows, tensor_shapes)
    nets = (restored(group.shape, settings[row], of, place) for row, of in zip(rows, tensors, strict=True))
    images, labels = torch.from_numpy(images).to(place), torch.from_numpy(labels).to(place)
    n_chunks = -(-len(labels) // images_at_once(group.shape, place))
    with Report("chunk", len(rows) * n_chunks) as report:
        expansions = expand_nets(nets, images, labels, args.max_order, report.step)
        return [
            {**net_columns(group, row, settings[row]), **cells}
            for row, expansion in zip(rows, expansions, strict=True)
            for cells in orders_of(expansion)
        ]


if __name__ == "__main__":
    sys.exit(run_stage(main))
