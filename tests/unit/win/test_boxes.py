"""Boxes against torchvision's own, which draws them one by one."""

import numpy as np
import pytest
import torch
from PIL import Image

from mimic.torchvision_import import import_torchvision
from mimic.win.boxes import middle_boxes, random_boxes, splitmix64, uniforms

v2 = import_torchvision("transforms.v2")


def test_the_generator_gives_its_published_numbers():
    found = splitmix64(1234567, np.arange(5, dtype=np.uint64))
    assert found.tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_draws_belong_to_a_row_whatever_its_batch():
    rows = np.array([7, 0, 3])
    whole = uniforms(5, np.arange(10), 4)
    assert np.array_equal(uniforms(5, rows, 4), whole[rows])
    assert len(np.unique(whole)) == whole.size
    assert not np.array_equal(uniforms(6, rows, 4), whole[rows])
    assert 0 <= whole.min() <= whole.max() < 1


@pytest.mark.parametrize(("width", "height"), [(500, 375), (333, 500), (64, 64), (400, 90)])
def test_boxes_are_distributed_as_torchvisions(width, height):
    n = 4000
    boxes, mirrored = random_boxes(11, np.arange(n), np.full(n, width), np.full(n, height))
    boxes = boxes * np.float32([width, height, width, height])
    assert np.abs(boxes - boxes.round()).max() < 1e-3  # whole pixels of the original
    assert (boxes >= -1e-3).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= np.float32([width, height]) + 1e-3).all()
    torch.manual_seed(0)
    crop = v2.RandomResizedCrop(224)
    drawn = [crop.make_params([torch.empty(3, height, width)]) for _ in range(n)]
    theirs = np.array([[d["left"], d["top"], d["width"], d["height"]] for d in drawn], dtype=np.float64)
    for ours, other in zip(boxes.astype(np.float64).T, theirs.T, strict=True):
        # five standard errors of the difference of two means
        error = np.sqrt((ours.var() + other.var()) / n) + 1e-9
        assert abs(ours.mean() - other.mean()) < 5 * error
        assert ours.std() == pytest.approx(other.std(), rel=0.1)
    assert abs(mirrored.mean() - 0.5) < 5 * 0.5 / np.sqrt(n)


@pytest.mark.parametrize(("width", "height"), [(1, 60), (60, 1)])
def test_an_image_that_no_box_fits_gives_its_middle_as_torchvision_does(width, height):
    boxes, _ = random_boxes(1, np.arange(50), np.full(50, width), np.full(50, height))
    boxes = (boxes * np.float32([width, height, width, height])).round().astype(int).tolist()
    params = v2.RandomResizedCrop(32).make_params([torch.empty(3, height, width)])
    middle = [params[name] for name in ("left", "top", "width", "height")]
    assert boxes == [middle] * 50


@pytest.mark.parametrize(("width", "height"), [(500, 375), (375, 501), (256, 256), (31, 200), (1023, 77)])
def test_the_middle_is_what_resize_and_centre_crop_leave(width, height):
    # Each pixel tells where it stands: what is left of the ramp tells the box.
    ramp = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), (height, width))
    across = np.asarray(v2.Compose([v2.Resize(64), v2.CenterCrop(56)])(Image.fromarray(ramp.copy())))[28]
    left, _, share, _ = middle_boxes(np.array([width]), np.array([height]), 64, 56)[0]
    places = (left + (np.arange(56) + 0.5) / 56 * share) * width  # in pixels; the ramp is 0 at half a pixel
    expected = np.clip((places - 0.5) / (width - 1), 0, 1)
    assert np.abs(across[5:-5] - expected[5:-5]).max() < 2e-3 + 0.2 / width
