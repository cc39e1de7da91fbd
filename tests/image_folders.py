"""A small folder of images as ImageNet is: odd sizes, and among the colour photographs all other kinds."""

import numpy as np
from PIL import Image

CLASSES = ("n01", "n02", "n03")
#: Width, height, mode and ending of a class's images, one after the other.
KINDS = (
    (50, 37, "RGB", "JPEG"),
    (37, 53, "L", "JPEG"),
    (64, 48, "CMYK", "jpg"),
    (41, 41, "RGBA", "png"),
    (33, 61, "P", "png"),
    (120, 30, "RGB", "png"),
    (30, 97, "RGB", "JPEG"),
    (75, 56, "LA", "PNG"),
)


def photograph(width, height, generator):
    """An RGB image without sharp edges, as most of a photograph is."""
    coarse = generator.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def write_folder(folder, n_train=8, n_val=3, seed=0):
    """Write ``train/CLASS/*`` and ``val/CLASS/*``; returns the folder."""
    generator = np.random.default_rng(seed)
    for part, n in (("train", n_train), ("val", n_val)):
        for name in CLASSES:
            (folder / part / name).mkdir(parents=True)
            for i in range(n):
                width, height, mode, ending = KINDS[i % len(KINDS)]
                image = photograph(width, height, generator).convert("RGB" if mode == "LA" else mode)
                image = image.convert("LA") if mode == "LA" else image
                image.save(folder / part / name / f"{name}_{i}.{ending}")
    return folder
