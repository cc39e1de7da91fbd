"""The parameters of every augmentation, drawn before anything is rendered.

A recipe is a table: row i says which image is taken and what is done to it. It is drawn with numpy on the
processor, so that its bits are the same whatever device renders it, and it is what an epochs file always
holds.

=================  =======  =====  ==============================================================
field              dtype    draw   meaning
=================  =======  =====  ==============================================================
image_index        int32           row of the image in the array that is rendered
hue_shift          float32  0      added to the hue, in turns; wraps
saturation_scale   float32  1      the saturation (0 to 1) is multiplied by it, ...
saturation_shift   float32  2      ... then this is added, then clipped to 0 to 1
value_scale        float32  3      the same for the value (0 to 1)
value_shift        float32  4
mirror             bool     5      left-right mirror image, taken before the crop
crop_size          uint8    6      S: side of the square that is resized to 32x32
crop_x, crop_y     uint8    7, 8   its left and upper edge in the (mirrored) image
=================  =======  =====  ==============================================================

Column ``draw`` is the order of the draws: one row of nine uniform numbers an image, so that the first n rows
are the same however many follow.

Source: Urban 2.5. Reading: scale, then shift, then clip; README "Readings".
"""

import dataclasses

import numpy as np

from mimic.artifact import digest_arrays
from mimic.seeding import numpy_generator

IMAGE_SIZE = 32
SMALLEST_CROP = 4  # the spline needs four points
_N_DRAWS = 9


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
    """Parameters of n augmented images; all fields are arrays of shape (n,).

    Raises
    ------
    ValueError
        If a field has another dtype or shape than `FIELDS` says, or a value out of range: a negative
        index, a shift or scale that is not finite, a crop that leaves the image.
    """

    image_index: np.ndarray
    hue_shift: np.ndarray
    saturation_scale: np.ndarray
    saturation_shift: np.ndarray
    value_scale: np.ndarray
    value_shift: np.ndarray
    mirror: np.ndarray
    crop_size: np.ndarray
    crop_x: np.ndarray
    crop_y: np.ndarray

    def __post_init__(self):
        n = np.shape(self.image_index)[:1]
        for name, dtype in FIELDS.items():
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.dtype != dtype or array.shape != n or not n:
                raise ValueError(
                    f"recipe field {name}: expected a {dtype} array of shape "
                    f"{n or '(n,)'}, got {_describe(array)}"
                )
            if dtype == "float32" and not np.isfinite(array).all():
                row = int(np.flatnonzero(~np.isfinite(array))[0])
                raise ValueError(
                    f"recipe field {name}: expected finite numbers, got {array[row]} in row {row}"
                )
        _refuse_outside("image_index", self.image_index, 0, np.iinfo(np.int32).max)
        _refuse_outside("crop_size", self.crop_size, SMALLEST_CROP, IMAGE_SIZE)
        for name in ("crop_x", "crop_y"):
            # Widened first: in uint8 the sum could wrap around.
            edge = getattr(self, name).astype(np.int32) + self.crop_size
            if edge.size and edge.max() > IMAGE_SIZE:
                row = int(edge.argmax())
                raise ValueError(
                    f"recipe field {name}: expected {name} + crop_size <= {IMAGE_SIZE}, "
                    f"got {getattr(self, name)[row]} + {self.crop_size[row]} in row {row}"
                )

    def __len__(self):
        return len(self.image_index)

    def rows(self, start, stop):
        """Rows start to stop - 1 as a recipe of their own (views, no copies)."""
        return Recipe(**{name: getattr(self, name)[start:stop] for name in FIELDS})

    def digest(self):
        """SHA-256 over names, dtypes, shapes and bytes of all fields, as 64 hexadecimal digits."""
        return digest_arrays(**{name: getattr(self, name) for name in FIELDS})


FIELDS = {
    "image_index": "int32",
    "hue_shift": "float32",
    "saturation_scale": "float32",
    "saturation_shift": "float32",
    "value_scale": "float32",
    "value_shift": "float32",
    "mirror": "bool",
    "crop_size": "uint8",
    "crop_x": "uint8",
    "crop_y": "uint8",
}
Recipe.FIELDS = FIELDS


