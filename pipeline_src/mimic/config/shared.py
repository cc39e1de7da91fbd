"""Section ``shared``."""

from typing import Annotated

from pydantic import Field, model_validator

from mimic.config.base import Settings


class SharedSettings(Settings):
    """Step ``shared``: students learn from another run's ensemble; no teacher is trained."""

    pack: Annotated[str, Field(min_length=1)] | None = Field(
        description="File made by `mimic pack`, or its address (https://, s3://); null: train teachers"
    )
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        description="The digest that `mimic inspect` shows for the pack; must be given with an address"
    )

    @model_validator(mode="after")
    def _digest_of_a_pack(self):
        if self.digest is not None and self.pack is None:
            raise ValueError("a digest needs a pack")
        if self.is_address and self.digest is None:
            raise ValueError(f"{self.pack} is an address: expected its digest too")
        return self

    @property
    def is_address(self):
        """Whether the pack is somewhere else, for a storage plugin of Snakemake to fetch."""
        return self.pack is not None and "://" in self.pack
