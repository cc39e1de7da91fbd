"""The embedded set: ten classes of textured shapes, drawn by formulas, the same bytes from the same seed.

A class is an outline with a texture of its own kind (`CLASS_NAMES`, `TEXTURES`). Position, size, rotation,
the texture's own rotation and phase, all colours and the clutter behind are random, so that neither a pixel
nor a colour says anything about the class: a net has to look for the same local structure everywhere, which
is what convolution does. A share of the images wears the texture of another class (`FOREIGN_TEXTURE`); there
only the outline tells, and finding it takes depth.

=======  ==============================================================
symbol   meaning (arrays of shape (m, 32, 32), float64)
=======  ==============================================================
x, y     pixel centres, in pixels from the image's centre
u, v     the same, shifted, rotated and scaled: the outline has radius 1
s, t     the same, rotated and shifted by the texture's phase, in pixels
=======  ==============================================================

All arithmetic is float64 although 8 bits are kept: libraries differ in the last bit of a sine, and float32
would let some of these differences through the rounding. All draws are ``Generator.random``, whose stream
numpy keeps.
"""

import numpy as np

from mimic.data.source import from_arrays
from mimic.seeding import numpy_generator

SIZE = 32
CLASS_NAMES = (
    "disc",
    "ring",
    "triangle",
    "square",
    "cross",
    "star",
    "crescent",
    "heart",
    "hexagon",
    "hourglass",
)
TEXTURES = (
    "plain",
    "fine stripes",
    "coarse stripes",
    "fine checker",
    "coarse checker",
    "light dots",
    "dark dots",
    "grid",
    "speckle",
    "zigzag",
)
FOREIGN_TEXTURE = 0.15
_CHUNK = 128  # images drawn together: the arrays stay in the processor's cache
_N_PATCHES = 4


def count_classes(folder=None):
    """Ten; there is no folder."""
    return len(CLASS_NAMES)


def draw(sizes, seed):
    """The embedded set as a source.

    Parameters
    ----------
    sizes : dict, part -> int
    seed : int
        Of the run.

    Returns
    -------
    mimic.data.source.Source
    """
    drawn = {
        part: generate(size, numpy_generator(seed, "data", "shapes", part)) for part, size in sizes.items()
    }
    images = {part: arrays[0] for part, arrays in drawn.items()}
    return from_arrays(CLASS_NAMES, images, {part: arrays[1] for part, arrays in drawn.items()})


def generate(n_images, generator):
    """Draw images.

    Parameters
    ----------
    n_images : int
    generator : numpy.random.Generator

    Returns
    -------
    images : uint8 array, shape (n_images, 3, 32, 32)
    labels : int64 array, shape (n_images,)
        Index into `CLASS_NAMES`; random order, and no class has more than one image more than another.
    """
    n_classes = len(CLASS_NAMES)
    labels = np.arange(n_images, dtype=np.int64) % n_classes
    labels = labels[np.argsort(generator.random(n_images), kind="stable")]
    images = np.empty((n_images, 3, SIZE, SIZE), np.uint8)
    for start in range(0, n_images, _CHUNK):
        images[start : start + _CHUNK] = _draw(labels[start : start + _CHUNK], generator)
    return images, labels


