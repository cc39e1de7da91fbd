"""The hyperparameters of a student, hard-label nets included (Urban 6.2, 6.3)."""

from mimic.config.families import SHAPES
from mimic.search.space import dimension_of
from mimic.students import families


def student_space(study, space):
    """Search space of a study.

    Parameters
    ----------
    study : mimic.students.families.Study
    space : mimic.config.students.StudentSpace or HardLabelSpace

    Returns
    -------
    list of Dimension
        Learning rate and momentum; then width constants C1, C2 (or a ratio a hidden layer) and, for
        students, input and initialisation scale, for hard-label nets a dropout rate a pool and one for the
        hidden layer.
    """
    dimensions = [dimension_of(name, getattr(space, name)) for name in training_names(study)]
    widths = space.width_constant if SHAPES[study.family].free else space.hidden_ratio
    return dimensions + [dimension_of(name, widths) for name in width_names(study)]


def training_names(study):
    """Names of a study's hyperparameters of training."""
    if study.hard_label:
        dropout = [f"dropout_conv{i}" for i in range(1, SHAPES[study.family].n_pools() + 1)]
        return ["learning_rate", "momentum", *dropout, "dropout_fc1"]
    return ["learning_rate", "momentum", "input_scale", "init_scale"]


def width_names(study):
    """Names of a study's width constants, or of its ratios of hidden layers."""
    return families.width_names(study.family)
