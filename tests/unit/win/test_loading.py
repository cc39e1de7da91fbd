import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mimic.torchvision_import import import_torchvision
from mimic.win.loading import MEAN, STD, DeviceImages, normalise, shifted

functional = import_torchvision("transforms.functional")


def test_images_are_normalised_as_torchvision_does_it(coloured):
    images, _ = coloured(5)
    expected = functional.normalize(images.float() / 255, MEAN, STD)
    torch.testing.assert_close(normalise(images), expected, rtol=0, atol=1e-5)


@given(down=st.integers(0, 8), right=st.integers(0, 8), mirrored=st.booleans())
def test_an_image_is_shifted_and_mirrored_as_torchvision_does_it(down, right, mirrored):
    image = torch.arange(3 * 6 * 7, dtype=torch.uint8).view(3, 6, 7)
    expected = functional.crop(functional.pad(image, 4), down, right, 6, 7)
    expected = functional.hflip(expected) if mirrored else expected
    found = shifted(image[None], torch.tensor([[down], [right]]), torch.tensor([mirrored]))
    assert torch.equal(found[0], expected)


def labels_of(batches):
    return torch.cat([labels for _, labels in batches])


def test_an_epoch_passes_over_all_images_in_an_order_of_its_own(coloured):
    pixels, _ = coloured(42)
    labels = torch.arange(42)
    images = DeviceImages((pixels, labels), (pixels, labels), 5, batch_size=10)
    epochs = [labels_of(images.epoch(epoch)) for epoch in range(2)]
    assert images.n_steps == 4
    assert all(len(set(epoch.tolist())) == 40 for epoch in epochs)  # the rest of 2 is left out
    assert not torch.equal(*epochs)
    assert torch.equal(labels_of(images.epoch(0, 2)), epochs[0][20:])


@pytest.mark.parametrize("n_processes", [2, 5])
def test_processes_share_each_batch_without_rest(coloured, n_processes):
    data = coloured(40)
    whole = list(DeviceImages(data, data, 5, 10).epoch(1))
    shares = [
        list(DeviceImages(data, data, 5, 10, rank, n_processes).epoch(1)) for rank in range(n_processes)
    ]
    for step, (images, labels) in enumerate(whole):
        assert torch.equal(torch.cat([share[step][0] for share in shares]), images)
        assert torch.equal(torch.cat([share[step][1] for share in shares]), labels)


@pytest.mark.parametrize("n_processes", [1, 3])
def test_every_test_image_is_judged_once(coloured, n_processes):
    pixels, labels = coloured(23)[0], torch.arange(23)
    parts = [
        DeviceImages((pixels, labels), (pixels, labels), 5, 10, rank, n_processes)
        for rank in range(n_processes)
    ]
    assert sorted(torch.cat([labels_of(part.tests(4)) for part in parts if part.rank < 6]).tolist()) == list(
        range(23)
    )
    assert sorted(torch.cat([labels_of(part.probe(4, 13)) for part in parts]).tolist()) == list(range(13))
