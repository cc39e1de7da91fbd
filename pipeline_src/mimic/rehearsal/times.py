"""Measured seconds of a finished run's stages, and the file that keeps them.

A trial's job takes ``stage_start`` (the interpreter, imports, reading the data) and then trains for its
``seconds``. Every other rule has a list of whole jobs, their start included. The rules that propose have two:
``propose_students first`` is the quasi-random round, ``propose_students later`` asks a Gaussian process.
"""

from typing import Literal

from pydantic import Field, ValidationError

from mimic.artifact import digest_json, read_json, write_json
from mimic.cli import InputError, validation_message
from mimic.config.base import Settings
from mimic.students.families import group_of, studies_of, study_settings

TIMES_FORMAT = "mimic.stage_times"


class MeasuredTrial(Settings):
    """What one finished trial says of its time."""

    trial: int = Field(ge=0)
    seconds: float = Field(gt=0, strict=False, description="Of training, over all of its attempts")
    epochs: int = Field(ge=1, description="That it trained for")
    multiply_adds: int = Field(ge=1, description="Of one image's forward pass")


class Facts(Settings):
    """Sizes of a run that its times depend on."""

    source: str = Field(description="data.source")
    n_train: int = Field(ge=1)
    n_validation: int = Field(ge=1)
    n_test: int = Field(ge=1)
    n_teachers: int = Field(ge=1)
    n_members: int = Field(ge=1)
    n_epochs: int = Field(ge=1, description="Stored epochs")
    shard_size: int = Field(ge=1)
    store: Literal["pixels", "recipe"]
    max_epochs: dict[str, int] = Field(description="Of training: teachers, students, hard_label")
    nets: dict[str, str] = Field(description="Digest of what a study's nets are drawn from, by study")


class StageTimes(Settings):
    """A finished run's times; all seconds are of the wall clock."""

    machine: dict[str, str] = Field(description="What was run on, and when: for readers")
    facts: Facts
    stage_start: dict[str, float] = Field(description="Seconds before the training, median; by rule")
    studies: dict[str, list[MeasuredTrial]] = Field(description="teachers, and the students' studies")
    rules: dict[str, list[float]] = Field(description="Seconds of whole jobs, by rule")


def step_of(study, hard_label):
    """Where a study's settings are: ``teachers``, ``students`` or ``hard_label``."""
    return "teachers" if study == "teachers" else "hard_label" if hard_label else "students"


def facts_of(config):
    """Sizes of the run that a config describes."""
    groups = {
        "teachers": config.teachers,
        "students": config.students,
        "hard_label": config.students.hard_label,
    }
    data = config.data
    return Facts(
        source=data.source,
        n_train=data.n_train,
        n_validation=data.n_validation,
        n_test=data.n_test,
        n_teachers=config.teachers.search.trials,
        n_members=config.ensemble.n_members,
        n_epochs=config.epochs.n_epochs,
        shard_size=config.epochs.shard_size,
        store=config.epochs.store,
        max_epochs={name: group.training.max_epochs for name, group in groups.items()},
        nets=_nets_of(config),
    )


def _nets_of(config):
    """Digests of the search spaces and width bounds: trials of another space are other nets."""
    digests = {"teachers": digest_json(config.teachers.search_space.model_dump())}
    for study in studies_of(config.students):
        space = group_of(config.students, study).search_space.model_dump()
        settings = study_settings(config.students, study)
        bounds = settings.model_dump(include={"bounds", "width_multiple"})
        digests[study.name] = digest_json([space, bounds])
    return {name: digest[:16] for name, digest in digests.items()}


def read_times(path):
    """Times from a file.

    Raises
    ------
    InputError
        Names the file and the key that is wrong.
    """
    value = read_json(path, TIMES_FORMAT)
    value.pop("format")
    try:
        times = StageTimes.model_validate(value)
    except ValidationError as error:
        raise InputError(validation_message(error, path)) from None
    for name, seconds in [*times.rules.items(), *((k, [v]) for k, v in times.stage_start.items())]:
        if not seconds or min(seconds) < 0:
            raise InputError(f"{path}: {name}: expected seconds from 0 upwards, got {seconds}")
    return times


def write_times(path, times):
    """Write times; see `read_times`."""
    write_json(path, {"format": TIMES_FORMAT, **times.model_dump()})
