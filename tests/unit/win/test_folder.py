"""Batches of a folder's images, cached or not: against torchvision, and the same however they are cut."""

import types

import numpy as np
import pytest
import torch
from PIL import Image
from tests.image_folders import photograph, write_folder
from tests.unit.win.folder_files import cache

from mimic.cli import InputError
from mimic.torchvision_import import import_torchvision
from mimic.training.devices import Device
from mimic.win.boxes import random_boxes
from mimic.win.folder import FolderImages, open_folder
from mimic.win.listing import list_folder
from mimic.win.loading import MEAN, STD
from mimic.win.stage import training_parser

v2 = import_torchvision("transforms.v2")
CPU = Device(torch.device("cpu"), torch.float32, channels_last=False)
SIZE, TEST_SIZE = 32, 40


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Arguments of `open_folder` for the same images, cached and not."""
    folder = write_folder(tmp_path_factory.mktemp("images") / "images")
    shards = cache(folder, tmp_path_factory.mktemp("shards"))
    return {"cached": (None, shards, 48), "decoded": (folder, None, None)}


def opened(places, kind, n_threads=1, image_size=SIZE, test_size=TEST_SIZE):
    images, shards, cache_size = places[kind]
    settings = types.SimpleNamespace(image_size=image_size, test_size=test_size, cache_size=cache_size)
    return open_folder(images, shards, settings, n_threads)


def loader(source, batch_size=7, rank=0, n_processes=1):
    return FolderImages(source, SIZE, 5, batch_size, CPU, rank, n_processes)


def joined(batches):
    images, labels = zip(*batches, strict=True)
    return torch.cat(images), torch.cat(labels)


def assert_equal(one, other):
    assert all(torch.equal(a, b) for a, b in zip(joined(one), joined(other), strict=True))


KINDS = pytest.mark.parametrize("kind", ["cached", "decoded"])


@KINDS
def test_an_epoch_is_the_same_with_any_number_of_workers(places, kind):
    with opened(places, kind, 1) as one, opened(places, kind, 2) as two:
        assert_equal(loader(one).epoch(4), loader(two).epoch(4))
        assert_equal(loader(one).tests(4), loader(two).tests(4))


@KINDS
def test_an_epoch_goes_on_from_any_step(places, kind):
    with opened(places, kind) as source:
        images = loader(source)
        assert images.n_steps == 3
        whole = list(images.epoch(1))
        assert_equal(list(images.epoch(1, 2)), whole[2:])


@KINDS
def test_processes_share_each_batch_without_rest(places, kind):
    with opened(places, kind) as source:
        whole = list(loader(source, 6).epoch(2))
        shares = [list(loader(source, 6, rank, 3).epoch(2)) for rank in range(3)]
        for step, batch in enumerate(whole):
            assert_equal([share[step] for share in shares], [batch])


@KINDS
def test_epochs_differ_in_order_and_crops_and_runs_do_not(places, kind):
    with opened(places, kind) as source:
        images = loader(source, 24)
        (first,), (second,), (again,) = (list(images.epoch(epoch)) for epoch in (0, 1, 0))
    assert_equal([first], [again])
    assert not torch.equal(first[1], second[1])
    assert sorted(first[1].tolist()) == sorted(second[1].tolist())  # every image once
    of_class = [sorted(image.sum().item() for image in images) for images, _ in (first, second)]
    assert of_class[0] != of_class[1]


@KINDS
@pytest.mark.parametrize("n_processes", [1, 3])
def test_every_test_image_is_judged_once(places, kind, n_processes):
    with opened(places, kind) as source:
        parts = [loader(source, 24, rank, n_processes) for rank in range(n_processes)]
        labels = [batch[1] for part in parts for batch in part.tests(2)]
    assert sorted(torch.cat(labels).tolist()) == [0] * 3 + [1] * 3 + [2] * 3


@KINDS
def test_the_probe_has_images_of_all_classes_as_they_are(places, kind):
    with opened(places, kind) as source:
        images, labels = joined(loader(source).probe(4, 6))
        again, _ = joined(loader(source).probe(6, 6))
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert torch.equal(images, again)
    with opened(places, kind) as source:
        assert len(joined(loader(source).probe(10, 1000))[1]) == 24


@KINDS
def test_two_images_that_are_equal_are_cropped_differently(tmp_path, kind):
    folder = write_folder(tmp_path / "images", 2, 1)
    for part, name in (("train", "n01"), ("train", "n02"), ("train", "n03")):
        (folder / part / name / f"{name}_1.JPEG").write_bytes(
            (folder / part / name / f"{name}_0.JPEG").read_bytes()
        )
    places = {"cached": (None, cache(folder, tmp_path / "shards"), 48), "decoded": (folder, None, None)}
    with opened(places, kind) as source:
        ((images, _),) = source.batches("train", [np.array([0, 1])], 3, CPU)
        ((alone, _),) = source.batches("train", [np.array([1])], 3, CPU)
        ((plain, _),) = source.batches("train", [np.array([0, 1])], None, CPU)
    assert not torch.equal(images[0], images[1])
    torch.testing.assert_close(alone[0], images[1])
    torch.testing.assert_close(plain[0], plain[1])


def decoded_by_pil(places, part):
    folder = places["decoded"][0]
    listing = list_folder(folder)
    images = []
    for path in listing.relative_paths(part):
        with Image.open(folder / path) as image:
            if "A" in image.getbands():
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image.convert("RGBA"))
            images.append(image.convert("RGB"))
    return images


def test_test_images_are_torchvisions(places):
    transform = v2.Compose(
        [
            v2.Resize(TEST_SIZE),
            v2.CenterCrop(SIZE),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    theirs = torch.stack([transform(image) for image in decoded_by_pil(places, "val")])
    with opened(places, "decoded") as source:
        ours, _ = joined(loader(source).tests(4))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Photographs of ImageNet's size, cached as the paper's config does it."""
    folder, generator = tmp_path_factory.mktemp("photographs"), np.random.default_rng(3)
    for part in ("train", "val"):
        for name in ("a", "b"):
            (folder / part / name).mkdir(parents=True)
            for i, (width, height) in enumerate([(500, 375), (333, 500), (640, 480)]):
                photograph(width, height, generator).save(folder / part / name / f"{i}.png")
    return {
        "cached": (None, cache(folder, tmp_path_factory.mktemp("p"), 4, 256), 256),
        "decoded": (folder, None, None),
    }


