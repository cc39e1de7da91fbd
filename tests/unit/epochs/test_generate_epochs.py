import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.terminal import lines_in_terminal

from mimic.augment.recipe import draw_recipe
from mimic.augment.render import Renderer
from mimic.cli import InputError
from mimic.config.augment import HsvSettings
from mimic.config.epochs import AugmentedEpochs
from mimic.epochs.generate_epochs import generate_epochs
from mimic.seeding import derive


def settings(store="pixels"):
    return AugmentedEpochs(
        store=store,
        hsv=dict.fromkeys(HsvSettings.model_fields, 0.1),
        crop={"mirror_probability": 0.5, "crop_min": 24},
    )


def test_an_epoch_is_the_same_alone_in_a_shard_or_in_the_full_run():
    alone = generate_epochs(50, [17], settings(), 3)[17].digest()
    shard = generate_epochs(50, range(10, 20), settings(), 3)
    full = generate_epochs(50, range(30), settings("recipe"), 3)
    backwards = generate_epochs(50, [17, 3], settings(), 3)
    assert shard[17].digest() == full[17].digest() == backwards[17].digest() == alone
    assert len({recipe.digest() for recipe in full.values()}) == 30
    assert generate_epochs(50, [17], settings(), 4)[17].digest() != alone


def test_an_epoch_passes_over_every_image_once_in_an_order_of_its_own():
    recipes = generate_epochs(50, range(4), settings(), 3)
    for recipe in recipes.values():
        np.testing.assert_array_equal(np.sort(recipe.image_index), np.arange(50))
    orders = {recipe.image_index.tobytes() for recipe in recipes.values()}
    assert len(orders) == 4
    assert np.arange(50, dtype=np.int32).tobytes() not in orders


def test_an_epoch_s_random_numbers_are_those_of_its_name():
    generator = np.random.Generator(np.random.PCG64(derive(3, "epochs", 17)))
    order = generator.permutation(50).astype(np.int32)
    expected = draw_recipe(order, settings().hsv, settings().crop, generator)
    assert generate_epochs(50, [17], settings(), 3)[17].digest() == expected.digest()


def test_stored_pixels_are_the_recipe_s(generate, read, dataset):
    epochs = read(generate(0, 1))
    images = torch.from_numpy(dataset.images["train"])
    for epoch in (0, 1):
        rendered = Renderer("cpu").render(images, epochs.recipe(epoch))
        assert torch.equal(epochs.images(epoch), rendered)


def test_another_seed_makes_other_epochs(generate, read):
    assert read(generate(0)).digest() != read(generate(0, seed=8)).digest()


def test_the_same_shard_is_the_same_bytes(generate):
    first, second = (Path(generate(0, 1, store="recipe")).read_bytes() for _ in range(2))
    assert first == second


def test_a_missing_dataset_is_named(generate, tmp_path):
    with pytest.raises(InputError, match=r"none.h5: no such file \(expected mimic.dataset\)"):
        generate(0, dataset=str(tmp_path / "none.h5"))
    assert not list(tmp_path.glob("*.part"))


def test_a_dataset_that_is_something_else_is_refused(generate):
    shard = generate(0)
    with pytest.raises(InputError, match=r"expected format 'mimic\.dataset', got 'mimic\.epochs'"):
        generate(0, dataset=shard)


def test_a_log_and_a_terminal_tell_epochs_rate_and_time_left(generate, dataset_path, tmp_path, capsys):
    generate(4, 5, 6)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("epoch ")]
    for number, line in enumerate(lines, 1):
        expected = rf"epoch {number}/3  [\d.]+ s, at most [\d.]+ s left  number {3 + number}  [\d,]+ images/s"
        assert re.fullmatch(expected, line)
    assert len(lines) == 3
    command = [sys.executable, "-m", "mimic.epochs.generate_epochs", "--seed", "1", "--epochs", "0", "1"]
    command += ["--settings", settings().model_dump_json(), "--dataset", dataset_path]
    shown, code = lines_in_terminal([*command, "--shard", str(tmp_path / "0.h5")])
    assert code == 0
    last = [line for line in shown if line.startswith("epoch ")][-1]
    assert re.match(r"epoch 2/2 0:00:00 left number 1  [\d,]+ images/s ", last)
    assert len(last) <= 80
