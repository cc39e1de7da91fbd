from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from tests.sealed_files import forge, reseal

from mimic.cli import InputError


def refusal(function, *args):
    with pytest.raises(InputError) as error:
        function(*args)
    assert "\n" not in str(error.value)
    return str(error.value)


def change(path, name, function):
    """Tamper with one array of a shard."""
    return reseal(path, {name: function})


def test_pixels_and_recipe_give_the_same_images_in_the_same_order(generate, read):
    pixels, recipe = read(generate(0, 1)), read(generate(0, 1, store="recipe"))
    for epoch in range(5):
        assert torch.equal(pixels.images(epoch), recipe.images(epoch))
        assert pixels.recipe(epoch).digest() == recipe.recipe(epoch).digest()
    assert pixels.images(0).dtype == torch.uint8
    assert not torch.equal(pixels.images(0), pixels.images(1))


def test_the_digest_depends_neither_on_shards_nor_on_pixels(generate, read):
    whole = read(generate(0, 1, 2))
    cut = read(generate(2), generate(0, 1, store="recipe"))
    assert whole.digest() == cut.digest()
    assert whole.digests == cut.digests
    assert whole.n_epochs == cut.n_epochs == 3
    for epoch in range(3):
        assert torch.equal(whole.images(epoch), cut.images(epoch))


def test_training_that_lasts_longer_starts_over(generate, read):
    epochs = read(generate(1), generate(0, 2))
    for epoch in range(9):
        assert torch.equal(epochs.images(epoch), epochs.images(epoch % 3))
        assert epochs.recipe(epoch).digest() == epochs.recipe(epoch % 3).digest()


def test_epochs_of_another_dataset_are_refused_with_both_digests(generate, read, dataset):
    path = generate(0)
    message = refusal(lambda: read(path, digest="f" * 64))
    assert message.startswith(f"{path}: made from another dataset")
    assert dataset.digest[:16] in message
    assert "f" * 16 in message


def test_a_missing_epoch_is_named(generate, read):
    assert "epochs [1] are missing from the 2 shards" in refusal(read, generate(0), generate(2))
    assert "epochs [0]" in refusal(read, generate(1))
    assert "at least one shard" in refusal(read)


def test_an_epoch_that_comes_twice_is_named_with_both_files(generate, read):
    first, second = generate(0, 1), generate(1)
    assert refusal(read, first, second) == f"{second}: epoch 1 is also in {first}"


@pytest.mark.parametrize("number", [-1, 2**31 - 1])
def test_an_epoch_number_out_of_any_range_is_refused_without_taking_memory(generate, read, number):
    path = change(generate(0, 1), "epoch", lambda v: v.__setitem__(1, number))
    assert "epochs [1] are missing" in refusal(read, path)


@pytest.mark.parametrize("store", ["pixels", "recipe"])
@pytest.mark.parametrize(
    "field", ["image_index", "hue_shift", "saturation_scale", "mirror", "crop_size", "crop_x"]
)
def test_a_recipe_that_was_tampered_with_is_refused(generate, read, store, field):
    def tamper(values):
        values[0, 3] = not values[0, 3] if values.dtype == bool else values[0, 3] / 2 + 1

    path = change(generate(0, store=store), f"recipe/{field}", tamper)
    assert refusal(read(path).recipe, 0).startswith(f"{path}: recipe of epoch 0")


def test_a_recipe_beyond_the_images_is_refused(generate, read):
    path = change(generate(0, store="recipe"), "recipe/image_index", lambda v: v.__setitem__((0, 0), 36))
    assert "recipe of epoch 0" in refusal(read(path).images, 0)


def test_images_rendered_elsewhere_otherwise_are_refused(generate, read):
    """Two levels in one value of the probe are too many, and so is one level in all of them."""

    def off(levels, where):
        def tamper(values):
            values[where] ^= levels

        return change(generate(0, store="recipe"), "probe_images", tamper)

    one = (0, 3, 1, 5, 5)
    path = off(2, one)
    message = refusal(read(path).images, 0)
    assert message.startswith(f"{path}: images differ from the file's probe")
    assert "got 2 levels" in message
    assert "1 levels, 100.000%" in refusal(read(off(1, ...)).images, 0)
    # one of 98,304 values by one level: another processor may do that
    assert read(off(1, one)).images(0).shape == (36, 3, 32, 32)


