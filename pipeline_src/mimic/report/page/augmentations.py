"""What the students saw: training images, and beside each the same image in the first stored epochs.

Pixels are rendered again from the file's own recipes, as a training with ``store: recipe`` does. This is the
one place of the report that imports from above the floor (`mimic.augment`), since a second renderer could
show something else.
"""

import base64
import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from mimic.augment.recipe import FIELDS, Recipe
from mimic.augment.render import Renderer
from mimic.cli import InputError
from mimic.report.page.arrays import IMAGE_SHAPE
from mimic.sealed import open_sealed

N_IMAGES, N_DRAWS = 6, 8
SIDE, GAP = 32, 3


@dataclass(frozen=True)
class Sheet:
    """A picture of augmentations.

    Parameters
    ----------
    png : str
        Address of the picture, with its bytes in it.
    width, height : int
        Pixels.
    class_names : list of str
        Of the rows.
    epochs : list of int
        Of the columns after the first.
    """

    png: str
    width: int
    height: int
    class_names: list
    epochs: list


def augmentation_sheet(dataset, shards):
    """The picture for a run.

    Parameters
    ----------
    dataset : path
        ``dataset.h5``.
    shards : sequence of path
        Those of the stored epochs that are there, in order; without any there are originals alone.

    Returns
    -------
    Sheet
    """
    rows, originals, names, digest = _originals(dataset)
    drawn = _drawn(shards, rows, digest)
    picture = Image.new("RGBA", ((1 + len(drawn)) * (SIDE + GAP) - GAP + (4 * GAP if drawn else 0), 1))
    picture = picture.resize((picture.width, len(rows) * (SIDE + GAP) - GAP))
    renderer = Renderer("cpu")
    for place, image in enumerate(originals):
        picture.paste(_picture(image), (0, place * (SIDE + GAP)))
    for column, recipe in enumerate(drawn.values()):
        for place, image in enumerate(renderer.render(torch.from_numpy(originals), recipe).numpy()):
            left = (column + 1) * (SIDE + GAP) + 4 * GAP
            picture.paste(_picture(image), (left, place * (SIDE + GAP)))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    png = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return Sheet(png, picture.width, picture.height, names, list(drawn))


def _picture(image):
    return Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))


def _originals(path):
    """The first training image of each of the first classes: rows, images, names, the dataset's digest."""
    with open_sealed(path, "mimic.dataset", 2) as file:
        n = file.array("images_train", np.uint8, (None, *IMAGE_SHAPE)).n_rows
        file.array("labels_train", np.int64, (n,))
        labels = file.read("labels_train")
        _, first = np.unique(labels, return_index=True)
        rows = first[:N_IMAGES].tolist()
        images = np.stack([file.read("images_train", row, row + 1)[0] for row in rows])
        names = file.attributes.get("class_names")
        if not isinstance(names, list) or not all(0 <= labels[row] < len(names) for row in rows):
            raise InputError(f"{path}: labels_train: expected labels of the class names")
        return rows, images, [str(names[labels[row]]) for row in rows], file.attributes.get("digest")


def _drawn(shards, rows, digest):
    """Recipes of the chosen images in the first epochs, by epoch."""
    found = {}
    for path in shards:
        if len(found) == N_DRAWS:
            break
        with open_sealed(path, "mimic.epochs", 2) as file:
            if file.attributes.get("dataset_digest") != digest:
                raise InputError(f"{path}: made from another dataset: expected digest {str(digest)[:16]}")
            k = file.array("epoch", np.int32, (None,)).n_rows
            for name, dtype in FIELDS.items():
                file.array(f"recipe/{name}", np.dtype(dtype), (k, None))
            for row, epoch in enumerate(file.read("epoch").tolist()[: N_DRAWS - len(found)]):
                found[epoch] = _recipe_of(file, row, rows)
    return found


def _recipe_of(file, row, images):
    """What an epoch does with some images, which it takes in an order of its own."""
    index = file.read("recipe/image_index", row, row + 1)[0]
    places = [np.flatnonzero(index == image) for image in images]
    if any(len(place) != 1 for place in places):
        raise InputError(f"{file.path}: recipe/image_index: expected every training image once")
    places = [place[0] for place in places]
    fields = {name: file.read(f"recipe/{name}", row, row + 1)[0][places] for name in FIELDS}
    fields["image_index"] = np.arange(len(images), dtype=np.int32)
    try:
        return Recipe(**fields)
    except ValueError as error:
        raise InputError(f"{file.path}: {error}") from None
