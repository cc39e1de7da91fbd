"""Settings of training, used by the sections ``teachers`` and ``students``."""

from typing import Literal

from pydantic import Field

from mimic.config.base import Settings


class TrainingSettings(Settings):
    """SGD with Nesterov momentum and the schedule of Urban 2.6."""

    batch_size: int = Field(ge=1, le=65536, description="Images a step")
    max_epochs: int = Field(ge=1, description="Stop here at the latest")
    halve_patience: int = Field(ge=1, description="Halve the rate after so many epochs without a drop")
    halve_cooldown: int = Field(ge=0, description="Epochs after a halving during which it is not halved")
    stop_patience: int = Field(ge=1, description="Stop after so many epochs without a drop")
    stop_reduction: float = Field(gt=1, strict=False, description="Stop once the rate fell more than this")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        description="Arithmetic of forward and backward; auto: bfloat16 where the processor has it"
    )
    channels_last: Literal["auto", "on", "off"] = Field(
        description="Memory format of convolutions; auto: on wherever bfloat16 is"
    )
