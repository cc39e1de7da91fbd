"""The families of Table 2: from hyperparameters to a net that meets its budget exactly.

A study is a family, a budget and a loss, and is named after them: ``mlp1-1M``, ``cnn2-10M-hard``.
"""

import math
import re
from dataclasses import dataclass

from mimic.cli import InputError
from mimic.config.base import MAX_WIDTH, WidthRange
from mimic.config.families import CNN_FAMILIES, FAMILIES, SHAPES, parse_budget
from mimic.config.students import StudySettings
from mimic.models.architecture import count_parameters
from mimic.models.budget import BudgetError, scale_ratios, solve_width
from mimic.models.student_cnn import cnn_architecture
from mimic.models.student_mlp import mlp_architecture


@dataclass(frozen=True)
class Study:
    """A family at a budget, and whether it learns from hard labels."""

    family: str
    budget_label: str
    hard_label: bool

    @property
    def name(self):
        """``cnn2-10M`` or ``cnn2-10M-hard``: also the name of its folder."""
        return f"{self.family}-{self.budget_label}" + ("-hard" if self.hard_label else "")

    @property
    def budget(self):
        """Trainable parameters, biases included."""
        return parse_budget(self.budget_label)


def parse_study(name):
    """Study of a name; raises InputError where it is none."""
    match = re.fullmatch(rf"({'|'.join(map(re.escape, FAMILIES))})-([0-9.]+[kM])(-hard)?", name)
    try:
        study = Study(match[1], match[2], bool(match[3])) if match else None
        if study and study.budget:
            return study
    except ValueError:
        pass
    raise InputError(f"study {name!r}: expected FAMILY-BUDGET or FAMILY-BUDGET-hard, such as cnn2-10M")


def studies_of(settings):
    """All studies of the step, families first.

    Parameters
    ----------
    settings : mimic.config.students.StudentSettings

    Returns
    -------
    list of Study
    """
    groups = ((settings, False), (settings.hard_label, True))
    return [
        Study(family, budget, hard)
        for group, hard in groups
        for family in group.families
        for budget in group.budgets
    ]


def group_of(settings, study):
    """The section of the config that a study belongs to: ``students`` or ``students.hard_label``."""
    return settings.hard_label if study.hard_label else settings


def study_settings(settings, study):
    """The slice of the config that one study depends on.

    Parameters
    ----------
    settings : mimic.config.students.StudentSettings
    study : Study

    Returns
    -------
    mimic.config.students.StudySettings
    """
    group = group_of(settings, study)
    bounds, source = bounds_at(group, study.family, study.budget)
    return StudySettings(
        bounds={name: WidthRange(low=low, high=high) for name, (low, high) in bounds.items()},
        bounds_source=source,
        width_multiple=group.width_multiple,
        weight_decay=group.weight_decay,
        training=group.training,
    )


def bounds_at(group, family, budget):
    """Bounds of a family's free widths at any budget.

    Between two tabled budgets the bounds are interpolated on log-log axes; outside the table the nearest
    ones are scaled with the square root of the budget, since a conv layer's parameters grow with the
    square of the widths. Reading: the paper tabulates four budgets and is silent about others.

    Parameters
    ----------
    group : mimic.config.students.StudyGroup
    family : str
    budget : int

    Returns
    -------
    bounds : dict of str to (int, int)
        Lower and upper width by layer, lower >= 1.
    source : str
        In words, whether they are tabled, interpolated or scaled.
    """
    if not SHAPES[family].free:
        return {}, "ratios of the hidden layers, renormalised to the budget"
    table = {parse_budget(label): bounds for label, bounds in group.width_bounds.get(family, {}).items()}
    names = [name for names in SHAPES[family].free.values() for name in names]
    if not table:
        raise InputError(f"width_bounds: no bounds for family {family}")
    for label, bounds in group.width_bounds[family].items():
        if sorted(bounds) != sorted(names):
            raise InputError(
                f"width_bounds.{family}.{label}: expected layers {sorted(names)}, got {sorted(bounds)}"
            )
    if budget in table:
        return {name: (table[budget][name].low, table[budget][name].high) for name in names}, "tabled"
    below = max((size for size in table if size < budget), default=None)
    above = min((size for size in table if size > budget), default=None)
    if below is None or above is None:
        nearest = below if above is None else above
        factor = math.sqrt(budget / nearest)
        scaled = {
            name: tuple(min(max(1, round(factor * bound)), MAX_WIDTH) for bound in (item.low, item.high))
            for name, item in table[nearest].items()
        }
        return scaled, f"scaled from {nearest:,} parameters with the square root of the budget"
    weight = math.log(budget / below) / math.log(above / below)

    def between(small, large):
        return max(1, round(math.exp((1 - weight) * math.log(small) + weight * math.log(large))))

    mixed = {}
    for name in names:
        low = between(table[below][name].low, table[above][name].low)
        mixed[name] = (low, max(low, between(table[below][name].high, table[above][name].high)))
    return mixed, f"interpolated between {below:,} and {above:,} parameters"


