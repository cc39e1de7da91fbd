"""The eighteen hyperparameters of a teacher, and the net that they describe (Urban 2.7, 6.1)."""

from mimic.config.augment import HsvSettings
from mimic.config.teachers import TeacherSpace
from mimic.models.teacher_cnn import teacher_architecture
from mimic.search.space import dimension_of


def teacher_space(settings):
    """Search space of the teachers.

    Parameters
    ----------
    settings : mimic.config.teachers.TeacherSpace

    Returns
    -------
    list of Dimension
        In the order of the config model.
    """
    return [dimension_of(name, getattr(settings, name)) for name in TeacherSpace.model_fields]


def teacher_of(hyperparameters, n_classes):
    """Architecture of a trial."""
    h = hyperparameters
    return teacher_architecture(
        [h["filters_conv1"], h["filters_conv2"], h["filters_conv3"]],
        h["hidden_units"],
        [h["dropout_conv1"], h["dropout_conv2"], h["dropout_conv3"]],
        [h["dropout_fc1"], h["dropout_fc2"]],
        n_classes,
    )


def hsv_of(hyperparameters):
    """Colour jitter of a trial: the search chooses all five constants."""
    return HsvSettings(**{name: hyperparameters[name] for name in HsvSettings.model_fields})
