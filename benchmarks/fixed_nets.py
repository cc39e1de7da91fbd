"""What benchmarks train, and on which images: nets in the middle of their ranges in config.yaml."""

import os
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


def image_folder():
    """Source of the images and its path, from the environment."""
    for variable in ("MIMIC_IMAGES", "MIMIC_TEST_DATA"):
        if os.environ.get(variable):
            return "imagefolder", Path(os.environ[variable])
    return "shapes", Path(".")
