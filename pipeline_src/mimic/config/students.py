"""Section ``students``, hard-label nets included."""

from typing import Literal

from pydantic import Field, model_validator

from mimic.config.base import DropoutRange, FractionRange, MomentumRange, PositiveRange, Settings, WidthRange
from mimic.config.families import HARD_LABEL_FAMILIES, Budget, Family, parse_budget
from mimic.config.search import SearchSettings
from mimic.config.training import TrainingSettings

LayerBounds = dict[str, WidthRange]
WidthBounds = dict[Family, dict[str, LayerBounds]]


class StudyGroup(Settings):
    """Studies that share a loss: one study a family and budget, each with its own search."""

    families: list[Family] = Field(description="Families to train: mlp1..mlp5, cnn1..cnn4")
    budgets: list[Budget] = Field(description="Parameter budgets; a study a family and budget")
    search: SearchSettings
    width_bounds: WidthBounds = Field(
        description="Bounds of the free widths by family and tabled budget; other budgets are interpolated"
    )
    width_multiple: int = Field(ge=1, le=64, description="Free conv widths are multiples of this")
    weight_decay: float = Field(ge=0, strict=False, description="L2 penalty")
    training: TrainingSettings

    @model_validator(mode="after")
    def _each_once(self):
        counts = [parse_budget(label) for label in self.budgets]
        for key, values in (("families", self.families), ("budgets", counts)):
            if len(set(values)) != len(values):
                raise ValueError(f"{key} names something twice: {getattr(self, key)}")
        for family, by_budget in self.width_bounds.items():
            for label in by_budget:
                try:
                    parse_budget(label)
                except ValueError as error:
                    raise ValueError(f"width_bounds.{family}.{label}: {error}") from None
        return self


class StudySettings(Settings):
    """What training one student needs of the config: the slice that its jobs depend on."""

    bounds: LayerBounds = Field(description="Bounds of the free widths at the study's budget")
    bounds_source: str = Field(description="tabled, interpolated or scaled")
    width_multiple: int = Field(ge=1, le=64)
    weight_decay: float = Field(ge=0, strict=False)
    training: TrainingSettings


class StudentSpace(Settings):
    """Hyperparameters of a student (Urban 6.3)."""

    learning_rate: PositiveRange = Field(description="Of SGD, before any halving")
    momentum: MomentumRange = Field(description="Nesterov momentum")
    input_scale: PositiveRange = Field(description="Factor on the standardised input")
    init_scale: PositiveRange = Field(description="Factor on the initial Glorot weights")
    width_constant: FractionRange = Field(description="C1, C2 in [0, 1], mapped linearly to the width bounds")
    hidden_ratio: PositiveRange = Field(description="One ratio a hidden layer, renormalised to the budget")


class HardLabelSpace(Settings):
    """Hyperparameters of a net trained on hard labels (Urban 6.2)."""

    learning_rate: PositiveRange = Field(description="Of SGD, before any halving")
    momentum: MomentumRange = Field(description="Nesterov momentum")
    width_constant: FractionRange = Field(description="C1, C2 in [0, 1], mapped linearly to the width bounds")
    dropout_conv1: DropoutRange = Field(description="Dropout rate after the first pool")
    dropout_conv2: DropoutRange = Field(description="Dropout rate after the second pool")
    dropout_conv3: DropoutRange = Field(description="Dropout rate after the third pool")
    dropout_fc1: DropoutRange = Field(description="Dropout rate after the hidden layer")


class HardLabelSettings(StudyGroup):
    """The nets of Table 1 that learn from 0/1 labels (Urban 6.2)."""

    families: list[Literal[HARD_LABEL_FAMILIES]] = Field(description="Families to train: cnn1..cnn4")
    search_space: HardLabelSpace


class StudentSettings(StudyGroup):
    """Step ``students`` (Urban 2.8, 6.3)."""

    families: list[Family] = Field(min_length=1, description="Rows of Table 2")
    budgets: list[Budget] = Field(min_length=1, description="Columns of Table 2")
    search_space: StudentSpace
    hard_label: HardLabelSettings
