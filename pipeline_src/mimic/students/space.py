"""The hyperparameters of a student, hard-label nets included (Urban 6.2, 6.3)."""

from dataclasses import replace

from mimic.search.space import dimension_of
from mimic.students.families import FREE_WIDTHS, N_HIDDEN, N_POOLS


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
    names = ["learning_rate", "momentum"]
    if study.hard_label:
        names += [f"dropout_conv{i}" for i in range(1, N_POOLS[study.family] + 1)] + ["dropout_fc1"]
    else:
        names += ["input_scale", "init_scale"]
    dimensions = [dimension_of(name, getattr(space, name)) for name in names]
    if study.family in FREE_WIDTHS:
        constant = dimension_of("width_constant", space.width_constant)
        dimensions += [replace(constant, name=name) for name in FREE_WIDTHS[study.family]]
    else:
        ratio = dimension_of("hidden_ratio", space.hidden_ratio)
        dimensions += [replace(ratio, name=f"ratio{i}") for i in range(1, N_HIDDEN[study.family] + 1)]
    return dimensions
