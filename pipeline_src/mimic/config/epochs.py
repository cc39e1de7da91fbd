"""Section ``epochs``."""

from typing import Literal

from pydantic import Field

from mimic.config.augment import CropSettings, HsvSettings
from mimic.config.base import Settings


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