@pytest.mark.parametrize("store", ["pixels", "recipe"])
def test_the_probe_of_every_epoch_is_looked_at(generate, read, store):
    path = change(generate(0, 1, store=store), "probe_images", lambda v: v.__setitem__(1, 0))
    epochs = read(path)
    epochs.images(0)
    assert "probe" in refusal(epochs.images, 1)


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        (0.0, "an empty file"),
        (0.001, "seal is damaged"),
        (0.5, "bytes, the file has"),
        (0.99, "bytes, the file has"),
    ],
)
def test_a_truncated_file_is_refused(generate, read, keep, said):
    path = generate(0)
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: int(keep * len(content))])
    message = refusal(read, path)
    assert message.startswith(f"{path}: ")
    assert said in message


@pytest.mark.parametrize("name", ["recipe/mirror", "images"])
def test_a_flipped_bit_is_refused(generate, read, name):
    """The checksum of an epoch finds it; nothing damaged reaches a net."""
    path = generate(0)
    with h5py.File(path) as file:
        place = file[name].id.get_offset()
    with open(path, "r+b") as file:
        file.seek(place + 7)
        byte = file.read(1)
        file.seek(place + 7)
        file.write(bytes([byte[0] ^ 4]))
    epochs = read(path)
    message = refusal(epochs.images if name == "images" else epochs.recipe, 0)
    assert message.startswith(f"{path}: {name}: rows 0 to 0 are damaged: expected checksum")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("epoch", None),
        ("epoch", np.zeros((1, 1), np.int32)),
        ("epoch", np.zeros(0, np.int32)),
        ("epoch", np.zeros(1, np.int64)),
        ("epoch_digest", None),
        ("epoch_digest", np.zeros((1, 31), np.uint8)),
        ("recipe/mirror", None),
        ("recipe/mirror", np.zeros((1, 35), bool)),
        ("recipe/crop_x", np.zeros((1, 36), np.int64)),
        ("images", np.zeros((1, 36, 3, 32, 31), np.uint8)),
        ("images", np.zeros((1, 35, 3, 32, 32), np.uint8)),
        ("images", np.zeros((1, 36, 3, 32, 32), np.float32)),
        ("probe_images", None),
        ("probe_images", np.zeros((1, 0, 3, 32, 32), np.uint8)),
        ("probe_images", np.zeros((1, 37, 3, 32, 32), np.uint8)),
        ("probe_images", np.zeros((2, 3, 3, 32, 32), np.uint8)),
    ],
)
def test_arrays_of_another_shape_or_type_are_refused(generate, read, name, values):
    path = reseal(generate(0), {name: values})
    message = refusal(read, path)
    assert message.startswith(f"{path}: {name}: expected")


@pytest.mark.parametrize("name", ["epoch", "epoch_digest", "probe_images", "recipe/hue_shift"])
def test_a_group_in_the_place_of_an_array_is_refused(generate, read, name):
    path = reseal(generate(0), {name: None, f"{name}/within": np.zeros(1, np.int32)})
    message = refusal(read, path)
    assert message.startswith(f"{path}: {name}: expected")
    assert message.endswith("got nothing")


def test_more_epochs_than_the_file_holds_are_refused_before_they_are_read(generate, read):
    """A claim of a billion epochs in a file of some kilobytes."""
    path = generate(0, store="recipe")

    def claim(seal):
        for name in ("epoch", "epoch_digest"):
            seal["arrays"][name]["shape"][0] = 10**9

    forge(path, claim)
    message = refusal(read, path)
    assert message.startswith(f"{path}: seal: epoch")
    assert "000,000 bytes of its own in the file" in message
