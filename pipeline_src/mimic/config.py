"""The config as closed, frozen models: one a step, every key with its range, unit and source.

There are no defaults and no extra keys: a typo or an omission fails before the first job. The flow is
``config.yaml`` -> `load` -> the step's section as JSON in a rule's ``params`` -> the same model in the
stage's ``main`` -> the function. Library code never sees the whole config.
"""

import math
import re
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from mimic.cli import InputError, validation_message

CNN_FAMILIES = ("cnn1", "cnn2", "cnn3", "cnn4")
MLP_FAMILIES = ("mlp1", "mlp2", "mlp3", "mlp4", "mlp5")
FAMILIES = MLP_FAMILIES + CNN_FAMILIES

#: Filters or units that a layer may have at most.
MAX_WIDTH = 1_000_000

Fraction = Annotated[float, Field(ge=0, le=1)]
Family = Literal[FAMILIES]


class Settings(BaseModel):
    """Base of all sections: frozen, no unknown keys, no silent conversions between types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def parse_budget(label):
    """Number of parameters of a budget written as ``316k``, ``3.16M`` or ``10M``.

    Raises
    ------
    ValueError
        If the label is written otherwise, or is no whole number of parameters.
    """
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)([kM])", str(label))
    if not match:
        raise ValueError("expected a budget such as 316k, 3.16M or 10M")
    count = Decimal(match[1]) * {"k": 1000, "M": 1_000_000}[match[2]]
    if count != int(count) or count == 0:
        raise ValueError("expected a whole, positive number of parameters")
    return int(count)


def _checked_budget(label):
    parse_budget(label)
    return label


Budget = Annotated[
    str,
    AfterValidator(_checked_budget),
    Field(description="Trainable parameters, biases included: 316k, 3.16M, 10M"),
]


class DataSettings(Settings):
    """Step ``data`` (Urban 2.1): where the images come from and how they are split."""

    source: Literal["cifar10", "mnist", "imagefolder", "shapes"] = Field(
        description="cifar10, mnist: torchvision's layout; imagefolder: train/CLASS/*, test/CLASS/*; "
        "shapes: the embedded procedural set"
    )
    path: str | None = Field(description="Folder of the images; ${NAME} is taken from the environment")
    download: bool = Field(description="Download cifar10 or mnist when absent")
    n_train: int = Field(ge=1, description="Training images; all nets train on these only")
    n_validation: int = Field(ge=1, description="Validation images, taken from the source's training set")
    n_test: int = Field(ge=1, description="Test images; reported, choose nothing")

    @model_validator(mode="after")
    def _path_where_needed(self):
        if self.source != "shapes" and not self.path:
            raise ValueError(f"data.path is needed for source {self.source}")
        return self


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


class Range(Settings):
    """Range of one hyperparameter of a search; ``low`` = ``high`` fixes it."""

    low: float = Field(strict=False)
    high: float = Field(strict=False)
    scale: Literal["linear", "log"]

    @model_validator(mode="after")
    def _ordered(self):
        if self.low > self.high:
            raise ValueError(f"low {self.low} exceeds high {self.high}")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"a log scale needs low > 0, got {self.low}")
        return self


def _ends_within(ge=-math.inf, gt=-math.inf, le=math.inf, lt=math.inf):
    """Validator of a `Range`: a net must be built and trained at both of its ends."""

    def check(item):
        for end in (item.low, item.high):
            if not (ge <= end <= le and gt < end < lt):
                signs = {">=": ge, ">": gt, "<=": le, "<": lt}
                limits = [f"{sign} {limit:g}" for sign, limit in signs.items() if math.isfinite(limit)]
                raise ValueError(f"expected values {' and '.join(limits)}, got {end:g}")
        return item

    return AfterValidator(check)


PositiveRange = Annotated[Range, _ends_within(gt=0)]
MomentumRange = Annotated[Range, _ends_within(ge=0, lt=1)]
DecayRange = Annotated[Range, _ends_within(ge=0)]
DropoutRange = Annotated[Range, _ends_within(ge=0, lt=1)]
HueRange = Annotated[Range, _ends_within(ge=0, le=0.5)]
FractionRange = Annotated[Range, _ends_within(ge=0, le=1)]
ScaleRange = Annotated[Range, _ends_within(ge=0, le=10)]


class WidthRange(Settings):
    """Whole-number range of a layer's width."""

    low: int = Field(ge=1, le=MAX_WIDTH)
    high: int = Field(ge=1, le=MAX_WIDTH)

    @model_validator(mode="after")
    def _ordered(self):
        if self.low > self.high:
            raise ValueError(f"low {self.low} exceeds high {self.high}")
        return self


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


