"""Losses of all nets of the grid, a row a net (arXiv 2309.08414)."""

import sys

import numpy as np

from mimic.cli import InputError, run_stage, stage_parser
from mimic.shallow.grid import examples_per_parameter
from mimic.shallow.rows import LossRow, frame_of, net_columns
from mimic.shallow.store import HISTORY, check_expected, read_group
from mimic.tables import write_csv


def tabulate_losses(groups):
    """The table: nets by dataset, filters, layers, kernel, batch normalisation, then as in their group.

    Parameters
    ----------
    groups : sequence of mimic.shallow.store.Group
        In any order.

    Returns
    -------
    DataFrame
        Columns of `mimic.shallow.rows.LossRow`. Losses and accuracies are those of the last epoch; a net
        whose last loss is not finite is diverged and has none.
    """

    def place(group):
        s = group.settings
        return group.dataset, s.n_filters, s.n_layers, s.kernel_size, s.batch_norm

    ordered = sorted(groups, key=place)
    return frame_of([row for group in ordered for row in rows_of(group)], LossRow)


def rows_of(group):
    """Rows of a group's nets, in the order of its file."""
    shape = group.shape
    size = {
        "n_parameters": shape.n_parameters,
        "q": examples_per_parameter(group.n_examples, shape.n_classes, shape.n_parameters),
    }
    for index, net in enumerate(group.settings.nets()):
        history = {name: group.history[name][index] for name in HISTORY}
        yield {**net_columns(group, index, net), **size, **_measured(history)}


def _measured(history):
    last = {name: _shortest(values[-1]) for name, values in history.items()}
    if not np.isfinite(list(last.values())).all():
        return {"status": "diverged"}
    losses = history["validation_loss"]
    best = int(np.nanargmin(losses))
    return {
        "status": "finished",
        **last,
        "best_validation_loss": _shortest(losses[best]),
        "best_epoch": best + 1,
    }


def _shortest(value):
    """A float32 as the shortest decimal that reads back as it."""
    return float(str(np.float32(value)))


def read_groups(paths, digests=None):
    """Groups from their files.

    Parameters
    ----------
    paths : sequence of path
    digests : sequence of str, optional
        `mimic.shallow.grid.group_digest` of each in the config; without them any config's are taken.

    Raises
    ------
    InputError
        If a file is not of its folder's group or not of the config, if a group comes twice, or if two groups
        of a dataset were trained on different images.
    """
    if digests is not None and len(digests) != len(paths):
        raise InputError(f"--digests: expected {len(paths)}, one a group, got {len(digests)}")
    groups, images = {}, {}
    for index, path in enumerate(paths):
        group = read_group(path)
        if digests is not None:
            check_expected(path, group, digests[index])
        if group.name in groups:
            raise InputError(f"{path}: a second file of group {group.name}")
        groups[group.name] = group
        sources = group.provenance.get("sources")
        digest = sources.get("dataset") if isinstance(sources, dict) else None
        found = (digest, group.n_examples, group.shape.n_classes, group.shape.image)
        first, other = images.setdefault(group.dataset, (found, path))
        if found != first:
            raise InputError(
                f"{path}: expected the images of {other}, {_images_text(first)}, got {_images_text(found)}"
            )
    return list(groups.values())


def _images_text(found):
    digest, n_examples, n_classes, shape = found
    size = "x".join(map(str, shape))
    return f"{n_examples:,} of {size} in {n_classes} classes (digest {str(digest)[:16]})"


def main(argv=None):
    parser = stage_parser(__doc__, "mimic.shallow.tabulate_losses")
    parser.add_argument("--groups", nargs="+", required=True, metavar="HDF5", help="nets.h5 of each group")
    parser.add_argument("--digests", nargs="+", help="of each group in the config; refuses any other")
    parser.add_argument("--out", required=True, metavar="CSV", help="table to write")
    args = parser.parse_args(argv)
    write_csv(args.out, tabulate_losses(read_groups(args.groups, args.digests)))


if __name__ == "__main__":
    sys.exit(run_stage(main))
