"""The whole of ``config.yaml``, and how it is read."""

import os
import re

from pydantic import Field, ValidationError, field_validator, model_validator

from mimic.cli import InputError, validation_message
from mimic.config.base import Settings
from mimic.config.data import DataSettings
from mimic.config.ensemble import EnsembleSettings
from mimic.config.epochs import EpochSettings
from mimic.config.logits import LogitSettings
from mimic.config.report import ReportSettings
from mimic.config.shallow import ShallowSettings
from mimic.config.shared import SharedSettings
from mimic.config.students import StudentSettings
from mimic.config.teachers import TeacherSettings
from mimic.config.win import WinSettings


class Config(Settings):
    """The whole of ``config.yaml``."""

    seed: int = Field(ge=0, description="The one seed; every random number is derived from it")
    output: str = Field(min_length=1, description="Folder that everything is written to")
    data: DataSettings
    teachers: TeacherSettings
    ensemble: EnsembleSettings
    epochs: EpochSettings
    logits: LogitSettings
    shared: SharedSettings
    students: StudentSettings
    report: ReportSettings
    shallow: ShallowSettings
    win: WinSettings

    @field_validator("output")
    @classmethod
    def _plain_folder(cls, output):
        found = re.search(r"[{}<>]|[^ -~\u00a0-\U0010ffff]", output)
        if found:  # wildcards and path variables to Snakemake; what no terminal shows
            raise ValueError(
                f"expected a folder without braces, < > and control characters, found {found[0]!r}"
            )
        if output.startswith(("-", "~")):  # an option to the stages; a folder of that very name
            raise ValueError("expected a folder whose name does not start with - or ~")
        # Snakemake takes ./results and results for different files.
        plain = os.path.normpath(output)
        if output != plain or plain in (".", "..", "/"):
            wanted = "results" if plain in (".", "..", "/") else plain
            raise ValueError(f"expected a folder of its own, written plainly, such as {wanted}")
        return output

    @model_validator(mode="after")
    def _validates(self):
        if self.data.n_validation < 1:
            raise ValueError("data.n_validation: expected at least 1, since validation chooses, got 0")
        return self

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
        raise InputError(validation_message(error, where, Config)) from None
