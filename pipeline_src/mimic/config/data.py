"""Section ``data``."""

from pydantic import Field

from mimic.config.base import Settings


class DataSettings(Settings):
    """Step ``data`` (Urban 2.1): where the images come from and how they are split."""

    # Which there are is known to mimic.data.sources, which checks it before any job starts.
    source: str = Field(
        description="cifar10, mnist: torchvision's layout; imagefolder: train/CLASS/*, test/CLASS/*; "
        "shapes: the embedded procedural set"
    )
    path: str | None = Field(description="Folder of the images; ${NAME} is taken from the environment")
    download: bool = Field(description="Download cifar10 or mnist when absent")
    n_train: int = Field(ge=1, description="Training images; all nets train on these only")
    n_validation: int = Field(ge=0, description="Validation images, taken from the source's training set")
    n_test: int = Field(ge=1, description="Test images; reported, choose nothing")


#: Keys that say where the images are found, not what they are: no result depends on them.
WHEREABOUTS = frozenset({"path", "download"})
