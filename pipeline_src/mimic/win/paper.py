"""Tables 1 to 3 as Zhou et al. (2020) printed them (``reference/win_table*.csv``)."""

import functools
from importlib import resources

import pandas as pd


@functools.cache
def _table(number):
    path = resources.files("mimic.win").joinpath("reference", f"win_table{number}.csv")
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file)


def published_sizes():
    """Table 1: (parameters, multiply-adds) by model and role, as printed, with two or three digits."""
    return {(row.model, row.role): (row.params_paper, row.flops_paper) for row in _table(1).itertuples()}


def published_methods():
    """Table 2: top-1 accuracy on ImageNet in percent, by model and method."""
    return {(row.model, row.method): row.imagenet_top1_pct for row in _table(2).itertuples()}


def published_widths():
    """Table 3: top-1 accuracy on ImageNet in percent, by model, width of the teacher and role."""
    return {(row.model, row.teacher_width, row.role): row.imagenet_top1_pct for row in _table(3).itertuples()}
