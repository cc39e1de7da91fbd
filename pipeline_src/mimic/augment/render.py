"""Rendering a recipe: uint8 images in, augmented uint8 images out, on the device that holds them.

Everything happens in chunks of one fixed size, through buffers that are allocated once: the bytes of an image
do not depend on what is rendered with it, and on a processor the buffers stay in the cache. On a GPU the same
calls have fixed shapes and addresses.

Source: Urban 2.5. The order is colour, mirror, crop, resize, then clip and round, once.
"""

import contextlib

import numpy as np
import torch

from mimic.augment.hsv import HsvJitter, jitter_parameters
from mimic.augment.recipe import IMAGE_SIZE, Recipe
from mimic.augment.spline import placement_bank, placement_row

IMAGE_SHAPE = (3, IMAGE_SIZE, IMAGE_SIZE)
# Images a chunk. On a processor 64 to 160 are equally fast and others slower, since buffers that leave the
# cache and calls that do little both cost time; a GPU needs more work a call.
_CHUNK = {"cpu": 128}
_CHUNK_ELSEWHERE = 2048


class Renderer:
    """Renders recipes on one device; for one thread at a time, since calls share its buffers.

    Parameters
    ----------
    device : torch.device or str
    chunk : int, optional
        Images a chunk; a good number for the device when None. Changes no byte on a processor.
    """

    def __init__(self, device="cpu", chunk=None):
        self.device = torch.device(device)
        self.chunk = n = chunk or _CHUNK.get(self.device.type, _CHUNK_ELSEWHERE)
        self._bank = torch.from_numpy(placement_bank().astype(np.float32)).to(self.device)
        self._bytes = torch.empty(n, *IMAGE_SHAPE, dtype=torch.uint8, device=self.device)
        self._planes = torch.empty(3, n, IMAGE_SIZE, IMAGE_SIZE, device=self.device)
        self._resized = torch.empty_like(self._planes[0])
        self._rows = torch.empty(n, IMAGE_SIZE, IMAGE_SIZE, device=self.device)
        self._columns = torch.empty_like(self._rows)
        self._jitter = HsvJitter(n, self.device)

    @torch.no_grad()
    def render(self, images, recipe):
        """Augmented images, row i from row ``recipe.image_index[i]``.

        Parameters
        ----------
        images : uint8 tensor, shape (N, 3, 32, 32)
            On the renderer's device.
        recipe : Recipe
            n rows.

        Returns
        -------
        uint8 tensor, shape (n, 3, 32, 32)

        Raises
        ------
        ValueError
            If `images` has another shape, dtype or device, or the recipe takes an image beyond its end.
        """
        _refuse_other_images(images)
        if images.device.type != self.device.type:
            raise ValueError(f"images: expected on device {self.device}, got {images.device}")
        if not isinstance(recipe, Recipe):
            raise ValueError(f"recipe: expected a Recipe, got {type(recipe).__name__}")
        n = len(recipe)
        if n and recipe.image_index.max() >= len(images):
            row = int(recipe.image_index.argmax())
            raise ValueError(
                f"recipe field image_index: expected below {len(images)} (the number of images), "
                f"got {recipe.image_index[row]} in row {row}"
            )
        places, parameters = self._to_device(recipe)
        rendered = torch.empty(n, *IMAGE_SHAPE, dtype=torch.uint8, device=self.device)
        with _full_float32():
            for start in range(0, n, self.chunk):
                chunk = slice(start, start + self.chunk)
                planes = self._render_chunk(images, places[:, chunk], parameters[:, chunk])
                rows = rendered[chunk]
                rows.copy_(planes.transpose(0, 1)[: len(rows)])
        return rendered

    def _to_device(self, recipe):
        """Placements int64 (3, n'): image, row, column; colours float32 (5, n'); n' is whole chunks."""
        places = np.stack(
            [
                recipe.image_index.astype(np.int64),
                placement_row(recipe.crop_size, recipe.crop_y),
                placement_row(recipe.crop_size, recipe.crop_x, recipe.mirror),
            ]
        )
        # The last chunk is filled up with its own last row, so that all chunks have one shape.
        padding = ((0, 0), (0, -len(recipe) % self.chunk))
        mode = "edge" if len(recipe) else "constant"
        places = np.pad(places, padding, mode=mode)
        parameters = np.pad(jitter_parameters(recipe), padding, mode=mode)
        return torch.from_numpy(places).to(self.device), torch.from_numpy(parameters).to(self.device)

    def _render_chunk(self, images, places, parameters):
        """Rounded planes, float32 (3, chunk, 32, 32), of one chunk; overwritten by the next call."""
        torch.index_select(images, 0, places[0], out=self._bytes)
        torch.index_select(self._bank, 0, places[1], out=self._rows)
        torch.index_select(self._bank, 0, places[2], out=self._columns)
        self._planes.copy_(self._bytes.transpose(0, 1))
        self._jitter.jitter_(self._planes.flatten(2), parameters)
        for plane in self._planes:
            torch.bmm(plane, self._columns.mT, out=self._resized)
            torch.bmm(self._rows, self._resized, out=plane)
            plane.clamp_(0, 255).round_()
        return self._planes


def standardise(images):
    """Each image minus its mean, over its standard deviation.

    Parameters
    ----------
    images : uint8 tensor, shape (batch, 3, 32, 32)

    Returns
    -------
    float32 tensor, shape (batch, 3, 32, 32)
        Mean 0 and population standard deviation 1 over the 3,072 values of each image; a constant image
        becomes zeros.

    Raises
    ------
    ValueError
        If `images` has another shape or dtype.

    Source: Urban 2.1.
    """
    _refuse_other_images(images)
    n = 3 * IMAGE_SIZE**2
    pixels = images.float()
    # Sums of whole numbers are exact in float32, in any order, below 2**24: 3072 pixels, or 256 squares.
    # So the bytes of an image depend neither on the batch nor on the number of threads.
    total = pixels.sum((1, 2, 3)).double()
    squares = pixels.square().view(-1, n // 256, 256).sum(2).double().sum(1)
    deviation = (n * squares - total.square()).sqrt() / n
    inverse = torch.where(deviation > 0, 1 / deviation, 0)
    mean, inverse = (total / n).float(), inverse.float()  # (batch,)
    return pixels.sub_(mean[:, None, None, None]).mul_(inverse[:, None, None, None])


def _refuse_other_images(images):
    if not isinstance(images, torch.Tensor):
        got = type(images).__name__
    elif images.dtype != torch.uint8 or images.ndim != 4 or tuple(images.shape[1:]) != IMAGE_SHAPE:
        got = f"{str(images.dtype).removeprefix('torch.')} of shape {tuple(images.shape)}"
    else:
        return
    raise ValueError(f"images: expected a uint8 tensor of shape (n, 3, 32, 32), got {got}")


@contextlib.contextmanager
def _full_float32():
    """Matrix products in float32 proper, whatever training has asked for.

    TF32 and bfloat16 products change a quarter of all pixels by a level.
    """
    precision = torch.get_float32_matmul_precision()
    if precision == "highest":
        yield
        return
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
