"""Section ``teachers``."""

from pydantic import Field

from mimic.config.augment import CropSettings
from mimic.config.base import (
    DecayRange,
    DropoutRange,
    FractionRange,
    HueRange,
    MomentumRange,
    PositiveRange,
    ScaleRange,
    Settings,
    WidthRange,
)
from mimic.config.search import SearchSettings
from mimic.config.training import TrainingSettings


class TeacherSpace(Settings):
    """The eighteen hyperparameters of a teacher (Urban 2.7, 6.1)."""

    learning_rate: PositiveRange
    momentum: MomentumRange
    weight_decay: DecayRange
    init_coefficient: PositiveRange
    dropout_conv1: DropoutRange
    dropout_conv2: DropoutRange
    dropout_conv3: DropoutRange
    dropout_fc1: DropoutRange
    dropout_fc2: DropoutRange
    hue_shift: HueRange
    saturation_shift: FractionRange
    value_shift: FractionRange
    saturation_scale: ScaleRange
    value_scale: ScaleRange
    filters_conv1: WidthRange = Field(description="Both 3x3 layers before the first pool")
    filters_conv2: WidthRange = Field(description="Both 3x3 layers before the second pool")
    filters_conv3: WidthRange = Field(description="All four 3x3 layers before the third pool")
    hidden_units: WidthRange = Field(description="Both fully connected ReLU layers")


class TeacherSettings(Settings):
    """Step ``teachers`` (Urban 2.6, 2.7)."""

    search: SearchSettings
    search_space: TeacherSpace
    crop: CropSettings
    training: TrainingSettings
