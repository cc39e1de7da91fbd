"""Layout of a shard of epochs: format ``mimic.epochs``, version 2.

An epoch is one augmented pass over the training set, every image once, in a drawn order. Let k be the
epochs of the shard and n the training images.

=================  =======  =================  ======================================================
array              dtype    shape              meaning
=================  =======  =================  ======================================================
epoch              int32    (k,)               epoch numbers, ascending
epoch_digest       uint8    (k, 32)            SHA-256 of the epoch's recipe and the dataset's digest
recipe/FIELD       various  (k, n)             one column a field of `mimic.augment.recipe.Recipe`
images             uint8    (k, n, 3, 32, 32)  augmented images; only with ``store: pixels``
probe_images       uint8    (k, p, 3, 32, 32)  the first p augmented images of each epoch
=================  =======  =================  ======================================================

Every array has a checksum an epoch; attribute ``dataset_digest`` names the images that were augmented. The
digest of an epoch does not depend on how epochs are cut into shards nor on whether pixels are stored, so
logits belong to both kinds alike. The probe proves that what is rendered here is what was rendered there.
"""

import hashlib
from pathlib import Path

import numpy as np
import torch

from mimic.augment.recipe import Recipe
from mimic.cli import InputError
from mimic.sealed import open_sealed, read_provenance
from mimic.sealing import Layout, sealed_writer

FORMAT, VERSION = "mimic.epochs", 2
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


