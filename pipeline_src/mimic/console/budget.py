"""``mimic budget``: what a parameter budget buys, as a table or as JSON."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mimic.cli import InputError
from mimic.config.families import FAMILIES, parse_budget
from mimic.console.overlays import merged_config
from mimic.models.architecture import count_multiply_adds, count_parameters, layer_table, notation
from mimic.students.families import (
    architecture_at,
    parse_study,
    student_architecture,
    study_settings,
    width_names,
)


def show_budget(family, budget, widths, n_classes, configs, as_json):
    """Print the net of a family at a budget.

    Parameters
    ----------
    family, budget : str
        ``cnn4``, ``10M``.
    widths : list of int or None
        Free widths in forward order; None for the middle of the config's bounds.
    n_classes : int
    configs : sequence of path
        Where the bounds come from: a whole config, and overlays upon it.
    as_json : bool
    """
    if not 2 <= n_classes <= 100_000:
        raise InputError(f"--classes: expected 2 to 100000, got {n_classes}")
    if family not in FAMILIES:
        raise InputError(f"family: expected one of {', '.join(FAMILIES)}, got {family!r}; then the budget")
    try:
        parse_budget(budget)
    except ValueError as error:
        raise InputError(f"budget: {error}, got {budget!r}") from None
    study = parse_study(f"{family}-{budget}")
    if widths:
        if min(widths) < 1 or max(widths) > 1_000_000:
            raise InputError(f"--filters: expected widths from 1 to 1000000, got {widths}")
        architecture, source = architecture_at(study, widths, n_classes), "as given"
    else:
        if not Path(configs[0]).is_file():
            raise InputError(f"{configs[0]}: no such file; give --filters, or --config with the width bounds")
        settings = study_settings(merged_config(configs).students, study)
        middle = dict.fromkeys(width_names(family), 0.5)  # equal ratios, where it has ratios
        architecture = student_architecture(study, settings, middle, n_classes)
        source = f"middle of the bounds: {settings.bounds_source}"
    if as_json:
        print(as_json_text(architecture, study))
    else:
        _print_table(architecture, study, source)


def as_json_text(architecture, study):
    """The net as JSON: notation, parameters, multiply-adds, a row a layer."""
    rows = [vars(row) | {"output_shape": list(row.output_shape)} for row in layer_table(architecture)]
    value = {
        "family": study.family,
        "budget": study.budget,
        "architecture": notation(architecture),
        "n_parameters": count_parameters(architecture),
        "n_multiply_adds": count_multiply_adds(architecture),
        "layers": rows,
    }
    return json.dumps(value, indent=1)


def _print_table(architecture, study, source):
    """Print the net, a row a layer."""
    table = Table(title=f"{study.family} at {study.budget_label}: {notation(architecture)}")
    for heading, justify in (
        ("layer", "left"),
        ("output", "left"),
        ("parameters", "right"),
        ("multiply-adds", "right"),
    ):
        table.add_column(heading, justify=justify)
    for row in layer_table(architecture):
        shape = "x".join(str(n) for n in row.output_shape)
        table.add_row(row.name, shape, f"{row.n_parameters:,}", f"{row.n_multiply_adds:,}")
    table.add_section()
    count = count_parameters(architecture)
    table.add_row("all", "", f"{count:,}", f"{count_multiply_adds(architecture):,}")
    console = Console()
    console.print(table)
    console.print(f"{study.budget - count:,} parameters below the budget of {study.budget:,}")
    console.print(f"free widths: {source}")
