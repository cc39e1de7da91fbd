"""Section ``report``."""

from pydantic import Field

from mimic.config.base import Settings


class ReportSettings(Settings):
    """Step ``report`` (Urban, Tables 1 and 2, Figures 1 and 2)."""

    compare_with_paper: bool = Field(
        description="Put the paper's values beside ours in the long tables; they are for CIFAR-10"
    )
