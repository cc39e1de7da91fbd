"""A group on its way through its training: stack after stack, epoch after epoch, resumable between steps."""

import contextlib
import itertools
import time
from dataclasses import dataclass

import numpy as np
import torch

from mimic.seeding import derive, numpy_generator
from mimic.shallow.grid import STACKED_BY
from mimic.shallow.memory import divide
from mimic.shallow.nets import initial_tensors
from mimic.shallow.optimisers import RULES
from mimic.shallow.stack import Stack
from mimic.shallow.store import HISTORY
from mimic.training.state import State


@dataclass(frozen=True)
class Part:
    """Nets that are trained as one: rows `start` to `stop` - 1 of the group."""

    start: int
    stop: int
    n_images: int

    @property
    def rows(self):
        """Rows of the group's tensors."""
        return slice(self.start, self.stop)


def parts_of(shape, nets, training, on_cpu):
    """A group cut into stacks that fit into memory.

    Returns
    -------
    list of Part
        Of nets that stand side by side and are equal in `STACKED_BY`, of nearly equal sizes.
    """
    keys = [tuple(getattr(net, axis) for axis in STACKED_BY) for net in nets]
    parts, start = [], 0
    while start < len(nets):
        stop = start
        while stop < len(nets) and keys[stop] == keys[start]:
            stop += 1
        net = nets[start]
        division = divide(shape, stop - start, training, on_cpu, net.layout == "parallel", net.padding)
        n_parts = -(-(stop - start) // division.nets)
        bounds = np.linspace(start, stop, n_parts + 1).round().astype(int).tolist()
        parts += [Part(a, b, division.images) for a, b in itertools.pairwise(bounds)]
        start = stop
    return parts


def order_of(seed, epoch, n):
    """Rows of the training images in the order of an epoch, the same for all nets of a dataset's groups."""
    return torch.from_numpy(numpy_generator(seed, "shallow", "order", epoch).permutation(n))


@contextlib.contextmanager
def own_stream(device):
    """Context with a stream of work of its own on a GPU, since graphs are captured in no default one.

    What was started before is waited for inside, and what was started inside afterwards, also on an error: a
    state that is kept then is whole.
    """
    if device.torch_device.type != "cuda":
        yield
        return
    outside, stream = torch.cuda.current_stream(), torch.cuda.Stream(device.torch_device)
    stream.wait_stream(outside)
    try:
        with torch.cuda.stream(stream):
            yield
    finally:
        outside.wait_stream(stream)


@dataclass(frozen=True)
class EpochOfStack:
    """How an epoch of a stack went: means over its nets that are finite, and the rate of work."""

    train_loss: float
    validation_accuracy: float
    net_images_per_second: float


class GroupRun:
    """A group in training; `state` and `restore` are for `mimic.training.checkpoint`.

    Parameters
    ----------
    settings : mimic.shallow.grid.GroupSettings
    shape : mimic.shallow.grid.Shape
    train, validation : (images, labels)
        uint8 (n, channels, height, width) and int64 (n,), on the device.
    seed : int
        Of the run.
    device : mimic.training.devices.Device

    Attributes
    ----------
    tensors : dict of str to float32 tensor, shape (n_nets, ...)
        Of all nets; those of stacks at work are up to date after `state`.
    history : dict of str to float32 tensor, shape (n_nets, n_epochs)
        NaN where not trained yet.
    """

    def __init__(self, settings, shape, train, validation, seed, device):
        self.settings, self.shape, self.device, self.seed = settings, shape, device, seed
        self.nets = settings.nets()
        self.parts = parts_of(shape, self.nets, settings.training, device.torch_device.type == "cpu")
        self._train, self._validation = train, validation
        starts = {}
        for net in self.nets:
            key = (net.initialiser, net.seed)
            if key not in starts:
                starts[key] = initial_tensors(shape, net.initialiser, derive(seed, "shallow", net.seed))
        drawn = [starts[net.initialiser, net.seed] for net in self.nets]
        self.tensors = {name: torch.stack([tensors[name] for tensors in drawn]) for name in drawn[0]}
        n_kept = max(RULES[net.optimiser][1] for net in self.nets)
        weights = [name for name in self.tensors if not name.startswith(("norm_mean", "norm_variance"))]
        self._kept = {
            f"{name}.{i}": torch.zeros_like(self.tensors[name]) for name in weights for i in range(n_kept)
        }
        n, k = len(self.nets), settings.training.n_epochs
        self.history = {name: torch.full((n, k), torch.nan) for name in HISTORY}
        self._sums = {name: torch.zeros(n, dtype=torch.float64) for name in ("loss", "correct")}
        self._part, self._epoch, self._seen = 0, 0, 0
        self._stack = None

    @property
    def n_steps(self):
        """Epochs of all stacks."""
        return len(self.parts) * self.settings.training.n_epochs

    @property
    def epochs_done(self):
        """Epochs of stacks that are over."""
        return self._part * self.settings.training.n_epochs + self._epoch

    def train(self, on_epoch=None, between_steps=None, after_epoch=None):
        """Train all that is left.

        Parameters
        ----------
        on_epoch : callable, EpochOfStack -> None
        between_steps, after_epoch : callable, optional
            Called without arguments where all state can be kept; may raise.
        """
        with own_stream(self.device):
            while self._part < len(self.parts):
                if self._stack is None:
                    self._open_stack()
                record = self._train_epoch(between_steps)
                self._close_epoch()
                if on_epoch is not None:
                    on_epoch(record)
                if after_epoch is not None:
                    after_epoch()

    def _open_stack(self):
        part = self.parts[self._part]
        tensors = {name: tensor[part.rows] for name, tensor in self.tensors.items()}
        self._stack = Stack(
            self.shape,
            self.nets[part.rows],
            tensors,
            self.settings.training,
            self.device,
            self._train,
            part.n_images,
        )
        own = self._stack.tensors()
        for name, tensor in (self._kept | self._sums).items():
            if name in own:
                own[name].copy_(tensor[part.rows])
        self._stack.optimiser.count.fill_(self._epoch * self._steps_an_epoch() + self._steps(self._seen))

    def _steps(self, n_images):
        return -(-n_images // self.settings.training.batch_size)

    def _steps_an_epoch(self):
        return self._steps(len(self._train[1]))

    def _train_epoch(self, between_steps):
        stack, n, size = self._stack, len(self._train[1]), self.settings.training.batch_size
        started = time.perf_counter()
        stack.begin(order_of(self.seed, self._epoch, n), self._seen)
        first = self._seen
        while self._seen < n:
            stack.step(min(size, n - self._seen))
            self._seen += min(size, n - self._seen)
            if between_steps is not None:
                between_steps()
        loss, accuracy = stack.evaluate(*self._validation, between_steps)
        measured = (stack.loss / n, stack.correct / n, loss, accuracy)
        rows = self.parts[self._part].rows
        for name, values in zip(HISTORY, measured, strict=True):
            self.history[name][rows, self._epoch] = values.cpu().float()
        seconds = time.perf_counter() - started
        finite = [values[values.isfinite()] for values in (measured[0], measured[3])]
        means = [values.mean().item() if len(values) else float("nan") for values in finite]
        return EpochOfStack(*means, (n - first) * len(stack) / seconds)

    def _close_epoch(self):
        self._epoch, self._seen = self._epoch + 1, 0
        self._keep_stack()
        if self._epoch == self.settings.training.n_epochs:
            self._stack, self._part, self._epoch = None, self._part + 1, 0

    def _keep_stack(self):
        """Copy what the stack at hand has changed to the tensors of all nets."""
        if self._stack is None:
            return
        rows = self.parts[self._part].rows
        own = self._stack.tensors()
        for name, tensor in (self.tensors | self._kept | self._sums).items():
            if name in own:
                tensor[rows] = own[name].detach().cpu()

    def state(self):
        """Where the training stands, as a `mimic.training.state.State`."""
        self._keep_stack()
        tensors = {**self.tensors, **self._kept, **self._sums}
        tensors |= {f"history.{name}": values for name, values in self.history.items()}
        place = torch.tensor([self._part, self._epoch, self._seen])
        return State({**tensors, "place": place}, [], self._seen, 0.0)

    def restore(self, state):
        """Stand where a training of the same group with the same settings stood; before the first step.

        Raises
        ------
        ValueError
            If it is the state of another training; nothing is changed then.
        """
        own = self.state().tensors
        for name in sorted({*own, *state.tensors}):
            layouts = [
                f"{of[name].dtype} {tuple(of[name].shape)}" if name in of else "nothing"
                for of in (own, state.tensors)
            ]
            if layouts[0] != layouts[1]:
                raise ValueError(f"{name}: expected {layouts[0]}, got {layouts[1]}")
        part, epoch, seen = state.tensors["place"].tolist()
        n, k = len(self._train[1]), self.settings.training.n_epochs
        within = 0 <= part <= len(self.parts) and 0 <= epoch < k and 0 <= seen <= n
        if not within or (seen % self.settings.training.batch_size and seen != n):
            raise ValueError(f"place: part {part}, epoch {epoch}, image {seen} is none of this training")
        for name, tensor in own.items():
            tensor.copy_(state.tensors[name])
        self._part, self._epoch, self._seen = part, epoch, seen
