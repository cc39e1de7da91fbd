import threading

import pytest
import torch

from mimic.training.ahead import Ahead, loaded_ahead
from mimic.training.devices import choose_device

DEVICE = choose_device("float32", "off", 1)


def test_the_next_epoch_is_loaded_while_the_caller_has_the_current_one():
    second = threading.Event()

    def load_epoch(epoch):
        if epoch == 1:
            second.set()
        return torch.tensor(epoch), torch.tensor(-epoch)

    with Ahead(load_epoch, DEVICE, 3) as ahead:
        assert ahead(0) == (0, 0)
        assert second.wait(10)
        assert ahead(1) == (1, -1)


def test_every_epoch_is_loaded_once_in_order_and_none_beyond_the_last():
    loads = []
    with Ahead(lambda epoch: (loads.append(epoch), torch.tensor(epoch))[1:], DEVICE, 4) as ahead:
        assert [int(ahead(epoch)[0]) for epoch in range(4)] == [0, 1, 2, 3]
    assert loads == [0, 1, 2, 3]


def test_an_epoch_out_of_turn_is_loaded_too():
    with Ahead(lambda epoch: (torch.tensor(epoch),), DEVICE, 10) as ahead:
        assert [int(ahead(epoch)[0]) for epoch in (5, 6, 2, 9)] == [5, 6, 2, 9]


def test_what_goes_wrong_while_loading_reaches_the_caller_in_its_turn():
    def load_epoch(epoch):
        if epoch == 1:
            raise ValueError("epoch 1 is damaged")
        return (torch.tensor(epoch),)

    with Ahead(load_epoch, DEVICE, 3) as ahead:
        assert ahead(0) == (0,)
        with pytest.raises(ValueError, match="epoch 1 is damaged"):
            ahead(1)


def test_on_the_cpu_nothing_is_loaded_ahead():
    def load_epoch(epoch):
        return (torch.tensor(epoch),)

    with loaded_ahead(load_epoch, DEVICE, 3) as load:
        assert load is load_epoch


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_epochs_loaded_ahead_on_a_gpu_are_those_asked_for():
    device = choose_device("float32", "off")

    def load_epoch(epoch):
        return (torch.full((1 << 22,), epoch, dtype=torch.float32).pin_memory().cuda(non_blocking=True),)

    with loaded_ahead(load_epoch, device, 20) as load:
        for epoch in range(20):
            (tensor,) = load(epoch)
            assert bool((tensor * 2 == 2 * epoch).all())