def write_shard(
    path,
    epochs,
    render,
    store_pixels,
    dataset_digest,
    provenance,
    on_epoch=None,
    resume_key=None,
    n_probe=N_PROBE,
):
    """Write a shard, whole or not at all.

    Parameters
    ----------
    epochs : dict of int to Recipe
        By epoch number.
    render : callable, Recipe -> uint8 array (m, 3, 32, 32)
    store_pixels : bool
    dataset_digest : str
    provenance : dict
    on_epoch : callable, (int, bool) -> None
        Called after each epoch with its number, and whether an earlier attempt had written it.
    resume_key : str, optional
        Go on with what an attempt that was cut short has written, see `mimic.sealing.sealed_writer`.
    n_probe : int
        Images an epoch of the probe, at most.
    """
    numbers = sorted(epochs)
    k, n_images = len(numbers), len(epochs[numbers[0]].image_index)
    n_probe = min(n_probe, n_images)
    layouts = {"epoch": Layout("i4", (k,)), "epoch_digest": Layout("u1", (k, 32))}
    layouts |= {f"recipe/{name}": Layout(dtype, (k, n_images)) for name, dtype in Recipe.FIELDS.items()}
    layouts["probe_images"] = Layout("u1", (k, n_probe, 3, 32, 32))
    if store_pixels:
        layouts["images"] = Layout("u1", (k, n_images, 3, 32, 32))
    attributes = {"dataset_digest": dataset_digest, "provenance": provenance}
    digests = {number: epoch_digest(epochs[number], dataset_digest) for number in numbers}
    # Other epochs are another file, though their number is the same.
    key = None if resume_key is None else f"{resume_key} {numbers} {b''.join(digests.values()).hex()}"
    with sealed_writer(path, FORMAT, VERSION, attributes, layouts, key) as file:
        for row, number in enumerate(numbers):
            recipe = epochs[number]
            held = file.holds(row)
            if not held:
                file.write("epoch", np.array([number], np.int32), row)
                file.write("epoch_digest", np.frombuffer(digests[number], np.uint8)[None], row)
                for name in Recipe.FIELDS:
                    file.write(f"recipe/{name}", getattr(recipe, name)[None], row)
                rendered = render(recipe if store_pixels else recipe.rows(0, n_probe))
                file.write("probe_images", rendered[None, :n_probe], row)
                if store_pixels:
                    file.write("images", rendered[None], row)
            if on_epoch is not None:
                on_epoch(number, held)


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
    complete : bool
        Refuse shards that leave out an epoch; else epochs are asked for by their stored number alone.

    Raises
    ------
    InputError
        Names the file and what does not fit.
    """

    def __init__(self, paths, dataset_digest, source_images, renderer, complete=True):
        self.dataset_digest, self._complete = dataset_digest, complete
        self.source_images, self.renderer = source_images, renderer
        paths = list(paths)
        self._place = {}  # epoch number -> (path, row)
        self.digests = {}
        self.provenance = None
        for path in paths:
            self._add_shard(Path(path))
        if not self._place:
            raise InputError("no epochs: expected at least one shard")
        # An epoch number beyond the others leaves a gap below their count, however large it is.
        missing = sorted(set(range(len(self._place))) - set(self._place))
        if missing and complete:
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

    def _number(self, epoch):
        return epoch % self.n_epochs if self._complete else epoch

    def digest(self):
        """SHA-256 over all epochs, as hexadecimal digits; the same however they are cut into shards."""
        return hashlib.sha256(b"".join(self.digests[epoch] for epoch in sorted(self.digests))).hexdigest()

    def _add_shard(self, path):
        with open_sealed(path, FORMAT, VERSION) as file:
            found = file.attributes.get("dataset_digest")
            if found != self.dataset_digest:
                raise InputError(
                    f"{path}: made from another dataset: expected digest {self.dataset_digest[:16]}, "
                    f"got {str(found)[:16]}"
                )
            _check_layout(file, self.n_images)
            self.provenance = self.provenance or read_provenance(file)
            numbers, digests = file.read("epoch").tolist(), file.read("epoch_digest")
            for row, (number, digest) in enumerate(zip(numbers, digests, strict=True)):
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
        path, row = self._place[self._number(epoch)]
        with open_sealed(path, FORMAT, VERSION) as file:
            fields = {name: file.read(f"recipe/{name}", row, row + 1)[0] for name in Recipe.FIELDS}
        try:
            recipe = Recipe(**fields)
        except ValueError as error:
            raise InputError(f"{path}: recipe of epoch {self._number(epoch)}: {error}") from None
        if epoch_digest(recipe, self.dataset_digest) != self.digests[self._number(epoch)]:
            raise InputError(f"{path}: recipe of epoch {self._number(epoch)} does not match its digest")
        return recipe

    def images(self, epoch):
        """Augmented images of an epoch, read or rendered.

        Returns
        -------
        uint8 tensor, shape (n, 3, 32, 32)
            On the device; row i is image ``recipe(epoch).image_index[i]``.
        """
        path, row = self._place[self._number(epoch)]
        images = self._stored_pixels(path, row)
        if images is None:
            images = self.renderer.render(self.source_images, self.recipe(epoch))
        if (path, row) not in self._checked:
            self._check_probe(path, row, images)
            self._checked.add((path, row))
        return images

    def _stored_pixels(self, path, row):
        """Images as the file holds them, on the device; None where it holds recipes alone."""
        with open_sealed(path, FORMAT, VERSION) as file:
            if "images" not in file.arrays:
                return None
            pixels = torch.from_numpy(file.read("images", row, row + 1)[0])
        if self.source_images.device.type == "cuda":
            # From pinned memory the copy runs beside whatever the GPU does.
            return pixels.pin_memory().to(self.source_images.device, non_blocking=True)
        return pixels

    def probe(self, epoch):
        """The first augmented images of an epoch as they were rendered when it was stored.

        Returns
        -------
        uint8 array, shape (p, 3, 32, 32)
        """
        path, row = self._place[self._number(epoch)]
        with open_sealed(path, FORMAT, VERSION) as file:
            return file.read("probe_images", row, row + 1)[0]

    def check_probe(self, epoch):
        """Render the first images of an epoch again; an InputError says if they differ from the probe."""
        path, row = self._place[self._number(epoch)]
        recipe = self.recipe(epoch).rows(0, len(self.probe(epoch)))
        self._check_probe(path, row, self.renderer.render(self.source_images, recipe))

    def _check_probe(self, path, row, images):
        with open_sealed(path, FORMAT, VERSION) as file:
            probe = file.read("probe_images", row, row + 1)[0].astype(np.int16)
        difference = np.abs(images[: len(probe)].cpu().numpy().astype(np.int16) - probe)
        off = float((difference > 0).mean())
        if difference.max(initial=0) > MAX_LEVELS or off > PROBE_TOLERANCE:
            raise InputError(
                f"{path}: images differ from the file's probe: expected at most {MAX_LEVELS} level "
                f"on {PROBE_TOLERANCE:.2%} of pixels, got {difference.max()} levels, {off:.3%}"
            )


def select_shards(paths, n_epochs):
    """Shards that hold the first `n_epochs` epochs, of files that may be left over from another cut.

    Parameters
    ----------
    paths : sequence of path
    n_epochs : int

    Returns
    -------
    list of path
        Without those that hold a later epoch, or none that an earlier path does not hold.
    """
    chosen, covered = [], set()
    for path in paths:
        with open_sealed(path, FORMAT, VERSION) as file:
            file.array("epoch", np.int32, (None,))
            epochs = set(file.read("epoch").tolist())
        if max(epochs, default=n_epochs) < n_epochs and not epochs <= covered:
            chosen.append(path)
            covered |= epochs
    return chosen


def _check_layout(file, n_images):
    """Refuse shapes and types that do not fit before anything is read."""
    k = file.array("epoch", np.int32, (None,)).n_rows
    if k == 0:
        raise InputError(f"{file.path}: epoch: expected at least one epoch, got none")
    file.array("epoch_digest", np.uint8, (k, 32))
    for name, dtype in Recipe.FIELDS.items():
        file.array(f"recipe/{name}", dtype, (k, n_images))
    n_probe = file.array("probe_images", np.uint8, (k, None, 3, 32, 32)).shape[1]
    if not 1 <= n_probe <= n_images:
        raise InputError(f"{file.path}: probe_images: expected 1 to {n_images} images, got {n_probe}")
    if "images" in file.arrays:
        file.array("images", np.uint8, (k, n_images, 3, 32, 32))
