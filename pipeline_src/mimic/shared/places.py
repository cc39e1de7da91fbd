"""Where the parts of an unpacked file lie; the planner asks, so nothing heavy is imported."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Unpacked:
    """Where an unpacked file's parts lie in a results folder."""

    folder: Path

    @classmethod
    def in_results(cls, results):
        """Those of a results folder."""
        return cls(Path(results) / "shared")

    @property
    def split(self):
        """The split, from which `prepare_dataset` makes the same dataset."""
        return self.folder / "split.h5"

    @property
    def dataset(self):
        """The dataset that the split leads to; not unpacked, but made of the images at hand."""
        return self.folder / "dataset.h5"

    @property
    def epochs(self):
        """All epochs, as recipes."""
        return self.folder / "epochs.h5"

    @property
    def targets(self):
        """The ensemble's logits."""
        return self.folder / "targets.h5"

    @property
    def members(self):
        """The ensemble's members and accuracies."""
        return self.folder / "members.json"

    @property
    def teachers(self):
        """All teacher trials."""
        return self.folder / "teachers.csv"

    @property
    def marker(self):
        """What was unpacked; written last."""
        return self.folder / "pack.json"

    def all(self):
        """All that is unpacked, in the order in which it is written."""
        return [self.split, self.epochs, self.targets, self.members, self.teachers, self.marker]
