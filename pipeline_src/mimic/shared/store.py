"""Layout of a pack, format ``mimic.pack``, version 1: what students need of another run, in one file.

=================  =======  =================  ==========================================================
array              dtype    shape              meaning
=================  =======  =================  ==========================================================
logits             float16  (k, n, n_classes)  the ensemble's, as in ``targets.h5`` (or float32)
epoch_digest       uint8    (k, 32)            which epochs they belong to, see `mimic.epochs.store`
probe_images       uint8    (k, p, 3, 32, 32)  the first p augmented images of each epoch, p at most 8
rows_SPLIT         int64    (n_split,)         the split: rows of the source, see `mimic.data.store`
teachers           uint8    (m,)               the teachers' ``trials.csv``, its bytes
recipe/FIELD       various  (k, n)             only with ``mimic pack --recipes``
=================  =======  =================  ==========================================================

Attributes: ``dataset_digest``; ``ensemble``, what ``members.json`` says; ``augmentation``, with the seed,
colour jitter and crop that the epochs are drawn from again, which at the paper's size saves 179 MB;
``targets``, the provenance and members of the targets. No image of the dataset is in it but the probe's,
which are augmented. A pack names no files: what is unpacked has the names of
`mimic.shared.places.Unpacked`.
"""

import contextlib
import json
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mimic.augment.recipe import Recipe
from mimic.cli import InputError, validation_message
from mimic.config.augment import CropSettings, HsvSettings
from mimic.data.store import SPLITS
from mimic.sealed import open_sealed
from mimic.sealing import Layout, sealed_writer

FORMAT, VERSION = "mimic.pack", 1
SHARED_FORMAT = "mimic.shared"
N_PROBE = 8


class Augmentation(BaseModel):
    """What the epochs are drawn from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(ge=0)
    hsv: HsvSettings
    crop: CropSettings


class PackedMember(BaseModel):
    """A member as ``targets.h5`` names it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    trial: int = Field(ge=0)
    weights_digest: str = Field(pattern=r"^[0-9a-f]{64}$")


class PackedTargets(BaseModel):
    """What ``targets.h5`` says beside its arrays."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    members: list[PackedMember]
    provenance: dict


Accuracy = Annotated[float, Field(ge=0, le=1)]


class PackedEnsemble(BaseModel):
    """What tables and figures need of ``members.json``; the rest is kept as it is."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    format: Literal["mimic.ensemble"]
    members: list[Annotated[int, Field(ge=0, strict=True)]] = Field(min_length=1)
    n_parameters: int = Field(ge=1)
    validation_accuracy: Accuracy
    test_accuracy: Accuracy