def _draw(labels, generator):
    """Images of the given classes, uint8 (m, 3, 32, 32)."""
    m, n_textures = len(labels), len(TEXTURES)

    def uniform(low, high):
        return (low + (high - low) * generator.random(m))[:, None, None]

    axis = np.arange(SIZE) - (SIZE - 1) / 2
    y, x = axis[None, :, None], axis[None, None, :]

    canvas = _background(x, y, m, generator)

    # Crops down to 24 pixels must leave most of the shape in the image.
    radius, angle = uniform(9.5, 12.5), uniform(0, 2 * np.pi)
    u, v = _rotated(x - uniform(-3, 3), y - uniform(-3, 3), angle)
    distance = radius * _by_kind(OUTLINES, labels, u / radius, v / radius)
    inside = np.clip(0.5 - distance, 0, 1)

    s, t = _rotated(x, y, uniform(0, 2 * np.pi))
    s, t = s + uniform(0, 20), t + uniform(0, 20)
    foreign = (labels + 1 + np.floor(generator.random(m) * (n_textures - 1)).astype(np.int64)) % n_textures
    texture = np.where(generator.random(m) < FOREIGN_TEXTURE, foreign, labels)
    scale = uniform(0.9, 1.1)
    noise = generator.random((m, SIZE, SIZE))
    light = _by_kind(TEXTURE_LIGHT, texture, s * scale, t * scale, noise)

    dark_colour, light_colour = _colour_pair(m, generator)
    shape = dark_colour + (light_colour - dark_colour) * light[:, None]
    inside = inside[:, None]
    canvas += inside * (shape - canvas)
    canvas += 0.05 * (generator.random((m, 1, SIZE, SIZE)) - 0.5)
    return np.floor(np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8)


def _rotated(x, y, angle):
    cosine, sine = np.cos(angle), np.sin(angle)
    return cosine * x + sine * y, cosine * y - sine * x


def _by_kind(functions, kinds, *arrays):
    """Row i is ``functions[kinds[i]]`` of row i of the arrays."""
    result = np.empty((len(kinds), SIZE, SIZE))
    for kind, function in enumerate(functions):
        rows = np.flatnonzero(kinds == kind)
        if rows.size:
            result[rows] = function(*(array[rows] for array in arrays))
    return result


# --- colours and clutter -------------------------------------------------------------------------------


def _rgb(hue, saturation, value):
    """Colours (m, 3, 1, 1) from hue, saturation and value in [0, 1], each of shape (m,)."""
    sector = (hue[:, None] * 6 + np.array([5.0, 3.0, 1.0])) % 6
    ramp = np.clip(np.minimum(sector, 4 - sector), 0, 1)
    return (value[:, None] * (1 - saturation[:, None] * ramp))[:, :, None, None]


def _random_colour(m, generator, value):
    low, high = value
    draws = generator.random((3, m))
    return _rgb(draws[0], 0.15 + 0.65 * draws[1], low + (high - low) * draws[2])


def _colour_pair(m, generator):
    """A dark and a light colour for the two tones of a texture, hues drawn apart."""
    return _random_colour(m, generator, (0.15, 0.45)), _random_colour(m, generator, (0.7, 1.0))


def _background(x, y, m, generator):
    """A gradient between two colours with blurred patches on it, float64 (m, 3, 32, 32)."""
    draws = generator.random((_N_PATCHES + 1, 6, m))[..., None, None]
    along, _ = _rotated(x, y, 2 * np.pi * draws[0, 0])
    blend = np.clip(0.5 + along / SIZE, 0, 1)[:, None]
    first, second = (_random_colour(m, generator, (0.2, 0.95)) for _ in range(2))
    canvas = first + (second - first) * blend
    for shift_x, shift_y, angle, length, width, softness in draws[1:]:
        u, v = _rotated(x - SIZE * (shift_x - 0.5), y - SIZE * (shift_y - 0.5), 2 * np.pi * angle)
        distance = np.maximum(np.abs(u) - (3 + 9 * length), np.abs(v) - (1 + 4 * width))
        cover = np.clip(0.5 - distance / (1 + 2 * softness), 0, 1)[:, None]
        canvas += cover * (_random_colour(m, generator, (0.2, 0.95)) - canvas)
    return canvas


# --- outlines: negative inside, about the distance to the edge, in radii -----------------------------------


def _disc(u, v):
    return np.hypot(u, v) - 0.95


def _ring(u, v):
    return np.abs(np.hypot(u, v) - 0.7) - 0.32


