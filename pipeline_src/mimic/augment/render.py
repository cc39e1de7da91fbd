"""Rendering a recipe: uint8 images in, augmented uint8 images out, on the device that holds them.

Everything happens in chunks of one fixed size: the bytes of an image do not depend on what is rendered with
it, on a processor a chunk stays in the cache, and one compiled form fits all chunks. Compiling takes seconds,
so that a renderer does it once it has had enough to render; the bytes do not tell.

Source: Urban 2.5. The order is colour, mirror, crop, resize, then clip and round, once.
"""

import contextlib
import logging
import math

import numpy as np
import torch

from mimic.augment.hsv import jitter, jitter_parameters
from mimic.augment.recipe import IMAGE_SIZE, Recipe
from mimic.augment.spline import placement_bank, placement_row

IMAGE_SHAPE = (3, IMAGE_SIZE, IMAGE_SIZE)
# Images a chunk. On a processor 64 to 160 are equally fast and others slower, since buffers that leave the
# cache and calls that do little both cost time; a GPU needs more work a call.
_CHUNK = {"cpu": 128}
_CHUNK_ELSEWHERE = 2048
# Images after which compiling, which takes seconds, is worth it. On a processor it saves 7 microseconds an
# image; on a GPU an image takes a fraction of one anyway.
_COMPILE_AFTER = {"cpu": 500_000}
_COMPILE_AFTER_ELSEWHERE = 50_000_000


class Renderer:
    """Renders recipes on one device; for one thread at a time, since calls share a buffer.

    Parameters
    ----------
    device : torch.device or str
    chunk : int, optional
        Images a chunk; a good number for the device when None. Changes no byte on a processor.
    compile_after : int, optional
        Images after which the work on a chunk is compiled into a few kernels, where a compiler is installed;
        a good number for the device when None. Compiled, it gives the same bytes on a processor, at twice
        the speed.
    """

    def __init__(self, device="cpu", chunk=None, compile_after=None):
        self.device = torch.device(device)
        self.chunk = n = chunk or _CHUNK.get(self.device.type, _CHUNK_ELSEWHERE)
        self._bank = torch.from_numpy(placement_bank().astype(np.float32)).to(self.device)
        self._bytes = torch.empty(n, *IMAGE_SHAPE, dtype=torch.uint8, device=self.device)
        self._render_chunk = render_chunk
        default = _COMPILE_AFTER.get(self.device.type, _COMPILE_AFTER_ELSEWHERE)
        self._compile_after = default if compile_after is None else compile_after
        self._n_rendered = 0

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
        rendered = torch.empty(n, *IMAGE_SHAPE, dtype=torch.uint8, device=self.device)
        with _full_float32(self.device):
            for start, places, parameters in zip(
                range(0, n, self.chunk), *self._to_device(recipe), strict=True
            ):
                torch.index_select(images, 0, places[0], out=self._bytes)
                rows = rendered[start : start + self.chunk]
                rows.copy_(self._call(self._bytes, self._bank, places, parameters)[: len(rows)])
        return rendered

    def _to_device(self, recipe):
        """By chunk: int64 (n_chunks, 3, chunk) image, row, column; colours float32 (n_chunks, 5, chunk)."""
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
        for table in (places, jitter_parameters(recipe)):
            chunks = np.pad(table, padding, mode=mode).reshape(len(table), -1, self.chunk).swapaxes(0, 1)
            yield torch.from_numpy(np.ascontiguousarray(chunks)).to(self.device)

    def _call(self, *arguments):
        """`render_chunk`, compiled once that is worth its seconds."""
        self._n_rendered += self.chunk
        if self._n_rendered <= self._compile_after:
            return self._render_chunk(*arguments)
        self._compile_after = math.inf
        try:
            compiled = torch.compile(render_chunk, fullgraph=True, dynamic=False)
            result = compiled(*arguments)
        except Exception as error:  # whatever a missing or odd compiler raises: the work can do without it
            logging.getLogger(__name__).warning(
                "images are rendered at half the speed: not compiled (%s)", str(error).strip().split("\n")[0]
            )
            return render_chunk(*arguments)
        self._render_chunk = compiled
        return result


def render_chunk(images, bank, places, parameters):
    """Augmented images of one chunk.

    Parameters
    ----------
    images : uint8 tensor, shape (n, 3, 32, 32)
        As they are in the dataset.
    bank : float32 tensor, shape (870, 32, 32)
        `mimic.augment.spline.placement_bank`.
    places : int64 tensor, shape (3, n)
        Rows 1 and 2: rows of the bank for the vertical and the horizontal direction.
    parameters : float32 tensor, shape (5, n)
        `mimic.augment.hsv.jitter_parameters`.

    Returns
    -------
    uint8 tensor, shape (n, 3, 32, 32)
    """
    n = len(images)
    planes = jitter(images.float().flatten(2), parameters)
    # Rows outermost, then channels: both products take all three channels of an image at once.
    pixels = torch.stack([plane.view(n, IMAGE_SIZE, IMAGE_SIZE) for plane in planes], dim=2)  # (n, y, c, x)
    pixels = torch.bmm(bank.index_select(0, places[1]), pixels.view(n, IMAGE_SIZE, 3 * IMAGE_SIZE))
    pixels = torch.bmm(pixels.view(n, 3 * IMAGE_SIZE, IMAGE_SIZE), bank.index_select(0, places[2]).mT)
    pixels = pixels.clamp(0, 255).round().to(torch.uint8)
    return pixels.view(n, IMAGE_SIZE, 3, IMAGE_SIZE).transpose(1, 2).contiguous()


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
def _full_float32(device):
    """Matrix products in float32 proper, whatever training has asked for.

    TF32 and bfloat16 products change a quarter of all pixels by a level.
    """
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
