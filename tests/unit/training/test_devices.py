import pytest
import torch

from mimic.training import devices
from mimic.training.devices import choose_device


@pytest.mark.parametrize(
    ("precision", "channels_last", "gains", "dtype", "last"),
    [
        ("auto", "auto", True, torch.bfloat16, True),
        ("auto", "auto", False, torch.float32, False),
        ("auto", "off", True, torch.bfloat16, False),
        ("float32", "auto", True, torch.float32, False),
        ("float32", "on", False, torch.float32, True),
        ("bfloat16", "auto", False, torch.bfloat16, True),
    ],
)
def test_auto_follows_the_processor_and_words_are_obeyed(
    monkeypatch, precision, channels_last, gains, dtype, last
):
    monkeypatch.setattr(devices, "gains_from_bfloat16", lambda torch_device: gains)
    device = choose_device(precision, channels_last, 1)
    assert (device.dtype, device.channels_last) == (dtype, last)
    with device.autocast():
        product = torch.ones(2, 2, device=device.torch_device) @ torch.ones(2, 2, device=device.torch_device)
    assert product.dtype == dtype
    images = device.format(torch.zeros(2, 3, 4, 4, device=device.torch_device))
    assert images.is_contiguous(memory_format=torch.channels_last) == last
    assert ("bfloat16" in device.describe()) == (dtype == torch.bfloat16)
    assert device.describe().endswith("on" if last else "off")


def test_weights_stay_float32_under_bfloat16(monkeypatch):
    device = choose_device("bfloat16", "on", 1)
    net = device.place(torch.nn.Conv2d(3, 4, 3))
    assert net.weight.dtype == torch.float32
    assert net.weight.is_contiguous(memory_format=torch.channels_last)
    with device.autocast():
        assert net(torch.zeros(1, 3, 8, 8, device=device.torch_device)).dtype == torch.bfloat16


def test_threads_are_set_where_given():
    choose_device("float32", "off", 1)
    assert torch.get_num_threads() == 1
