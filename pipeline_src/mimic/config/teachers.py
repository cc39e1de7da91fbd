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

    learning_rate: PositiveRange = Field(description="Of SGD, before any halving")
    momentum: MomentumRange = Field(description="Nesterov momentum")
    weight_decay: DecayRange = Field(description="L2 penalty")
    init_coefficient: PositiveRange = Field(description="Factor on the initial Glorot weights")
    dropout_conv1: DropoutRange = Field(description="Dropout rate after the first pool")
    dropout_conv2: DropoutRange = Field(description="Dropout rate after the second pool")
    dropout_conv3: DropoutRange = Field(description="Dropout rate after the third pool")
    dropout_fc1: DropoutRange = Field(description="Dropout rate after the first hidden layer")
    dropout_fc2: DropoutRange = Field(description="Dropout rate after the second hidden layer")
    hue_shift: HueRange = Field(description="D_h of the colour jitter, in turns")
    saturation_shift: FractionRange = Field(description="D_s of the colour jitter")
    value_shift: FractionRange = Field(description="D_v of the colour jitter")
    saturation_scale: ScaleRange = Field(description="A_s of the colour jitter")
    value_scale: ScaleRange = Field(description="A_v of the colour jitter")
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