def _triangle(u, v):
    slanted = np.sqrt(0.75) * np.abs(u) - 0.5 * v
    return np.maximum(slanted, v) - 0.55


def _square(u, v):
    return np.maximum(np.abs(u), np.abs(v)) - 0.82


def _cross(u, v):
    u, v = np.abs(u), np.abs(v)
    return np.maximum(np.maximum(u, v) - 1.05, np.minimum(u, v) - 0.36)


def _star(u, v):
    fifth = np.pi / 5
    angle = np.abs((np.arctan2(v, u) + fifth) % (2 * fifth) - fifth)
    radius = np.hypot(u, v)
    # Normal of the edge from the tip (1.15, 0) to the notch at half the radius.
    edge_u, edge_v = 0.5 * np.cos(fifth) - 1.15, 0.5 * np.sin(fifth)
    length = np.hypot(edge_u, edge_v)
    return (edge_v * (radius * np.cos(angle) - 1.15) - edge_u * radius * np.sin(angle)) / length


def _crescent(u, v):
    return np.maximum(np.hypot(u, v) - 1.05, 0.75 - np.hypot(u - 0.55, v))


def _heart(u, v):
    # Two discs, and below them a wedge whose sides touch the discs at (0.86, -0.03).
    u, v = np.abs(u), v + 0.1
    wedge = np.maximum(0.766 * u + 0.643 * (v - 1), np.maximum(-0.35 - v, u - 0.86))
    return np.minimum(np.hypot(u - 0.48, v + 0.35) - 0.5, wedge)


def _hexagon(u, v):
    return np.maximum(np.abs(v), np.sqrt(0.75) * np.abs(u) + 0.5 * np.abs(v)) - 0.88


def _hourglass(u, v):
    u, v = np.abs(u), np.abs(v)
    return np.maximum(v - 0.95, (u - 0.85 * v - 0.08) * 0.76)


OUTLINES = (_disc, _ring, _triangle, _square, _cross, _star, _crescent, _heart, _hexagon, _hourglass)


# --- textures: share of the light colour, in [0, 1]; lengths in pixels ---------------------------------


def _wave(position, wavelength):
    return np.sin(2 * np.pi / wavelength * position)


def _contrast(wave, gain):
    return np.clip(0.5 + gain * wave, 0, 1)


def _plain(s, t, noise):
    return _contrast(_wave(s, 60.0), 0.5)


def _fine_stripes(s, t, noise):
    return _contrast(_wave(s, 3.2), 0.8)


def _coarse_stripes(s, t, noise):
    return _contrast(_wave(s, 7.5), 1.5)


def _fine_checker(s, t, noise):
    return _contrast(_wave(s, 4.6) * _wave(t, 4.6), 1.2)


def _coarse_checker(s, t, noise):
    return _contrast(_wave(s, 10.0) * _wave(t, 10.0), 3.0)


def _dots(s, t):
    spacing, radius = 5.5, 1.5
    s, t = (s % spacing) - spacing / 2, (t % spacing) - spacing / 2
    return np.clip(0.5 + (radius - np.hypot(s, t)), 0, 1)


def _light_dots(s, t, noise):
    return _dots(s, t)


def _dark_dots(s, t, noise):
    return 1 - _dots(s, t)


def _grid(s, t, noise):
    spacing = 6.0
    nearest = np.minimum(np.abs(s % spacing - spacing / 2), np.abs(t % spacing - spacing / 2))
    return np.clip(1.2 - nearest, 0, 1)


def _speckle(s, t, noise):
    return noise


def _zigzag(s, t, noise):
    bend = np.abs(t % 8.0 - 4.0)
    return _contrast(_wave(s + bend, 5.5), 1.2)


TEXTURE_LIGHT = (
    _plain,
    _fine_stripes,
    _coarse_stripes,
    _fine_checker,
    _coarse_checker,
    _light_dots,
    _dark_dots,
    _grid,
    _speckle,
    _zigzag,
)
