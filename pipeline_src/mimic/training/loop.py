"""One training loop for teachers, students and hard-label nets: SGD with Nesterov momentum (Urban 2.6).

Images are uint8 on the device; an epoch is rendered or read at once. Several nets can be trained on the same
epochs side by side: the epochs are then loaded once for all of them, and small nets fill a GPU together.
"""

import copy
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from mimic.training.engine import EpochBuffers, Trainer, train_epoch
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
    """One row of a trial's history.

    Seconds are those of the epoch on the clock, and images those of the net alone, also where other nets are
    trained beside it.
    """

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


@dataclass(frozen=True)
class Training:
    """A net and what is its own about its training.

    Parameters
    ----------
    net : torch.nn.Module
        On the device, see `Device.place`.
    optimiser : Optimiser
    torch_seed : int
        Seed of dropout.
    on_epoch : callable, EpochRecord -> None
        Called after each epoch.
    """

    net: torch.nn.Module
    optimiser: Optimiser
    torch_seed: int = 0
    on_epoch: Callable | None = None


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
    training = Training(net, optimiser, torch_seed, on_epoch)
    return fit_together([training], load_epoch, loss_function, settings, validation, device)[0]


def fit_together(trainings, load_epoch, loss_function, settings, validation, device):
    """Train several nets on the same epochs; each ends when its own schedule says so.

    On the CPU each net gets the same bytes as alone; on a GPU their work overlaps.

    Parameters
    ----------
    trainings : sequence of Training
    load_epoch, loss_function, settings, validation, device
        As in `fit`.

    Returns
    -------
    list of Fit
        In the order of `trainings`.
    """
    epoch_buffers = EpochBuffers(device)
    nets = [_Running(training, loss_function, settings, epoch_buffers, validation) for training in trainings]
    for epoch in itertools.count():
        running = [net for net in nets if net.fit is None]
        if not running:
            return [net.fit for net in nets]
        started = time.perf_counter()
        epoch_buffers.fill(*load_epoch(epoch))
        trainers = [net.trainer for net in running]
        train_epoch(trainers, [net.schedule.rate for net in running])
        for trainer in trainers:
            trainer.evaluate()
        measured = [trainer.read() for trainer in trainers]
        seconds = time.perf_counter() - started
        for net, (train_loss, accuracy, validation_loss) in zip(running, measured, strict=True):
            net.end_epoch(train_loss, accuracy, validation_loss, seconds, len(epoch_buffers))


class _Running:
    """A net on its way through its schedule; `fit` is None until it ends."""

    def __init__(self, training, loss_function, settings, epoch_buffers, validation):
        self.net, self.on_epoch = training.net, training.on_epoch
        self.schedule = HalvingSchedule(training.optimiser.learning_rate, settings)
        self.trainer = Trainer(
            training.net,
            training.optimiser,
            loss_function,
            settings.batch_size,
            epoch_buffers,
            validation,
            training.torch_seed,
        )
        self.history, self.best_state, self.fit = [], None, None

    def end_epoch(self, train_loss, accuracy, validation_loss, seconds, n_images):
        """Note how the epoch went, keep the weights if they are the best, and end if it is time."""
        schedule, rate = self.schedule, self.schedule.rate
        if not (math.isfinite(train_loss) and math.isfinite(validation_loss)):
            reason = f"loss {train_loss}, validation loss {validation_loss} in epoch {schedule.epoch + 1}"
            self._end(Fit("diverged", reason, self.history, 0))
            return
        if schedule.step(1.0 - accuracy):
            self.best_state = copy.deepcopy(self.net.state_dict())
        record = EpochRecord(
            schedule.epoch, rate, train_loss, validation_loss, accuracy, seconds, n_images / seconds
        )
        self.history.append(record)
        if self.on_epoch is not None:
            self.on_epoch(record)
        if schedule.stop_reason is not None:
            self.net.load_state_dict(self.best_state)
            self._end(Fit("finished", schedule.stop_reason, self.history, schedule.best_epoch))

    def _end(self, fit):
        # Momentum, graphs and the best weights of a net that is done make room for the others.
        self.trainer.close()
        self.fit, self.trainer, self.best_state = fit, None, None
