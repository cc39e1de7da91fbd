import pytest
import torch

from mimic.win.memory import kept_bytes, training_memory_mb
from mimic.win.resnet import ResNet


def on_meta(**settings):
    with torch.device("meta"):
        return ResNet(**settings)


def bytes_of_a_real_pass(net, images):
    """What autograd holds after a forward pass on the CPU, each storage once, weights left out."""
    weights, held = {p.data_ptr() for p in net.parameters()}, {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            held[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = net.train()(images)
    assert out.requires_grad
    return sum(n for n, _ in held.values())


@pytest.mark.parametrize(("stem", "side"), [("cifar", 32), ("imagenet", 64)])
def test_what_a_pass_keeps_is_what_autograd_holds(stem, side):
    settings = {"depth": 14, "divide": 8, "stem": stem, "n_classes": 7}
    one, two = (bytes_of_a_real_pass(ResNet(**settings), torch.randn(n, 3, side, side)) for n in (4, 8))
    assert kept_bytes(on_meta(**settings), (3, side, side)) == pytest.approx((two - one) / 4, rel=0.01)


def test_memory_grows_with_the_batch_and_halves_with_the_type():
    net, shape = on_meta(depth=50), (3, 224, 224)
    small, large = (training_memory_mb([net], [], shape, n, torch.float32) for n in (64, 256))
    assert 3.5 < large / small < 4
    assert training_memory_mb([net], [], shape, 256, torch.bfloat16) < 0.53 * large
    assert large < training_memory_mb([net], [net], shape, 256, torch.float32) < 1.2 * large