def student_architecture(study, settings, hyperparameters, n_classes):
    """The net of one trial, at its budget.

    Parameters
    ----------
    study : Study
    settings : mimic.config.students.StudySettings
        Bounds and width multiple.
    hyperparameters : dict
        ``C1``, ``C2`` (or ``ratio1`` ... for MLPs with several hidden layers); dropout rates where given.
    n_classes : int

    Returns
    -------
    Architecture
        Never above the budget; one more unit of the dependent width would exceed it.

    Raises
    ------
    InputError
        If the family cannot meet the budget within its bounds.
    """
    try:
        build = _builder(study.family, n_classes, hyperparameters)
        if not SHAPES[study.family].free:
            ratios = [hyperparameters[name] for name in width_names(study.family)]

            def build_all(widths):
                return build(dict(zip(SHAPES[study.family].names(), widths, strict=True)))

            return build_all(scale_ratios(ratios, build_all, study.budget))
        free = _free_widths(study, settings, hyperparameters, n_classes)
        return build(free, solve_width(lambda width: build(free, width), study.budget))
    except BudgetError as error:
        raise InputError(f"study {study.name}: {error}") from None


def width_names(family):
    """Names of the hyperparameters that set a family's widths: constants, or a ratio a layer."""
    shape = SHAPES[family]
    return list(shape.free) or [f"ratio{i}" for i in range(1, len(shape.names()) + 1)]


def _builder(family, n_classes, hyperparameters):
    """Function (free widths, dependent width where it is not among them) -> Architecture."""
    shape, dropout = SHAPES[family], {}
    if "dropout_fc1" in hyperparameters:
        names = [f"dropout_conv{i}" for i in range(1, shape.n_pools() + 1)]
        dropout["conv_dropout"] = [hyperparameters[name] for name in names]
        dropout["fc_dropout"] = hyperparameters["dropout_fc1"]

    def build(free, dependent=None):
        widths = dict(free) if dependent is None else {**free, shape.dependent: dependent}
        if family in CNN_FAMILIES:
            return cnn_architecture(family, widths, n_classes, **dropout)
        bottleneck = widths.pop("bottleneck", None)
        return mlp_architecture(
            [widths[name] for name in shape.names() if name in widths], n_classes, bottleneck
        )

    return build


def _free_widths(study, settings, hyperparameters, n_classes):
    """Widths for the constants; drawn in towards the lower bounds where they leave no room.

    Reading: at some corner of the bounds the free layers alone may exceed a budget; the constants are
    then multiplied by the largest common factor <= 1 that leaves one unit for the dependent layer.
    """
    build = _builder(study.family, n_classes, hyperparameters)

    def widths_at(factor):
        widths = {}
        for constant, names in SHAPES[study.family].free.items():
            for name in names:
                low, high = settings.bounds[name].low, settings.bounds[name].high
                width = round(low + factor * hyperparameters[constant] * (high - low))
                if name.startswith("conv") and settings.width_multiple > 1:
                    width = max(1, round(width / settings.width_multiple)) * settings.width_multiple
                widths[name] = width
        return widths

    def fits(factor):
        return count_parameters(build(widths_at(factor), 1)) <= study.budget

    if fits(1.0):
        return widths_at(1.0)
    if not fits(0.0):
        smallest = count_parameters(build(widths_at(0.0), 1))
        raise BudgetError(
            f"the smallest net within its width bounds has {smallest:,} parameters, "
            f"more than the budget of {study.budget:,}"
        )
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return widths_at(low)


def check_studies(settings, n_classes):
    """Refuse a family and budget that no net can meet, before any job starts.

    Raises
    ------
    InputError
        Names the study, the smallest net and the budget.
    """
    for study in studies_of(settings):
        lowest = dict.fromkeys(width_names(study.family), 0.0 if SHAPES[study.family].free else 1.0)
        student_architecture(study, study_settings(settings, study), lowest, n_classes)


def layer_widths(study, widths):
    """Free widths by layer name from the widths of a command line, in forward order.

    Parameters
    ----------
    widths : sequence of int
        Filters and units of the free layers, or all hidden units but the last for an MLP.

    Raises
    ------
    InputError
        If there are too many or too few.
    """
    shape = SHAPES[study.family]
    names = [name for name in shape.names() if name != shape.dependent]
    if len(widths) != len(names):
        raise InputError(
            f"{study.family}: expected {len(names)} widths ({' '.join(names)}), got {len(widths)}"
        )
    return dict(zip(names, widths, strict=True))


def architecture_at(study, widths, n_classes):
    """The net with given free widths (see `layer_widths`) and the dependent width solved for the budget."""
    free = layer_widths(study, widths)
    try:
        build = _builder(study.family, n_classes, {})
        return build(free, solve_width(lambda width: build(free, width), study.budget))
    except BudgetError as error:
        raise InputError(f"study {study.name}: {error}") from None
