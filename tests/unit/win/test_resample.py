import numpy as np
import pytest
import torch
from PIL import Image
from tests.image_folders import photograph

from mimic.win.resample import resampled


def planes(image):
    return torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy())


@pytest.mark.parametrize("size", [20, 40, 63])
def test_a_whole_image_is_resized_as_pil_does_it(size):
    generator = np.random.default_rng(0)
    noise = [Image.fromarray(generator.integers(0, 256, (40, 40, 3), dtype=np.uint8)) for _ in range(2)]
    images = torch.stack([planes(image) for image in noise])
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).repeat(2, 1)
    found = resampled(images, boxes, torch.tensor([False, True]), size)
    for image, mirrored, ours in zip(noise, (False, True), found, strict=True):
        theirs = planes(image.resize((size, size), Image.Resampling.BILINEAR)).float()
        ours = ours.flip(2) if mirrored else ours
        # PIL rounds between the axes and at the end, to eight bits
        assert (ours - theirs).abs().max() <= 1.01


def test_a_box_is_what_pil_resizes_of_it():
    image = photograph(40, 40, np.random.default_rng(1))
    box = (4.0, 10.0, 30.0, 28.0)
    theirs = planes(image.resize((16, 16), Image.Resampling.BILINEAR, box=(4, 10, 34, 38))).float()
    boxes = torch.tensor([box]) / 40
    ours = resampled(planes(image)[None], boxes, torch.tensor([False]), 16)[0]
    inside = (slice(None), slice(1, -1), slice(1, -1))
    assert (ours[inside] - theirs[inside]).abs().max() <= 1.01
    # At its edge PIL sees nothing of what is beyond the box.
    assert (ours - theirs).abs().max() <= 8


def test_autocast_does_not_touch_pixels():
    images = torch.randint(0, 256, (2, 3, 24, 24), dtype=torch.uint8)
    boxes, mirrored = torch.tensor([[0.1, 0.2, 0.5, 0.6]] * 2), torch.tensor([True, False])
    plain = resampled(images, boxes, mirrored, 16)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(resampled(images, boxes, mirrored, 16), plain)
