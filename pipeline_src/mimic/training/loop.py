"""One training loop for teachers, students and hard-label nets: SGD with Nesterov momentum (Urban 2.6).

Images are uint8 on the device; an epoch is rendered or read at once. Several nets can be trained on the same
epochs side by side: the epochs are then loaded once for all of them, and small nets fill a GPU together. The
training of one net can be kept in a checkpoint (`mimic.training.checkpoint`), also in the middle of an epoch.
"""

import copy
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from mimic.termination import Terminated, deferred
from mimic.training.engine import EpochBuffers, Trainer, train_epoch
from mimic.training.schedule import HalvingSchedule
from mimic.training.state import EpochRecord, State


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


def fit_together(trainings, load_epoch, loss_function, settings, validation, device, checkpoint=None):
    """Train several nets on the same epochs; each ends when its own schedule says so.

    On the CPU each net gets the same bytes as alone; on a GPU their work overlaps.

    Parameters
    ----------
    trainings : sequence of Training
    load_epoch, loss_function, settings, validation, device
        As in `fit`.
    checkpoint : mimic.training.checkpoint.Checkpoint, optional
        For a single net: goes on where an earlier process was ended, to the same bytes on the CPU. SIGTERM is
        then waited for between steps, and raised as `Terminated` once the state is saved.

    Returns
    -------
    list of Fit
        In the order of `trainings`.
    """
    epoch_buffers = EpochBuffers(device)
    nets = [_Running(training, loss_function, settings, epoch_buffers, validation) for training in trainings]
    if checkpoint is None:
        return _run(nets, load_epoch, epoch_buffers)
    (net,) = nets
    with deferred() as request:
        checkpoint.resume(net)

        def between_steps():
            request.poll()
            # On a GPU an epoch takes seconds, and a save would wait for all steps that were started.
            if not device.graphs:
                checkpoint.save_if_due(net, within_epoch=True)

        try:
            return _run(nets, load_epoch, epoch_buffers, request.poll, between_steps, checkpoint.save_if_due)
        except Terminated:
            if net.fit is None:
                checkpoint.save(net)
            raise


def _run(nets, load_epoch, epoch_buffers, poll=None, between_steps=None, after_epoch=None):
    """Train until all nets have ended; the arguments but the nets are as in `fit_together`.

    Parameters
    ----------
    nets : list of _Running
        All as many epochs and images into their training.
    poll, between_steps : callable, optional
        Called where all state is in the nets, `poll` also while the validation images are scored; may raise.
    after_epoch : callable, _Running -> None, optional
        Called with each net that has not diverged.
    """
    for epoch in itertools.count(len(nets[0].history)):
        for net in nets:
            net.end_if_over()
        running = [net for net in nets if net.fit is None]
        if not running:
            return [net.fit for net in nets]
        started = time.perf_counter()
        for net in running:
            net.started = started
        epoch_buffers.fill(*load_epoch(epoch))
        trainers = [net.trainer for net in running]
        train_epoch(trainers, [net.schedule.rate for net in running], trainers[0].seen, between_steps)
        for trainer in trainers:
            trainer.evaluate(poll)
        measured = [trainer.read() for trainer in trainers]
        seconds = time.perf_counter() - started
        for net, scores in zip(running, measured, strict=True):
            net.end_epoch(*scores, seconds, len(epoch_buffers))
        if poll is not None:
            poll()
        for net in running:
            if after_epoch is not None and net.fit is None:
                after_epoch(net)


class _Running:
    """A net on its way through its schedule; `fit` is None until it ends."""

    def __init__(self, training, loss_function, settings, epoch_buffers, validation):
        self.net, self.on_epoch = training.net, training.on_epoch
        self.settings, self.initial_rate = settings, training.optimiser.learning_rate
        self.schedule = HalvingSchedule(self.initial_rate, settings)
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
        self.started = None  # when this process began with the epoch at hand
        self._earlier_seconds = 0.0  # that earlier processes spent on it

    @property
    def epochs_done(self):
        """Number of epochs that are over."""
        return len(self.history)

    def end_epoch(self, train_loss, accuracy, validation_loss, seconds, n_images):
        """Note how the epoch went, and keep the weights if they are the best."""
        schedule, rate = self.schedule, self.schedule.rate
        seconds += self._earlier_seconds
        self.started, self._earlier_seconds, self.trainer.seen = None, 0.0, 0
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

    def end_if_over(self):
        """Take the best epoch's weights once the schedule has ended."""
        if self.fit is None and self.schedule.stop_reason is not None:
            self.net.load_state_dict(self.best_state)
            self._end(Fit("finished", self.schedule.stop_reason, self.history, self.schedule.best_epoch))

    def _end(self, fit):
        # Momentum, graphs and the best weights of a net that is done make room for the others.
        self.trainer.close()
        self.fit, self.trainer, self.best_state = fit, None, None

    def state(self):
        """Where the training stands, as a `State`; on a processor it holds the tensors themselves."""
        tensors = self.trainer.kept()
        if _keeps_best(self.schedule, self.trainer.seen):
            tensors |= {f"best.{name}": tensor.cpu() for name, tensor in self.best_state.items()}
        seconds = self._earlier_seconds
        if self.started is not None:
            seconds += time.perf_counter() - self.started
        return State(tensors, self.history, self.trainer.seen, seconds)

    def restore(self, state):
        """Stand where a training of the same net with the same settings stood; before the first epoch.

        Raises
        ------
        ValueError, RuntimeError
            If it is the state of another training; nothing is changed then.
        """
        schedule = HalvingSchedule(self.initial_rate, self.settings)
        for record in state.history:
            follows = (record.epoch, record.learning_rate) == (schedule.epoch + 1, schedule.rate)
            if schedule.stop_reason is not None or not follows:
                raise ValueError(f"history: epoch {record.epoch} does not follow from those before")
            schedule.step(1.0 - record.validation_accuracy)
        weights, keeps_best = self.net.state_dict(), _keeps_best(schedule, state.seen)
        expected = self.trainer.kept()
        if keeps_best:
            expected |= {f"best.{name}": tensor for name, tensor in weights.items()}
        _check_layout(state.tensors, expected)
        self.trainer.restore(state.tensors, state.seen)
        self.schedule, self.history = schedule, list(state.history)
        self._earlier_seconds = state.epoch_seconds
        if schedule.best_epoch:
            # Beside those of the epoch at hand, in the same memory format.
            self.best_state = copy.deepcopy(weights)
            for name, tensor in self.best_state.items():
                if keeps_best:
                    tensor.copy_(state.tensors[f"best.{name}"])


def _keeps_best(schedule, seen):
    """Whether the weights of the best epoch are others than those of the net."""
    return schedule.best_epoch > 0 and not (schedule.best_epoch == schedule.epoch and seen == 0)


def _check_layout(tensors, expected):
    """Refuse tensors that have not the names, types and shapes of those expected."""
    layout, wanted = (
        {name: f"{tensor.dtype} {tuple(tensor.shape)}" for name, tensor in of.items()}
        for of in (tensors, expected)
    )
    for name in sorted({*layout, *wanted}):
        if layout.get(name) != wanted.get(name):
            raise ValueError(f"{name}: expected {wanted.get(name)}, got {layout.get(name)}")
