"""One training by SGD along cosines, resumable between steps, in one process or several.

What is trained, on which loss and how it is judged is the stage's; this module knows steps, epochs, cycles,
rates and where all of it stands.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from mimic.cli import InputError
from mimic.training.state import State


@dataclass(frozen=True)
class Objective:
    """What a training lowers, and how it is judged after each epoch.

    Parameters
    ----------
    loss : callable, (outputs of the module, images, labels) -> tensor of shape ()
        Mean over the batch.
    judge : callable, module -> dict of str to float
        In evaluation mode; the same columns each time.
    columns : tuple of str
        Those of `judge`.
    keeps : str or None
        Column whose lowest value at the end of a cycle says which weights are kept; None for the last ones.
    """

    loss: Callable
    judge: Callable
    columns: tuple
    keeps: str | None = None


@dataclass(frozen=True)
class Epoch:
    """A row of the history: rates are those of the first step, seconds those of training and judging."""

    epoch: int
    learning_rate: float
    train_loss: float
    judged: dict
    seconds: float
    images_per_second: float


def cosine(base, step, n_steps):
    """Rate of a step, from 0, of a training of `n_steps`: from `base` down to 0 along half a cosine."""
    return 0.5 * base * (1 + math.cos(math.pi * step / n_steps))


class Run:
    """A module in training; `state`, `restore` and `epochs_done` are for `mimic.training.checkpoint`.

    Parameters
    ----------
    module : torch.nn.Module
        On the device; all of its parameters are trained.
    objective : Objective
    images : object
        With `epoch`, `n_steps` and `batch_size`, see `mimic.win.loading.DeviceImages`.
    schedule : mimic.config.win.WinSchedule
        Of one cycle.
    momentum : float
    device : mimic.training.devices.Device
    processes : mimic.win.distributed.Processes
    n_cycles : int
        Cosines, one after the other, each from the weights kept so far.
    """

    def __init__(self, module, objective, images, schedule, momentum, device, processes, n_cycles=1):
        self.module, self.objective, self.images, self.schedule = module, objective, images, schedule
        self.device, self.processes, self.n_cycles = device, processes, n_cycles
        self.n_epochs = schedule.n_epochs * n_cycles
        self._together = None
        self._sgd = torch.optim.SGD(
            module.parameters(),
            lr=schedule.learning_rate,
            momentum=momentum,
            weight_decay=schedule.weight_decay,
        )
        self._momentum = momentum
        self._forget_momentum()
        width = 5 + len(objective.columns)
        self._history = torch.full((self.n_epochs, width), torch.nan, dtype=torch.float64)
        self._loss = torch.zeros((), dtype=torch.float64, device=device.torch_device)
        self._epoch, self._step, self._earlier_seconds, self._started = 0, 0, 0.0, None
        self._kept, self._kept_value = None, math.inf

    def _forget_momentum(self):
        """Momentum at zero, as before the first step."""
        for parameter in self.module.parameters():
            if self._momentum:
                self._sgd.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)

    @property
    def epochs_done(self):
        """Number of epochs that are over."""
        return self._epoch

    @property
    def history(self):
        """The epochs that are over."""
        names = self.objective.columns
        return [
            Epoch(int(row[0]), row[1], row[2], dict(zip(names, row[5:], strict=True)), row[3], row[4])
            for row in self._history[: self._epoch].tolist()
        ]

    def train(self, on_epoch=None, between_steps=None, after_epoch=None):
        """Train all that is left; the module ends with the weights that are kept.

        Parameters
        ----------
        on_epoch : callable, Epoch -> None
        between_steps, after_epoch : callable, optional
            Called without arguments where all state can be kept; may raise.

        Raises
        ------
        InputError
            If the loss is no finite number any more.
        """
        self._together = self.processes.together(self.module)
        try:
            while self._epoch < self.n_epochs:
                self._train_epoch(between_steps)
                if on_epoch is not None:
                    on_epoch(self.history[-1])
                if after_epoch is not None:
                    after_epoch()
        finally:
            self._together = None  # before the processes part: its end would wait for the others'

    def _train_epoch(self, between_steps):
        self._started = time.perf_counter()
        n_steps, length = self.images.n_steps, self.schedule.n_epochs
        base, total = self.schedule.learning_rate, length * n_steps
        place = (self._epoch % length) * n_steps
        first = self._step
        self.module.train()
        for images, labels in self.images.epoch(self._epoch, first):
            self._sgd.param_groups[0]["lr"] = cosine(base, place + self._step, total)
            self._one_step(images, labels)
            self._step += 1
            if between_steps is not None:
                between_steps()
        train_loss = (self.processes.sum(self._loss.clone()) / self.processes.count).item() / n_steps
        self._check_finite("loss", train_loss)
        judged = self.objective.judge(self.module)
        for name, value in judged.items():
            self._check_finite(name.replace("_", " "), value)
        rate = cosine(base, place, total)
        n_images = (n_steps - first) * self.images.batch_size
        lap = time.perf_counter() - self._started
        row = [self._epoch + 1, rate, train_loss, lap + self._earlier_seconds, n_images / lap]
        row += [judged[name] for name in self.objective.columns]
        self._history[self._epoch] = torch.tensor(row, dtype=torch.float64)
        self._epoch, self._step, self._earlier_seconds, self._started = self._epoch + 1, 0, 0.0, None
        self._loss.zero_()
        if self._epoch % length == 0:
            self._end_cycle(judged)

    def _check_finite(self, name, value):
        if not math.isfinite(value):
            raise InputError(
                f"the training diverged in epoch {self._epoch + 1}: {name} {value}; lower learning_rate "
                f"(now {self.schedule.learning_rate:g})"
            )

    def _one_step(self, images, labels):
        with self.device.autocast():
            outputs = self._together(self.device.format(images))
        loss = self.objective.loss(outputs, images, labels)
        self._sgd.zero_grad(set_to_none=True)
        loss.backward()
        self._sgd.step()
        self._loss.add_(loss.detach().double())

    def _end_cycle(self, judged):
        """Keep the weights if they are the best so far, and begin the next cycle from those that are kept."""
        if self.objective.keeps is None or self.n_cycles == 1:
            return
        value = judged[self.objective.keeps]
        if value < self._kept_value:
            self._kept_value = value
            self._kept = {name: tensor.clone() for name, tensor in self.module.state_dict().items()}
        else:
            self.module.load_state_dict(self._kept)
        self._forget_momentum()

    def state(self):
        """Where the training stands; on a processor it holds the tensors themselves."""
        seconds = self._earlier_seconds
        if self._started is not None:
            seconds += time.perf_counter() - self._started
        state = self.module.state_dict()
        tensors = {f"weights.{name}": tensor.cpu() for name, tensor in state.items()}
        for name, parameter in self.module.named_parameters():
            if self._momentum:
                tensors[f"momentum.{name}"] = self._sgd.state[parameter]["momentum_buffer"].cpu()
        for name, tensor in (self._kept or {}).items():
            tensors[f"kept.{name}"] = tensor.cpu()
        tensors["loss"] = self._loss.cpu()
        tensors["kept_value"] = torch.tensor(self._kept_value, dtype=torch.float64)
        tensors["place"] = torch.tensor([self._epoch, self._step])
        tensors["epochs"] = self._history
        return State(tensors, [], self._step * self.images.batch_size, seconds)

    @torch.no_grad()
    def restore(self, state):
        """Stand where a training of the same module with the same settings stood; before the first epoch.

        Raises
        ------
        ValueError
            If it is the state of another training; nothing is changed then.
        """
        found, expected = state.tensors, self.state().tensors
        keeps = any(name.startswith("kept.") for name in found)
        if keeps:
            expected |= {f"kept.{name}": tensor for name, tensor in self.module.state_dict().items()}
        layouts = [{k: f"{t.dtype} {tuple(t.shape)}" for k, t in of.items()} for of in (expected, found)]
        for name in sorted({*found, *expected}):
            one, other = (of.get(name, "nothing") for of in layouts)
            if one != other:
                raise ValueError(f"{name}: expected {one}, got {other}")
        epoch, step = found["place"].tolist()
        if not (0 <= epoch <= self.n_epochs and 0 <= step <= self.images.n_steps):
            raise ValueError(f"place: epoch {epoch}, step {step} is none of this training")
        weights = self.module.state_dict()
        for name, tensor in weights.items():
            tensor.copy_(found[f"weights.{name}"])
        for name, parameter in self.module.named_parameters():
            if self._momentum:
                self._sgd.state[parameter]["momentum_buffer"].copy_(found[f"momentum.{name}"])
        if keeps:
            self._kept = {name: found[f"kept.{name}"].to(tensor.device) for name, tensor in weights.items()}
        self._kept_value = found["kept_value"].item()
        self._loss.copy_(found["loss"])
        self._history.copy_(found["epochs"])
        self._epoch, self._step, self._earlier_seconds = epoch, step, state.epoch_seconds