def levels(one, other):
    """Differences of normalised images in levels of 0 to 255: root of the mean square, and the largest."""
    difference = (one - other) * torch.tensor(STD).view(1, 3, 1, 1) * 255
    return difference.square().mean().sqrt().item(), difference.abs().max().item()


def test_cached_test_images_are_torchvisions_within_three_levels(photographs):
    """Twice resized, by way of 256 x 256, and rounded once more: smooth images lose next to nothing."""
    found = []
    for kind in ("cached", "decoded"):
        with opened(photographs, kind, 1, 224, 256) as source:
            images = FolderImages(source, 224, 0, 2, CPU)
            found.append(joined(images.tests(3))[0])
    mean, largest = levels(*found)
    assert mean < 0.6
    assert largest < 3


def test_cached_crops_are_torchvisions_of_the_original_within_three_levels(photographs):
    folder = photographs["decoded"][0]
    paths = [folder / path for path in list_folder(folder).relative_paths("train")]
    with opened(photographs, "cached", 1, 224, 256) as source:
        rows = np.arange(6)
        ((ours, labels),) = source.batches("train", [rows], 17, CPU)
        sizes = source.shards.widths["train"], source.shards.heights["train"]
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    boxes, mirrored = random_boxes(17, rows, *sizes)
    theirs = []
    for path, box, mirror in zip(paths, boxes, mirrored, strict=True):
        with Image.open(path) as image:
            left, top, width, height = (box * np.float32([*image.size, *image.size])).round().astype(int)
            crop = v2.functional.resized_crop(image, top, left, height, width, [224, 224])
        crop = v2.functional.hflip(crop) if mirror else crop
        theirs.append(v2.functional.to_dtype(v2.functional.to_image(crop), torch.float32, scale=True))
    theirs = v2.functional.normalize(torch.stack(theirs), MEAN, STD)
    assert 0 < mirrored.sum() < 6
    mean, largest = levels(ours, theirs)
    assert mean < 0.6
    assert largest < 3


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_image_that_cannot_be_decoded_is_one_line(tmp_path, n_threads):
    folder = write_folder(tmp_path / "images", 2, 2)
    (folder / "val" / "n02" / "n02_1.JPEG").write_bytes(b"\xff\xd8 broken")
    with opened({"decoded": (folder, None, None)}, "decoded", n_threads) as source:
        list(loader(source, 6).epoch(0))
        with pytest.raises(InputError, match=r"val/n02/n02_1.JPEG: not a readable image") as caught:
            list(loader(source).tests(2))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "given", [[], ["--dataset", "d", "--images", "i"], ["--images", "i", "--shards", "s"]]
)
def test_a_stage_takes_its_images_from_one_place_exactly(given, capsys):
    parser = training_parser("Train.", "mimic.win.train_wide")
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(["--settings", "{}", "--seed", "0", "--out", "o", *given])
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("kind", ["cached", "decoded"])
def test_settings_that_say_something_else_are_refused(places, kind):
    images, shards, cache_size = places[kind]
    other = types.SimpleNamespace(image_size=32, test_size=40, cache_size=None if cache_size else 48)
    for settings in (other, None):
        with pytest.raises(InputError, match=r"--settings: folder: expected one with"):
            open_folder(images, shards, settings, 1)
