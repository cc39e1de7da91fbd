"""``mimic augment``: a sheet of augmented images, to look at."""

from pathlib import Path

import numpy as np

from mimic.artifact import written_whole
from mimic.augment.sheet import augment_sheet
from mimic.cli import InputError
from mimic.console.overlays import merged_config
from mimic.data.image_folder import EXTENSIONS, read_image

MAX_ROWS = 12


def write_sheet(sources, out, n_draws, seed, configs):
    """Write a PNG: a row an image, the original and then random draws.

    Parameters
    ----------
    sources : list of str
        Image files, or folders whose images are taken in sorted order, sub-folders too.
    out : str
        PNG to write.
    n_draws : int
    seed : int
    configs : sequence of path
        A whole config, and overlays upon it; the constants are those of its section ``epochs``.
    """
    if not 1 <= n_draws <= 100:
        raise InputError(f"--draws: expected 1 to 100, got {n_draws}")
    if Path(out).suffix.lower() != ".png":
        raise InputError(f"--out: expected a name that ends in .png, got {out}")
    if not Path(configs[0]).is_file():
        raise InputError(f"{configs[0]}: no such file; give --config")
    settings = merged_config(configs).epochs
    files = _images_of(sources)
    images = np.stack([read_image(file) for file in files])
    sheet = augment_sheet(images, settings.hsv, settings.crop, n_draws, seed)
    with written_whole(out) as temporary:
        sheet.save(temporary, "PNG")
    print(f"{out}: {len(files)} images, {n_draws} draws each")


def _images_of(sources):
    """At most `MAX_ROWS` image files, spread evenly over what was named."""
    files = []
    for source in map(Path, sources):
        if source.is_dir():
            files += sorted(path for path in source.rglob("*") if path.suffix.lower() in EXTENSIONS)
        elif source.is_file():
            files.append(source)
        else:
            raise InputError(f"{source}: no such file or folder")
    if not files:
        raise InputError(f"{', '.join(map(str, sources))}: no images")
    rows = np.linspace(0, len(files) - 1, min(MAX_ROWS, len(files))).round().astype(int)
    return [files[row] for row in rows]