def draw_recipe(image_index, hsv, crop, generator):
    """Draw the augmentations of a sequence of images.

    Parameters
    ----------
    image_index : integer array, shape (n,)
        Which image each row takes, in the order in which they will be rendered.
    hsv : mimic.config.augment.HsvSettings
        Shifts ~ U(-D, D), scales ~ U(1/(1+A), 1+A).
    crop : mimic.config.augment.CropSettings
        Mirror with its probability; S ~ U{crop_min..32}; x, y ~ U{0..32-S}.
    generator : numpy.random.Generator
        Gives 9 n uniform numbers, row by row.

    Returns
    -------
    Recipe

    Raises
    ------
    ValueError
        If `image_index` is no one-dimensional array of integers that fit in int32.

    Source: Urban 2.5.
    """
    image_index = np.asarray(image_index)
    if image_index.ndim != 1 or image_index.dtype.kind not in "iu":
        raise ValueError(f"image_index: expected integers of shape (n,), got {_describe(image_index)}")
    _refuse_outside("image_index", image_index, 0, np.iinfo(np.int32).max)
    draws = generator.random((len(image_index), _N_DRAWS)).T
    # Whole numbers come from the same uniform draws: floor(u k) < k also for the largest u below 1.
    crop_size = crop.crop_min + _floor(draws[6], IMAGE_SIZE + 1 - crop.crop_min)
    return Recipe(
        image_index=image_index.astype(np.int32),
        hue_shift=_between(draws[0], -hsv.hue_shift, hsv.hue_shift),
        saturation_scale=_between(draws[1], 1 / (1 + hsv.saturation_scale), 1 + hsv.saturation_scale),
        saturation_shift=_between(draws[2], -hsv.saturation_shift, hsv.saturation_shift),
        value_scale=_between(draws[3], 1 / (1 + hsv.value_scale), 1 + hsv.value_scale),
        value_shift=_between(draws[4], -hsv.value_shift, hsv.value_shift),
        mirror=draws[5] < crop.mirror_probability,
        crop_size=crop_size.astype(np.uint8),
        crop_x=_floor(draws[7], IMAGE_SIZE + 1 - crop_size).astype(np.uint8),
        crop_y=_floor(draws[8], IMAGE_SIZE + 1 - crop_size).astype(np.uint8),
    )


def draw_epoch(n_images, epoch, hsv, crop, seed):
    """Recipe of a stored epoch: every image once, in a drawn order (Urban 2.5).

    Parameters
    ----------
    n_images : int
    epoch : int
        Epoch 17 is the same alone, in a shard or in the full run.
    hsv : mimic.config.augment.HsvSettings
    crop : mimic.config.augment.CropSettings
    seed : int
        Of the run.

    Returns
    -------
    Recipe
        `image_index` is a permutation of the images.
    """
    generator = numpy_generator(seed, "epochs", epoch)
    order = generator.permutation(n_images).astype("int32")
    return draw_recipe(order, hsv, crop, generator)


def identity_recipe(image_index):
    """The recipe that leaves every image as it is; see `draw_recipe` for `image_index`."""
    n = len(image_index)
    zeros, ones = np.zeros(n, np.float32), np.ones(n, np.float32)
    return Recipe(
        image_index=np.asarray(image_index, np.int32),
        hue_shift=zeros,
        saturation_scale=ones,
        saturation_shift=zeros,
        value_scale=ones,
        value_shift=zeros,
        mirror=np.zeros(n, bool),
        crop_size=np.full(n, IMAGE_SIZE, np.uint8),
        crop_x=np.zeros(n, np.uint8),
        crop_y=np.zeros(n, np.uint8),
    )


def _between(uniform, low, high):
    # Two separate operations of numpy: no fused multiply-add, hence the same bits on every processor.
    return (low + (high - low) * uniform).astype(np.float32)


def _floor(uniform, count):
    return np.floor(uniform * count).astype(np.int64)


def _describe(value):
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    return type(value).__name__


def _refuse_outside(name, array, low, high):
    if array.size and (array.min() < low or array.max() > high):
        row = int(np.flatnonzero((array < low) | (array > high))[0])
        raise ValueError(f"recipe field {name}: expected {low} to {high}, got {array[row]} in row {row}")
