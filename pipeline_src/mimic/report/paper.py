"""What Urban et al. printed: row names and accuracies of Tables 1 and 2 (``reference/*.csv``).

Rows that the paper itself took from Ba and Caruana (2014) are left out: nothing here is their counterpart.
"""

import functools
from dataclasses import dataclass
from importlib import resources

import pandas as pd

from mimic.config.families import CNN_FAMILIES, FAMILIES

#: Members of the paper's ensemble; one of another size has no counterpart.
N_MEMBERS = 16
TEACHER_ROWS = ("Teacher CNN 1st", "Teacher CNN 2nd", "Teacher CNN 3rd")
ENSEMBLE_ARCHITECTURE = "c^2-mp-c^2-mp-c^4-mp-fc^2"


@dataclass(frozen=True)
class Published:
    """One printed row: its number of parameters (as rounded there) and test accuracy in percent."""

    n_parameters: int
    accuracy_pct: float


@functools.cache
def _reference(name):
    with resources.files("mimic.report").joinpath("reference", name).open(encoding="utf-8") as file:
        return pd.read_csv(file, keep_default_na=False)


@functools.cache
def _table2():
    frame = _reference("urban_table2.csv")
    frame = frame[~frame["note"].str.contains("Ba and Caruana")]
    depth = frame["n_conv"].where(frame["family"] == "cnn", frame["n_fc_relu"])
    return frame.assign(code=frame["family"] + depth.astype(str))


@functools.cache
def table2_names():
    """Row names of Table 2: ``mlp1`` -> "Bottleneck, 1 hidden layer"; of a family beyond it, its own name."""
    printed = dict(zip(_table2()["code"], _table2()["model"], strict=True))
    return {family: printed.get(family, family) for family in FAMILIES}


@functools.cache
def table2_accuracies():
    """Test accuracy in percent by (family, parameter budget)."""
    frame = _table2()
    return dict(zip(zip(frame["code"], frame["params"], strict=True), frame["accuracy_pct"], strict=True))


@functools.cache
def _table1():
    frame = _reference("urban_table1.csv")
    frame = frame[frame["source"] == "urban2017"]
    rows = zip(frame["params"], frame["accuracy_pct"], strict=True)
    return dict(zip(frame["model"], (Published(int(n), float(pct)) for n, pct in rows), strict=True))


def hard_label_name(family):
    """Row name in Table 1 of a net on hard labels: ``cnn4`` -> "4 conv. layer"; beyond it, its own name."""
    name = f"{family.removeprefix('cnn')} conv. layer"
    return name if name in _table1() else family


def hard_label_names():
    """Row names in Table 1 of the families that can be trained on hard labels."""
    return {family: hard_label_name(family) for family in CNN_FAMILIES}


def hard_label(family, n_parameters):
    """The paper's net of a family and parameter budget trained on hard labels, or None."""
    published = _table1().get(hard_label_name(family))
    return published if published and published.n_parameters == n_parameters else None


def teacher(rank):
    """The paper's teacher of rank 0, 1 or 2."""
    return _table1()[TEACHER_ROWS[rank]]


def ensemble(n_members):
    """The paper's ensemble, or None for one of another size."""
    return _table1()[f"Ensemble of {N_MEMBERS} CNNs"] if n_members == N_MEMBERS else None
