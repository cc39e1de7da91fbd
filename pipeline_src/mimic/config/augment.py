"""Constants of the augmentation, used by the sections ``teachers`` and ``epochs``."""

from typing import Annotated

from pydantic import Field

from mimic.config.base import Fraction, Settings


class HsvSettings(Settings):
    """Colour jitter (Urban 2.5): hue shifts and wraps; saturation and value are scaled, shifted, clipped."""

    hue_shift: Annotated[float, Field(ge=0, le=0.5, description="D_h: shift ~ U(-D_h, D_h), in turns")]
    saturation_shift: Fraction = Field(description="D_s: shift ~ U(-D_s, D_s)")
    value_shift: Fraction = Field(description="D_v: shift ~ U(-D_v, D_v)")
    saturation_scale: Annotated[float, Field(ge=0, le=10)] = Field(
        description="A_s: factor ~ U(1/(1+A_s), 1+A_s)"
    )
    value_scale: Annotated[float, Field(ge=0, le=10)] = Field(description="A_v: factor ~ U(1/(1+A_v), 1+A_v)")


class CropSettings(Settings):
    """Mirror and crop (Urban 2.5)."""

    mirror_probability: Fraction = Field(description="Probability of a left-right mirror image")
    crop_min: int = Field(ge=4, le=32, description="Crop size S ~ U{crop_min..32}, resized to 32 by a spline")