class PackHeader(BaseModel):
    """Attributes of a pack."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    ensemble: PackedEnsemble
    augmentation: Augmentation
    targets: PackedTargets
    provenance: dict

    @model_validator(mode="after")
    def _one_ensemble(self):
        trials = [member.trial for member in self.targets.members]
        if trials != self.ensemble.members:
            raise ValueError(f"targets of members {trials}, but an ensemble of {self.ensemble.members}")
        return self


def pack_layouts(lengths, n_epochs, n_images, n_classes, n_probe, dtype, with_recipes):
    """Arrays of a pack.

    Parameters
    ----------
    lengths : dict of str to int
        Entries of ``rows_SPLIT`` and ``teachers``.
    n_epochs, n_images, n_classes, n_probe : int
    dtype : str
        Of the logits.
    with_recipes : bool

    Returns
    -------
    dict of str to mimic.sealing.Layout
    """
    k = n_epochs
    layouts = {name: Layout("i8", (1, n)) for name, n in lengths.items()} | {
        "teachers": Layout("u1", (1, lengths["teachers"])),
        "logits": Layout(dtype, (k, n_images, n_classes)),
        "epoch_digest": Layout("u1", (k, 32)),
        "probe_images": Layout("u1", (k, n_probe, 3, 32, 32)),
    }
    if with_recipes:
        layouts |= {f"recipe/{name}": Layout(kind, (k, n_images)) for name, kind in Recipe.FIELDS.items()}
    return layouts


def write_pack(path, header, rows, teachers, layout, epochs):
    """Write a pack, whole or not at all.

    Parameters
    ----------
    header : PackHeader
    rows : dict, split -> int64 array
    teachers : bytes
    layout : (int, int, int, int, str, bool)
        Epochs, images, classes, images of the probe, dtype of the logits, and whether recipes are stored.
    epochs : iterable of (bytes, float array, uint8 array, Recipe)
        Digest, logits, probe and recipe of each epoch.
    """
    whole = {f"rows_{split}": rows[split][None] for split in SPLITS}
    whole["teachers"] = np.frombuffer(teachers, np.uint8)[None]
    lengths = {name: array.shape[1] for name, array in whole.items()}
    layouts, with_recipes = pack_layouts(lengths, *layout), layout[-1]
    with sealed_writer(path, FORMAT, VERSION, header.model_dump(mode="json"), layouts) as file:
        for name, array in whole.items():
            file.write(name, array)
        for row, (digest, logits, probe, recipe) in enumerate(epochs):
            file.write("epoch_digest", np.frombuffer(digest, np.uint8)[None], row)
            file.write("logits", logits[None], row)
            file.write("probe_images", probe[None], row)
            for name in Recipe.FIELDS if with_recipes else ():
                file.write(f"recipe/{name}", getattr(recipe, name)[None], row)


class Pack:
    """An open pack, its shapes checked against each other; see `open_pack`."""

    def __init__(self, file):
        self._file, self.path, self.digest = file, file.path, file.digest
        try:
            self.header = PackHeader.model_validate_json(json.dumps(file.attributes))
        except ValidationError as error:
            raise InputError(validation_message(error, f"{file.path}: attributes")) from None
        logits = file.arrays.get("logits")
        self.dtype = "float32" if logits is not None and logits.dtype == "<f4" else "float16"
        self.n_epochs, self.n_images, self.n_classes = file.array("logits", self.dtype, (None,) * 3).shape
        file.array("epoch_digest", np.uint8, (self.n_epochs, 32))
        n_probe = file.array("probe_images", np.uint8, (self.n_epochs, None, 3, 32, 32)).shape[1]
        if min(self.n_epochs, self.n_images, self.n_classes, n_probe) < 1:
            raise InputError(f"{file.path}: expected epochs, images, classes and a probe, got none")
        for split in SPLITS:
            n = file.array(f"rows_{split}", np.int64, (1, None)).shape[1]
            if split == "train" and n != self.n_images:
                raise InputError(f"{file.path}: rows_train: expected {self.n_images} rows, got {n}")
        file.array("teachers", np.uint8, (1, None))
        self.has_recipes = any(name.startswith("recipe/") for name in file.arrays)
        if self.has_recipes:
            for name, dtype in Recipe.FIELDS.items():
                file.array(f"recipe/{name}", dtype, (self.n_epochs, self.n_images))

    def verify(self):
        """Check every checksum and digest of the file, that logits are finite and rows no more than rows."""
        self._file.verify()
        for epoch in range(self.n_epochs):
            if not np.isfinite(self.logits(epoch)).all():
                raise InputError(f"{self.path}: logits of epoch {epoch} are not finite")
        for split, rows in self.rows().items():
            if len(rows) and (rows.min() < 0 or len(np.unique(rows)) != len(rows)):
                raise InputError(f"{self.path}: rows_{split}: expected each row of the source once")

    def logits(self, epoch):
        """Logits of an epoch: float array, shape (n, n_classes)."""
        return self._file.read("logits", epoch, epoch + 1)[0]

    def epoch_digests(self):
        """Digests of all epochs: list of bytes, 32."""
        return [digest.tobytes() for digest in self._file.read("epoch_digest")]

    def probe(self, epoch):
        """First augmented images of an epoch: uint8 array, shape (p, 3, 32, 32)."""
        return self._file.read("probe_images", epoch, epoch + 1)[0]

    def rows(self):
        """The split: dict, split -> int64 array."""
        return {split: self._file.read(f"rows_{split}")[0] for split in SPLITS}

    def teachers(self):
        """The teachers' ``trials.csv``, its bytes."""
        return self._file.read("teachers")[0].tobytes()

    def stored_recipe(self, epoch):
        """Recipe of an epoch out of the file; an InputError where it is none."""
        fields = {name: self._file.read(f"recipe/{name}", epoch, epoch + 1)[0] for name in Recipe.FIELDS}
        try:
            return Recipe(**fields)
        except ValueError as error:
            raise InputError(f"{self.path}: recipe of epoch {epoch}: {error}") from None


@contextlib.contextmanager
def open_pack(path):
    """A pack for reading; yields the open `Pack`.

    Raises
    ------
    InputError
        Names the file, what was expected and what was found.
    """
    with open_sealed(path, FORMAT, VERSION) as file:
        yield Pack(file)
