"""Section ``ensemble``."""

from pydantic import Field

from mimic.config.base import Settings


class EnsembleSettings(Settings):
    """Step ``ensemble`` (Urban 2.7)."""

    n_members: int = Field(ge=1, description="Nets in the ensemble, chosen greedily on validation accuracy")
