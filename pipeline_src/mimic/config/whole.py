"""The whole of ``config.yaml``, and how it is read."""

from pydantic import Field, ValidationError, model_validator

from mimic.cli import InputError, validation_message
from mimic.config.base import Settings
from mimic.config.data import DataSettings
from mimic.config.ensemble import EnsembleSettings
from mimic.config.epochs import EpochSettings
from mimic.config.logits import LogitSettings
from mimic.config.report import ReportSettings
from mimic.config.students import StudentSettings
from mimic.config.teachers import TeacherSettings


class Config(Settings):
    """The whole of ``config.yaml``."""

    seed: int = Field(ge=0, description="The one seed; every random number is derived from it")
    output: str = Field(min_length=1, description="Folder that everything is written to")
    data: DataSettings
    teachers: TeacherSettings
    ensemble: EnsembleSettings
    epochs: EpochSettings
    logits: LogitSettings
    students: StudentSettings
    report: ReportSettings

    @model_validator(mode="after")
    def _members_exist(self):
        if self.ensemble.n_members > self.teachers.search.trials:
            raise ValueError(
                f"ensemble.n_members is {self.ensemble.n_members}, more than "
                f"teachers.search.trials {self.teachers.search.trials}"
            )
        return self


def load(values, where="config"):
    """The config from the dictionary that YAML gives.

    Raises
    ------
    InputError
        In one line: the key, what is wrong with it, what was given.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise InputError(validation_message(error, where)) from None
