"""What the step's stages are told about nets and trainings, as the rules pass it."""

from typing import Literal

from mimic.config.base import Settings
from mimic.config.win import (
    Depth,
    Divide,
    FolderSizes,
    ImitationSchedule,
    KDSettings,
    LabelSchedule,
    Widen,
    WinSchedule,
    WinTraining,
)


class NetKey(Settings):
    """A ResNet but for its classes, which the images tell; see `mimic.win.resnet.ResNet`."""

    depth: Depth
    divide: Divide
    stem: Literal["imagenet", "cifar"]

    def spec(self, n_classes, widen=1):
        """Arguments of `mimic.win.nets.NetSpec`."""
        return {**self.model_dump(), "widen": widen, "n_classes": n_classes}


class FolderStage(FolderSizes):
    """How images of a folder are read; `cache_size` is None where they are not cached."""

    cache_size: int | None


class Stage(Settings):
    """What all stages that train are told.

    `folder` is None for images that come as one dataset.
    """

    net: NetKey
    training: WinTraining
    folder: FolderStage | None


class WideStage(Stage):
    """Stage 1."""

    widen: Widen
    schedule: LabelSchedule


class VanillaStage(Stage):
    """The baseline on labels."""

    schedule: LabelSchedule


class KDStage(VanillaStage):
    """The baseline on labels and the teacher's probabilities."""

    widen: Widen
    kd: KDSettings


class ImitationStage(Stage):
    """Stages 2 and 3."""

    widen: Widen
    pairs: bool
    classifier: Literal["teacher", "student"]
    schedule: ImitationSchedule | WinSchedule


class MergeStage(Stage):
    """The end: pairs are merged."""

    widen: Widen
    pairs: bool
    classifier: Literal["teacher", "student"]


def baseline_schedule(baselines, n_epochs):
    """The schedule of a baseline that trains as long as stages 2 and 3 together.

    Parameters
    ----------
    baselines : BaselineSchedule
    n_epochs : int

    Returns
    -------
    WinSchedule
    """
    return WinSchedule(n_epochs=n_epochs, **baselines.model_dump())