class SearchSettings(Settings):
    """Rounds of Bayesian optimisation: a scrambled Sobol round, then batches of a Gaussian process."""

    trials: int = Field(ge=1, description="Trials of the study in all")
    first_round: int = Field(ge=1, description="Trials of the first, quasi-random round")
    round_size: int = Field(ge=1, description="Trials a later round, run side by side")

    def n_rounds(self):
        """Number of rounds that the trials make."""
        later = max(0, self.trials - self.first_round)
        return 1 + -(-later // self.round_size)

    def trials_of_round(self, round_index):
        """Range of trial numbers of a round; the last round may be smaller."""
        if not 0 <= round_index < self.n_rounds():
            raise ValueError(f"expected a round in 0..{self.n_rounds() - 1}, got {round_index}")
        start = 0 if round_index == 0 else self.first_round + (round_index - 1) * self.round_size
        stop = self.first_round + round_index * self.round_size
        return range(start, min(stop, self.trials))

    def round_of_trial(self, trial):
        """Round that a trial belongs to."""
        if not 0 <= trial < self.trials:
            raise ValueError(f"expected a trial in 0..{self.trials - 1}, got {trial}")
        return 0 if trial < self.first_round else 1 + (trial - self.first_round) // self.round_size


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


class EnsembleSettings(Settings):
    """Step ``ensemble`` (Urban 2.7)."""

    n_members: int = Field(ge=1, description="Nets in the ensemble, chosen greedily on validation accuracy")


class AugmentedEpochs(Settings):
    """What a shard of epochs is made by, however many there are and however they are cut."""

    store: Literal["pixels", "recipe"] = Field(
        description="pixels: uint8 images in the file; recipe: their parameters alone, rendered when read"
    )
    hsv: HsvSettings
    crop: CropSettings


class EpochSettings(AugmentedEpochs):
    """Step ``epochs`` (Urban 2.5): the pregenerated augmented passes over the training set."""

    n_epochs: int = Field(ge=1, le=100_000, description="Augmented passes; longer training starts over")
    shard_size: int = Field(ge=1, description="Epochs a file")

    def n_shards(self):
        """Number of files."""
        return -(-self.n_epochs // self.shard_size)

    def epochs_of_shard(self, shard):
        """Range of epoch numbers of a shard; the last one may be smaller."""
        return range(shard * self.shard_size, min((shard + 1) * self.shard_size, self.n_epochs))


class LogitSettings(Settings):
    """Step ``logits`` (Urban 2.2, 2.7): what the members say about every stored image."""

    dtype: Literal["float16", "float32"] = Field(description="Stored type; float16 costs an rms of 2e-4 sd")
    batch_size: int = Field(ge=1, le=65536, description="Images a forward pass")
    precision: Literal["auto", "float32", "bfloat16"]
    channels_last: Literal["auto", "on", "off"]


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

    learning_rate: PositiveRange
    momentum: MomentumRange
    input_scale: PositiveRange = Field(description="Factor on the standardised input")
    init_scale: PositiveRange = Field(description="Factor on the initial Glorot weights")
    width_constant: FractionRange = Field(description="C1, C2 in [0, 1], mapped linearly to the width bounds")
    hidden_ratio: PositiveRange = Field(description="One ratio a hidden layer, renormalised to the budget")


class HardLabelSpace(Settings):
    """Hyperparameters of a net trained on hard labels (Urban 6.2)."""

    learning_rate: PositiveRange
    momentum: MomentumRange
    width_constant: FractionRange
    dropout_conv1: DropoutRange
    dropout_conv2: DropoutRange
    dropout_conv3: DropoutRange
    dropout_fc1: DropoutRange


class HardLabelSettings(StudyGroup):
    """The nets of Table 1 that learn from 0/1 labels (Urban 6.2)."""

    families: list[Literal[CNN_FAMILIES]]
    search_space: HardLabelSpace


class StudentSettings(StudyGroup):
    """Step ``students`` (Urban 2.8, 6.3)."""

    families: list[Family] = Field(min_length=1, description="Rows of Table 2")
    budgets: list[Budget] = Field(min_length=1, description="Columns of Table 2")
    search_space: StudentSpace
    hard_label: HardLabelSettings


class ReportSettings(Settings):
    """Step ``report`` (Urban, Tables 1 and 2, Figures 1 and 2)."""

    compare_with_paper: bool = Field(
        description="Put the paper's values beside ours in the long tables; they are for CIFAR-10"
    )


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
