"""One training loop for teachers, students and hard-label nets: SGD with Nesterov momentum (Urban 2.6).

Images are uint8 on the device; an epoch is rendered or read at once, then standardised batch by batch.
The loop waits for the device once an epoch, to read the loss and the validation error.
"""

import copy
import math
import time
from dataclasses import dataclass

import torch

from mimic.augment.render import standardise
from mimic.training.evaluate import predict, score
from mimic.training.schedule import HalvingSchedule


@dataclass(frozen=True)
class Optimiser:
    """The search's part of training.

    Parameters
    ----------
    learning_rate, momentum, weight_decay : float
        Of SGD with Nesterov momentum; weight decay is the L2 penalty's gradient factor, biases included.
    """

    learning_rate: float
    momentum: float
    weight_decay: float


@dataclass(frozen=True)
class EpochRecord:
    """One row of a trial's history."""

    epoch: int
    learning_rate: float
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    images_per_second: float


@dataclass(frozen=True)
class Fit:
    """What training gives: the history, and the epoch whose weights the net now has."""

    status: str  # finished or diverged
    reason: str
    history: list
    best_epoch: int


def fit(net, load_epoch, loss_function, optimiser, settings, validation, device, on_epoch=None, torch_seed=0):
    """Train a net; it ends with the weights of its best validation epoch.

    Reading: the paper does not say which epoch's weights it keeps; ours are those of the lowest validation
    error, the first such epoch.

    Parameters
    ----------
    net : torch.nn.Module
        On the device, see `Device.place`.
    load_epoch : callable, int -> (images, targets)
        Epoch number from 0 to uint8 images (n, 3, 32, 32) and targets (n, ...) on the device, in order.
    loss_function : callable, (logits, targets) -> tensor of shape ()
        Mean over the batch; both arguments are float32 or, for labels, int64.
    optimiser : Optimiser
    settings : mimic.config.training.TrainingSettings
    validation : (images, labels)
        uint8 (n, 3, 32, 32) and int64 (n,), on the device.
    device : mimic.training.devices.Device
    on_epoch : callable, EpochRecord -> None
        Called after each epoch.
    torch_seed : int
        Seed of dropout.

    Returns
    -------
    Fit
        ``diverged`` if the loss or the weights became non-finite; the net is then of no use.
    """
    device = device.suited_to(net)
    schedule = HalvingSchedule(optimiser.learning_rate, settings)
    sgd = torch.optim.SGD(
        net.parameters(),
        lr=optimiser.learning_rate,
        momentum=optimiser.momentum,
        weight_decay=optimiser.weight_decay,
        nesterov=optimiser.momentum > 0,
        foreach=True,
    )
    history, best_state = [], None
    # Dropout draws from the global generators, the only ones it knows; they are put back at the end.
    devices = [device.torch_device] if device.torch_device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(torch_seed)
        while schedule.stop_reason is None:
            started = time.perf_counter()
            for group in sgd.param_groups:
                group["lr"] = schedule.rate
            images, targets = load_epoch(schedule.epoch)
            train_loss = _train_epoch(net, images, targets, loss_function, sgd, settings.batch_size, device)
            accuracy, validation_loss = score(predict(net, validation[0], device), validation[1])
            seconds = time.perf_counter() - started
            rate = schedule.rate
            if not (math.isfinite(train_loss) and math.isfinite(validation_loss)):
                reason = f"loss {train_loss}, validation loss {validation_loss} in epoch {schedule.epoch + 1}"
                return Fit("diverged", reason, history, 0)
            if schedule.step(1.0 - accuracy):
                best_state = copy.deepcopy(net.state_dict())
            record = EpochRecord(
                schedule.epoch, rate, train_loss, validation_loss, accuracy, seconds, len(images) / seconds
            )
            history.append(record)
            if on_epoch is not None:
                on_epoch(record)
    net.load_state_dict(best_state)
    return Fit("finished", schedule.stop_reason, history, schedule.best_epoch)


def _train_epoch(net, images, targets, loss_function, sgd, batch_size, device):
    """One pass; returns the mean loss an image as a float."""
    net.train()
    total = torch.zeros((), dtype=torch.float64, device=device.torch_device)
    for start in range(0, len(images), batch_size):
        batch = device.format(standardise(images[start : start + batch_size]))
        with device.autocast():
            logits = net(batch)
        loss = loss_function(logits.float(), targets[start : start + batch_size])
        sgd.zero_grad(set_to_none=True)
        loss.backward()
        sgd.step()
        total += loss.detach() * len(batch)
    return float(total) / len(images)
