"""The nets that benchmarks train: every hyperparameter in the middle of its range in config.yaml."""

from pathlib import Path

import yaml

from mimic.config import whole
from mimic.students.families import parse_study, student_architecture, study_settings
from mimic.students.space import student_space
from mimic.teachers.space import teacher_of, teacher_space

CONFIG = whole.load(yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text(encoding="utf-8")))
N_CLASSES = 10


def middle_of(space):
    """Hyperparameters in the middle of a search space."""
    return {dimension.name: dimension.from_unit(0.5) for dimension in space}


def teacher():
    """Architecture and hyperparameters of a teacher."""
    hyperparameters = middle_of(teacher_space(CONFIG.teachers.search_space))
    return teacher_of(hyperparameters, N_CLASSES), hyperparameters


def student(name):
    """Architecture and hyperparameters of a study's net, such as of ``cnn2-10M`` or ``cnn2-10M-hard``."""
    study = parse_study(name)
    group = CONFIG.students.hard_label if study.hard_label else CONFIG.students
    hyperparameters = middle_of(student_space(study, group.search_space))
    settings = study_settings(CONFIG.students, study)
    return student_architecture(study, settings, hyperparameters, N_CLASSES), hyperparameters
