"""A training that goes on from its checkpoint, with and without what is captured on a GPU."""

import dataclasses
import json
import math

import pytest
import safetensors.torch
import torch
from tests.stopping import Killed, forge, stop_while_saving, terminate_at_poll
from torch.nn.functional import cross_entropy

from mimic.models.net import new_net
from mimic.models.teacher_cnn import teacher_architecture
from mimic.termination import Terminated
from mimic.training.checkpoint import Checkpoint
from mimic.training.devices import choose_device
from mimic.training.graph import Replayable
from mimic.training.loop import Optimiser, Training, fit_together

ON_CPU = choose_device("float32", "off", 1)
TEACHER = teacher_architecture([2, 2, 2], 4, [0.2] * 3, [0.2] * 2, 3)


@pytest.fixture
def fit(tmp_path, dataset, training):
    """Trains a net with dropout for three epochs of 36 images; returns its weights and its `Fit`."""
    data = {
        split: tuple(torch.from_numpy(part[split]) for part in (dataset.images, dataset.labels))
        for split in ("train", "validation")
    }

    def run(batch_size, device, momentum=0.9, folder=None, every_seconds=0.0, **changes):
        net = device.place(new_net(TEACHER, 1.0, 1))
        seen = []
        trained = Training(net, Optimiser(0.05, momentum, 1e-4), torch_seed=1, on_epoch=seen.append)
        checkpoint = folder and Checkpoint(tmp_path / folder, "key", every_seconds, print)
        settings = training(batch_size=batch_size, **changes)
        (result,) = fit_together(
            [trained],
            lambda epoch: tuple(tensor.roll(epoch, 0) for tensor in data["train"]),
            cross_entropy,
            settings,
            data["validation"],
            device,
            checkpoint,
        )
        weights = [tensor.contiguous().numpy().tobytes() for tensor in net.state_dict().values()]
        plain = [dataclasses.replace(r, seconds=0, images_per_second=0) for r in result.history]
        return weights, dataclasses.replace(result, history=plain), seen

    return run


def test_a_checkpoint_changes_nothing(fit):
    assert fit(16, ON_CPU)[:2] == fit(16, ON_CPU, folder="kept")[:2]


@pytest.mark.parametrize("captures", [False, True])
@pytest.mark.parametrize(("batch_size", "n_polls", "momentum"), [(36, 3, 0.0), (7, 8, 0.9)])
def test_a_training_ended_anywhere_ends_as_if_it_had_not_been(
    fit, monkeypatch, captures, batch_size, n_polls, momentum
):
    """Where a GPU captures graphs, here a graph is the function itself: warmed up, put back, replayed."""
    device = ON_CPU
    if captures:
        device = dataclasses.replace(ON_CPU, prepares=True, graphs=True)
        monkeypatch.setattr(Replayable, "_capture", lambda replayable: replayable.function)
        monkeypatch.setattr("mimic.training.engine._STEPS_A_GRAPH", 2)
        # Steps in pairs, and the validation images without a poll.
        n_polls = {36: 1 + 1, 7: 2 + 1 + 1 + 1}[batch_size]
    weights, result, _ = fit(batch_size, ON_CPU, momentum)
    ends = 0
    for number in range(1, 3 * n_polls + 1):
        folder = f"ended-{number}"
        with monkeypatch.context() as patch:
            terminate_at_poll(patch, number)
            with pytest.raises(Terminated):
                fit(batch_size, device, momentum, folder)
        ends += 1
        *again, seen = fit(batch_size, device, momentum, folder)
        assert again == [weights, result], number
        assert [record.epoch for record in seen] == list(range((number // n_polls) + 1, 4))
    assert ends == 3 * n_polls


def test_a_long_epoch_is_saved_between_its_steps(fit, monkeypatch, capsys):
    """Where there is always time to save: before each of three steps and after the epoch, three times."""
    monkeypatch.setattr("mimic.training.checkpoint._SHARE", math.inf)
    expected = fit(16, ON_CPU)[:2]
    for number in range(2, 3 * 4 + 1):
        folder = f"killed-{number}"
        with monkeypatch.context() as patch:
            stop_while_saving(patch, "killed", number)
            with pytest.raises(Killed):
                fit(16, ON_CPU, folder=folder, every_seconds=1e-9)
        capsys.readouterr()
        assert fit(16, ON_CPU, folder=folder)[:2] == expected, number
        n_done, n_saves = divmod(number - 2, 4)
        if n_saves == 3:
            n_done, n_saves = n_done + 1, 0
        within = f", after {16 * n_saves} of its images" if n_saves else ""
        assert capsys.readouterr().out == f"resumed at epoch {n_done + 1}{within}\n"


@pytest.mark.parametrize(("captures", "n_saves"), [(False, 3 * 4), (True, 3)])
def test_where_graphs_are_captured_only_whole_epochs_are_saved(fit, monkeypatch, captures, n_saves):
    monkeypatch.setattr("mimic.training.checkpoint._SHARE", math.inf)
    monkeypatch.setattr(Replayable, "_capture", lambda replayable: replayable.function)
    device = dataclasses.replace(ON_CPU, prepares=captures, graphs=captures)
    saves, save = [], Checkpoint.save
    monkeypatch.setattr(Checkpoint, "save", lambda *given: (saves.append(1), save(*given)))
    fit(16, device, folder="kept", every_seconds=1e-9)
    assert len(saves) == n_saves


def test_the_schedule_goes_on_where_it_was(fit, monkeypatch):
    """Halved twice and stopped for want of a drop, at the same epochs."""
    schedule = {"max_epochs": 40, "halve_patience": 2, "halve_cooldown": 1, "stop_patience": 6}
    weights, result, _ = fit(16, ON_CPU, **schedule)
    rates = [record.learning_rate for record in result.history]
    assert rates[-1] <= rates[0] / 4
    assert result.reason == "no drop for 6 epochs"
    for number in range(3, 5 * len(rates), 7):
        folder = f"ended-{number}"
        with monkeypatch.context() as patch:
            terminate_at_poll(patch, number)
            with pytest.raises(Terminated):
                fit(16, ON_CPU, folder=folder, **schedule)
        assert fit(16, ON_CPU, folder=folder, **schedule)[:2] == (weights, result)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda history: history[1].update(learning_rate=0.01), "epoch 2 does not follow"),
        (lambda history: history.extend(history * 2), "epoch 1 does not follow"),
    ],
    ids=["rate", "length"],
)
def test_a_history_that_cannot_have_been_is_not_gone_on_with(
    fit, monkeypatch, capsys, tmp_path, change, reason
):
    expected = fit(16, ON_CPU)[:2]
    with monkeypatch.context() as patch:
        terminate_at_poll(patch, 12)
        with pytest.raises(Terminated):
            fit(16, ON_CPU, folder="forged")
    path = tmp_path / "forged" / "checkpoint.safetensors"
    header = json.loads(safetensors.torch.load(path.read_bytes())["header"].numpy().tobytes())
    change(header["history"])
    text = bytearray(json.dumps(header).encode())
    forge(path, "header", torch.frombuffer(text, dtype=torch.uint8))
    assert fit(16, ON_CPU, folder="forged")[:2] == expected
    assert f"ignored, training starts afresh: history: {reason}" in capsys.readouterr().out
