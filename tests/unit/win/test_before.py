import types

import pytest

from mimic.cli import InputError
from mimic.win.nets import NetSpec
from mimic.win.settings import NetKey
from mimic.win.store import write_state
from mimic.win.teacher import imitation_net, imitation_settings, read_before


@pytest.fixture
def settings():
    net = NetKey(depth=14, divide=16, stem="cifar")
    return types.SimpleNamespace(net=net, widen=2, pairs=True, classifier="teacher")


@pytest.mark.parametrize(
    ("stage", "seed", "said"),
    [("block1", 3, "stage block1"), ("finetuned", 3, "stage finetuned"), ("block2", 4, "seed 4")],
)
def test_weights_of_another_stage_or_seed_are_refused(tmp_path, place, settings, stage, seed, said):
    where, path = place(side=32), tmp_path / "weights.safetensors"
    teacher = NetSpec(**settings.net.spec(3, 2)).build()
    _, net = imitation_net(settings, teacher, 3, where)
    write_state(path, "imitation", imitation_settings(settings, 3, stage, seed), net.state_dict())
    with pytest.raises(
        InputError, match=f"expected an imitation net of .*stage block2.*, got .*{said}"
    ) as caught:
        read_before(path, settings, "block2", 3, where, net)
    assert "\n" not in str(caught.value)
    write_state(path, "imitation", imitation_settings(settings, 3, "block2", 3), net.state_dict())
    assert read_before(path, settings, "block2", 3, where, net)
