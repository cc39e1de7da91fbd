"""A shard whose writing was cut short goes on with the epochs that it holds."""

import pytest
import torch

from mimic.augment.render import Renderer
from mimic.config.augment import HsvSettings
from mimic.config.epochs import AugmentedEpochs
from mimic.epochs.generate_epochs import generate_epochs
from mimic.epochs.store import write_shard

RENDERER = Renderer("cpu")
SETTINGS = AugmentedEpochs(
    store="pixels",
    hsv=dict.fromkeys(HsvSettings.model_fields, 0.1),
    crop={"mirror_probability": 0.5, "crop_min": 24},
)


class Stop(BaseException):
    """As when a process is killed."""


@pytest.fixture
def shard(tmp_path, dataset):
    """Writes a shard; returns its path, what `on_epoch` was told, and how often something was rendered."""
    images = torch.from_numpy(dataset.images["train"])

    def write(numbers, stop_after=None, key="key", seed=3, pixels=True, name="a.h5", digest=dataset.digest):
        told, rendered = [], []

        def render(recipe):
            if len(rendered) == stop_after:
                raise Stop
            rendered.append(recipe)
            return RENDERER.render(images, recipe).numpy()

        recipes = generate_epochs(36, numbers, SETTINGS, seed)
        path = tmp_path / name
        write_shard(path, recipes, render, pixels, digest, {}, lambda *args: told.append(args), key)
        return path, told, len(rendered)

    return write


@pytest.mark.parametrize("pixels", [True, False])
def test_a_shard_goes_on_to_the_bytes_of_one_written_at_once(shard, pixels):
    whole = shard([4, 5, 6, 7], key=None, name="whole.h5", pixels=pixels)[0].read_bytes()
    for n_rendered in (1, 2):  # the second attempt finds one epoch and renders two more
        with pytest.raises(Stop):
            shard([4, 5, 6, 7], stop_after=n_rendered, pixels=pixels)
    path, told, n_rendered = shard([4, 5, 6, 7], pixels=pixels)
    assert told == [(4, True), (5, True), (6, True), (7, False)]
    assert n_rendered == 1
    assert path.read_bytes() == whole
    assert sorted(file.name for file in path.parent.iterdir()) == ["a.h5", "whole.h5"]


@pytest.mark.parametrize(
    "changes",
    [{"numbers": [6, 7, 8]}, {"seed": 4}, {"digest": "f" * 64}, {"key": "another"}, {"pixels": False}],
    ids=["epochs", "seed", "dataset", "device", "pixels"],
)
def test_other_epochs_are_not_gone_on_with(shard, changes):
    """As many of them, and the same provenance: yet not one row may be kept."""
    with pytest.raises(Stop):
        shard([4, 5, 6], stop_after=2)
    changed = {"numbers": [4, 5, 6], **changes}
    path, told, n_rendered = shard(**changed)
    assert [held for _, held in told] == [False] * 3
    assert n_rendered == 3
    assert path.read_bytes() == shard(**{**changed, "key": None, "name": "whole.h5"})[0].read_bytes()
