"""Section ``win``: thin nets that imitate a wide one block by block (Zhou et al., ICML 2020)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from mimic.config.base import Settings
from mimic.config.data import DataSettings

Depth = Literal[14, 26, 50, 101, 152]
Divide = Literal[1, 2, 4, 8, 16]
Widen = Literal[2, 4]
N_BLOCKS = 4


def _each_once(values):
    if len(set(values)) < len(values):
        raise ValueError("expected each value once")
    return values


def _list(kind):
    return Annotated[list[kind], AfterValidator(_each_once), Field(min_length=1)]


class WinData(Settings):
    """The images: ImageNet as folders, or a small source of 32x32 images that fits on a device."""

    source: Literal["imagenet", "cifar10", "mnist", "imagefolder", "shapes"] = Field(
        description="imagenet: train/CLASS/*, val/CLASS/* of any size; the others as data.source"
    )
    path: str | None = Field(description="Folder of the images; ${NAME} is taken from the environment")
    download: bool = Field(description="Download cifar10 or mnist when absent")
    n_train: int | None = Field(
        ge=1, description="Training images; null for all of imagenet, which has no other"
    )
    n_test: int | None = Field(ge=1, description="Test images; null likewise")

    @model_validator(mode="after")
    def _counts_where_needed(self):
        if self.source != "shapes" and not self.path:
            raise ValueError(f"path is needed for source {self.source}")
        for name in ("n_train", "n_test"):
            count = getattr(self, name)
            if (count is None) != (self.source == "imagenet"):
                wanted = "null" if self.source == "imagenet" else "a number"
                raise ValueError(f"{name}: expected {wanted} for source {self.source}, got {count}")
        return self

    def as_data(self):
        """The same as a section ``data`` without validation images, of a small source."""
        return DataSettings(n_validation=0, **self.model_dump())


class FolderSizes(Settings):
    """Sides of the images of source ``imagenet``, as trainings see them."""

    image_size: int = Field(ge=32, le=1024, description="Side of the images that nets are trained on, pixels")
    test_size: int = Field(
        ge=32,
        le=1024,
        description="Shorter side that test images are brought to before their middle is taken",
    )

    @model_validator(mode="after")
    def _sizes_fit(self):
        if self.image_size > self.test_size:
            raise ValueError(
                f"test_size: expected at least image_size {self.image_size}, got {self.test_size}"
            )
        return self


class FolderSettings(FolderSizes):
    """How images of source ``imagenet`` are read; those of the small sources are taken as they are."""

    cached: bool = Field(description="Decode once, into shards of uint8 images")
    cache_size: int = Field(
        ge=32,
        le=1024,
        description="Side of the images in the shards, pixels: each is the whole image, squeezed to a square",
    )
    images_per_shard: int = Field(ge=1, le=65536, description="Images in a shard")
    cache_folder: str | None = Field(
        description="Folder in which runs share shards; null: each has its own. ${NAME} is of the environment"
    )


class WinNets(Settings):
    """The thin nets; every combination of depth and width is one, trained with every seed."""

    depth: _list(Depth) = Field(description="Layers of the ResNet, of bottleneck blocks")
    divide: _list(Divide) = Field(description="Divides all channels: 2 is the paper's 1/2")
    stem: Literal["imagenet", "cifar"] = Field(
        description="imagenet: 7x7 convolution of stride 2 and max-pool; cifar: 3x3 convolution"
    )
    seed: _list(Annotated[int, Field(ge=0)]) = Field(description="Repetitions of the thin nets' trainings")


class WinSchedule(Settings):
    """A training by SGD whose rate falls along half a cosine, from step to step, to zero."""

    n_epochs: int = Field(ge=1, description="Passes over the training images")
    learning_rate: float = Field(gt=0, strict=False, description="Rate of the first step")
    weight_decay: float = Field(ge=0, strict=False, description="Factor of the L2 penalty's gradient")


class LabelSchedule(WinSchedule):
    """A training on labels."""

    label_smoothing: float = Field(ge=0, lt=1, strict=False, description="Of cross-entropy on labels")


class ImitationSchedule(WinSchedule):
    """Stage 2, for each block; `n_epochs` are those of one cosine."""

    restarts: int = Field(ge=0, le=100, description="Further cosines, each from the best weights so far")
    n_probe: int = Field(ge=1, description="Training images on which a block's discrepancy is measured")


class BaselineSchedule(Settings):
    """Vanilla and KD; their epochs are those of stages 2 and 3 together."""

    learning_rate: float = Field(gt=0, strict=False, description="Rate of the first step")
    weight_decay: float = Field(ge=0, strict=False, description="Factor of the L2 penalty's gradient")
    label_smoothing: float = Field(ge=0, lt=1, strict=False, description="Of cross-entropy on labels")


class WinTraining(Settings):
    """What all trainings of the step share."""

    batch_size: int = Field(ge=2, description="Images a step, over all processes")
    momentum: float = Field(ge=0, lt=1, description="Of SGD")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        description="Of forward and backward passes; auto: bfloat16 where the processor gains from it"
    )
    channels_last: Literal["auto", "on", "off"] = Field(description="Memory format; auto: with bfloat16")


class KDSettings(Settings):
    """The baseline KD (Hinton et al., 2015)."""

    temperature: float = Field(gt=0, strict=False, description="Divides both nets' logits")
    hard_share: float = Field(ge=0, le=1, strict=False, description="Share of the loss on labels")


class WinSettings(Settings):
    """Step ``win``: wide teachers, thin students, and three ways to train these."""

    data: WinData
    folder: FolderSettings
    nets: WinNets
    widen: _list(Widen) = Field(
        description="Factors of the teachers' 3x3 convolutions; the first for Tables 1 and 2, all for Table 3"
    )
    pairs: bool = Field(description="A pair of 1x1 convolutions after each block, merged at the end")
    classifier: Literal["teacher", "student"] = Field(
        description="Last layer of the imitation net: the teacher's, merged like a pair, or the student's own"
    )
    training: WinTraining
    train_wide: LabelSchedule = Field(description="Stage 1: the teacher")
    imitate_block: ImitationSchedule = Field(description="Stage 2: block after block")
    finetune: WinSchedule = Field(description="Stage 3: the whole net on the teacher's probabilities")
    baselines: BaselineSchedule
    kd: KDSettings

    @property
    def student_epochs(self):
        """Epochs of stages 2 and 3 together, which the baselines are given too."""
        stage = self.imitate_block
        return N_BLOCKS * stage.n_epochs * (1 + stage.restarts) + self.finetune.n_epochs

    @model_validator(mode="after")
    def _stem_fits(self):
        if self.nets.stem == "cifar" and self.data.source == "imagenet" and self.folder.image_size > 64:
            raise ValueError(
                f"nets.stem: expected imagenet for images of {self.folder.image_size} pixels, got cifar"
            )
        return self
