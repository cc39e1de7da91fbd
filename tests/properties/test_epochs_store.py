import tempfile
from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic.augment.render import Renderer
from mimic.config.epochs import AugmentedEpochs
from mimic.epochs.generate_epochs import generate_epochs
from mimic.epochs.store import StoredEpochs, write_shard

RENDERER = Renderer("cpu")
SETTINGS = AugmentedEpochs(
    store="pixels",
    hsv={
        "hue_shift": 0.06,
        "saturation_shift": 0.26,
        "value_shift": 0.2,
        "saturation_scale": 0.21,
        "value_scale": 0.13,
    },
    crop={"mirror_probability": 0.5, "crop_min": 24},
)


def stored(folder, images, parts, kinds, seed):
    """Epochs cut into shards, each of its own kind, opened for reading."""
    paths = []
    for epochs, pixels in zip(parts, kinds, strict=True):
        path = Path(folder, f"{len(paths)}.h5")
        recipes = generate_epochs(len(images), epochs, SETTINGS, seed)
        write_shard(path, recipes, lambda r: RENDERER.render(images, r).numpy(), pixels, "digest", {})
        paths.append(path)
    return StoredEpochs(paths, "digest", images, RENDERER)


@settings(max_examples=15, deadline=None)
@given(st.data(), st.integers(1, 5), st.integers(1, 40), st.integers(0, 2**31))
def test_however_epochs_are_cut_and_stored_the_images_are_the_same(data, n_epochs, n_images, seed):
    images = torch.from_numpy(
        np.random.default_rng(seed).integers(0, 256, (n_images, 3, 32, 32), dtype=np.uint8)
    )
    order = data.draw(st.permutations(range(n_epochs)))
    cuts = sorted(data.draw(st.sets(st.integers(1, n_epochs - 1)))) if n_epochs > 1 else []
    parts = [order[i:j] for i, j in zip([0, *cuts], [*cuts, n_epochs], strict=True)]
    kinds = data.draw(st.lists(st.booleans(), min_size=len(parts), max_size=len(parts)))
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        whole = stored(folder, images, [list(range(n_epochs))], [True], seed)
        cut = stored(other, images, parts, kinds, seed)
        assert whole.digest() == cut.digest()
        epoch = data.draw(st.integers(0, 3 * n_epochs))
        assert torch.equal(whole.images(epoch), cut.images(epoch))
        np.testing.assert_array_equal(np.sort(cut.recipe(epoch).image_index), np.arange(n_images))
