"""Layout of a shard of epochs: format ``mimic.epochs``, version 1.

An epoch is one augmented pass over the training set, every image once, in a drawn order. Let k be the
epochs of the shard and n the training images.

=================  =======  =================  ======================================================
dataset            dtype    shape              meaning
=================  =======  =================  ======================================================
epoch              int32    (k,)               epoch numbers, ascending
epoch_digest       uint8    (k, 32)            SHA-256 of the epoch's recipe and the dataset's digest
recipe/FIELD       various  (k, n)             one column a field of `mimic.augment.recipe.Recipe`
images             uint8    (k, n, 3, 32, 32)  augmented images; only with ``store: pixels``
probe_images       uint8    (k, p, 3, 32, 32)  the first p augmented images of each epoch
=================  =======  =================  ======================================================

The digest does not depend on how epochs are cut into shards nor on whether pixels are stored, so logits
belong to both kinds alike. The probe proves that what is rendered here is what was rendered there.
"""

import hashlib
from pathlib import Path

import h5py
import numpy as np
import torch

from mimic.artifact import create_hdf5, open_hdf5
from mimic.augment.recipe import Recipe
from mimic.cli import InputError

FORMAT, VERSION = "mimic.epochs", 1
CHUNK_IMAGES = 1000
N_PROBE = 32
# Rendered pixels may differ between devices by one level on at most this fraction.
PROBE_TOLERANCE = 1e-4
MAX_LEVELS = 1


def epoch_digest(recipe, dataset_digest):
    """SHA-256 that names an epoch: its recipe and the images it is applied to.

    Returns
    -------
    bytes, 32
    """
    return hashlib.sha256(f"{recipe.digest()} {dataset_digest}".encode()).digest()


def write_shard(path, epochs, render, store_pixels, dataset_digest, provenance, on_epoch=None):
    """Write a shard, whole or not at all.

    Parameters
    ----------
    epochs : dict of int to Recipe
        By epoch number.
    render : callable, Recipe -> uint8 array (m, 3, 32, 32)
    store_pixels : bool
    dataset_digest : str
    provenance : dict
    on_epoch : callable, int -> None
        Called after each epoch.
    """
    numbers = sorted(epochs)
    n_images = len(epochs[numbers[0]].image_index)
    n_probe = min(N_PROBE, n_images)
    shape = (len(numbers), n_images, 3, 32, 32)
    with create_hdf5(path, FORMAT, VERSION, provenance) as file:
        file.attrs["dataset_digest"] = dataset_digest
        file.create_dataset("epoch", data=np.asarray(numbers, "<i4"))
        digests = [np.frombuffer(epoch_digest(epochs[e], dataset_digest), np.uint8) for e in numbers]
        file.create_dataset("epoch_digest", data=np.stack(digests), fletcher32=True)
        for name in Recipe.FIELDS:
            columns = np.stack([getattr(epochs[e], name) for e in numbers])
            file.create_dataset(f"recipe/{name}", data=columns, chunks=(1, n_images), fletcher32=True)
        probe = file.create_dataset("probe_images", (len(numbers), n_probe, 3, 32, 32), "u1")
        images = None
        if store_pixels:
            chunks = (1, min(CHUNK_IMAGES, n_images), 3, 32, 32)
            images = file.create_dataset("images", shape, "u1", chunks=chunks, fletcher32=True)
        for row, number in enumerate(numbers):
            if images is None:
                probe[row] = render(epochs[number].rows(0, n_probe))
            else:
                rendered = render(epochs[number])
                images[row] = rendered
                probe[row] = rendered[:n_probe]
            if on_epoch is not None:
                on_epoch(number)


