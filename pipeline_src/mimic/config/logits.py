"""Section ``logits``."""

from typing import Literal

from pydantic import Field

from mimic.config.base import Settings


class LogitSettings(Settings):
    """Step ``logits`` (Urban 2.2, 2.7): what the members say about every stored image."""

    dtype: Literal["float16", "float32"] = Field(description="Stored type; float16 costs an rms of 2e-4 sd")
    batch_size: int = Field(ge=1, le=65536, description="Images a forward pass")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        description="Arithmetic of the forward pass; auto: bfloat16 where the processor has it"
    )
    channels_last: Literal["auto", "on", "off"] = Field(
        description="Memory format of convolutions; auto: on wherever bfloat16 is"
    )