class StoredEpochs:
    """All epochs of a run, read from its shards; epoch e of training is stored epoch e mod n.

    Parameters
    ----------
    paths : sequence of path
        The shards; together they hold epochs 0 to n - 1, each once.
    dataset_digest : str
        Of the dataset at hand; shards made from another one are refused.
    source_images : uint8 tensor, shape (n, 3, 32, 32)
        Training images on the device; needed where a shard holds recipes.
    renderer : mimic.augment.render.Renderer

    Raises
    ------
    InputError
        Names the file and what does not fit.
    """

    def __init__(self, paths, dataset_digest, source_images, renderer):
        self.dataset_digest = dataset_digest
        self.source_images, self.renderer = source_images, renderer
        paths = list(paths)
        self._place = {}  # epoch number -> (path, row)
        self.digests = {}
        for path in paths:
            self._add_shard(Path(path))
        if not self._place:
            raise InputError("no epochs: expected at least one shard")
        # An epoch number beyond the others leaves a gap below their count, however large it is.
        missing = sorted(set(range(len(self._place))) - set(self._place))
        if missing:
            raise InputError(f"epochs {missing[:5]} are missing from the {len(paths)} shards given")
        self._checked = set()  # shards whose probe was rendered here and found equal

    @property
    def n_epochs(self):
        """Number of stored epochs."""
        return len(self._place)

    @property
    def n_images(self):
        """Images an epoch."""
        return len(self.source_images)

    def digest(self):
        """SHA-256 over all epochs, as hexadecimal digits; the same however they are cut into shards."""
        return hashlib.sha256(b"".join(self.digests[epoch] for epoch in sorted(self.digests))).hexdigest()

    def _add_shard(self, path):
        with open_hdf5(path, FORMAT, VERSION) as file:
            found = file.attrs.get("dataset_digest")
            if found != self.dataset_digest:
                raise InputError(
                    f"{path}: made from another dataset: expected digest {self.dataset_digest[:16]}, "
                    f"got {str(found)[:16]}"
                )
            _check_layout(path, file, self.n_images)
            for row, (number, digest) in enumerate(
                zip(file["epoch"][()].tolist(), file["epoch_digest"][()], strict=True)
            ):
                if number in self._place:
                    raise InputError(f"{path}: epoch {number} is also in {self._place[number][0]}")
                self._place[number] = (path, row)
                self.digests[number] = digest.tobytes()

    def recipe(self, epoch):
        """Recipe of an epoch, checked against its digest.

        Returns
        -------
        Recipe
        """
        path, row = self._place[epoch % self.n_epochs]
        with open_hdf5(path, FORMAT, VERSION) as file:
            try:
                fields = {name: file[f"recipe/{name}"][row] for name in Recipe.FIELDS}
            except OSError as error:
                raise InputError(f"{path}: recipe of epoch {epoch % self.n_epochs}: {error}") from None
        try:
            recipe = Recipe(**fields)
        except ValueError as error:
            raise InputError(f"{path}: recipe of epoch {epoch % self.n_epochs}: {error}") from None
        if epoch_digest(recipe, self.dataset_digest) != self.digests[epoch % self.n_epochs]:
            raise InputError(f"{path}: recipe of epoch {epoch % self.n_epochs} does not match its digest")
        return recipe

    def images(self, epoch):
        """Augmented images of an epoch, read or rendered.

        Returns
        -------
        uint8 tensor, shape (n, 3, 32, 32)
            On the device; row i is image ``recipe(epoch).image_index[i]``.
        """
        path, row = self._place[epoch % self.n_epochs]
        images = self._stored_pixels(path, row, epoch % self.n_epochs)
        if images is None:
            images = self.renderer.render(self.source_images, self.recipe(epoch))
        if (path, row) not in self._checked:
            self._check_probe(path, row, images)
            self._checked.add((path, row))
        return images

    def _stored_pixels(self, path, row, epoch):
        """Images as the file holds them, on the device; None where it holds recipes alone."""
        with open_hdf5(path, FORMAT, VERSION) as file:
            if "images" not in file:
                return None
            try:
                pixels = torch.from_numpy(file["images"][row])
            except OSError as error:
                raise InputError(f"{path}: images of epoch {epoch}: {error}") from None
        if self.source_images.device.type == "cuda":
            # From pinned memory the copy runs beside whatever the GPU does.
            return pixels.pin_memory().to(self.source_images.device, non_blocking=True)
        return pixels

    def _check_probe(self, path, row, images):
        with open_hdf5(path, FORMAT, VERSION) as file:
            probe = file["probe_images"][row].astype(np.int16)
        difference = np.abs(images[: len(probe)].cpu().numpy().astype(np.int16) - probe)
        off = float((difference > 0).mean())
        if difference.max(initial=0) > MAX_LEVELS or off > PROBE_TOLERANCE:
            raise InputError(
                f"{path}: images differ from the file's probe: expected at most {MAX_LEVELS} level "
                f"on {PROBE_TOLERANCE:.2%} of pixels, got {difference.max()} levels, {off:.3%}"
            )


def _check_layout(path, file, n_images):
    """Refuse shapes and types that do not fit before anything is read."""
    epoch = file.get("epoch")
    k = len(epoch) if isinstance(epoch, h5py.Dataset) and epoch.ndim == 1 else 0
    expected = {"epoch": ("int32", (k,)), "epoch_digest": ("uint8", (k, 32))}
    expected |= {f"recipe/{name}": (str(np.dtype(t)), (k, n_images)) for name, t in Recipe.FIELDS.items()}
    expected["probe_images"] = ("uint8", (k, min(N_PROBE, n_images), 3, 32, 32))
    if "images" in file:
        expected["images"] = ("uint8", (k, n_images, 3, 32, 32))
    for name, (dtype, shape) in expected.items():
        found = file.get(name)
        found_shape = (str(found.dtype), found.shape) if isinstance(found, h5py.Dataset) else None
        if k == 0 or found_shape != (dtype, shape):
            raise InputError(f"{path}: {name}: expected {dtype} of shape {shape}, got {found_shape}")
    # A file can claim any number of epochs without holding them: look before memory is taken.
    if file["epoch_digest"].id.get_storage_size() < 32 * k:
        raise InputError(f"{path}: epoch_digest: expected {k} digests, the file holds fewer")
