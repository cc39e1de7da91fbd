"""Nets with equal tensors, trained as one: every operation has an axis of nets.

A small net leaves a processor idle between its operations. ``torch.func`` gives each tensor of the net an
axis of nets: their convolutions become one with groups, their dense layers one product of stacks of
matrices. Gradients of the sum of their losses are those of each, so that a stack is trained as a net is, and
no net sees another.
"""

import torch
import torch.nn.functional as F
from torch.func import functional_call, vmap

from mimic.shallow.nets import ResidualNet, tensor_shapes
from mimic.shallow.optimisers import StackedOptimiser
from mimic.training.graph import Replayable

_PARTS_EVALUATED = 3  # a part takes a third of the memory where nothing is kept for gradients


class Stack:
    """Nets in training on a device.

    Parameters
    ----------
    shape : mimic.shallow.grid.Shape
    nets : sequence of mimic.shallow.grid.NetSettings
        Equal in `mimic.shallow.grid.STACKED_BY`.
    tensors : dict of str to float tensor, shape (n_nets, ...)
        Weights and statistics, see `mimic.shallow.nets.tensor_shapes`; changed in place where they
        lie on the device.
    training : mimic.config.shallow.ShallowTraining
    device : mimic.training.devices.Device
    data : (images, labels)
        uint8 (n, channels, height, width) and int64 (n,), on the device.
    n_images : int
        Images of a batch that are passed at once.
    """

    def __init__(self, shape, nets, tensors, training, device, data, n_images):
        first, place = nets[0], device.torch_device
        self._net = ResidualNet(shape, first.layout, first.activation, first.padding).to(place)
        weights, statistics = tensor_shapes(shape)
        self.weights = {name: tensors[name].to(place).requires_grad_() for name in weights}
        self.statistics = {name: tensors[name].to(place) for name in statistics}
        self._images, self._labels = data
        self._device, self._n_images = device, n_images
        dtype = self.weights["stem_bias"].dtype
        rates = torch.tensor([net.learning_rate for net in nets], dtype=dtype, device=place)
        self.optimiser = StackedOptimiser(first.optimiser, training, self.weights, rates)
        for weight in self.weights.values():
            weight.grad = torch.zeros_like(weight)
        self._order = torch.arange(len(self._labels), device=place)
        self._position = torch.zeros((), dtype=torch.int64, device=place)
        self._offsets = torch.arange(training.batch_size, device=place)
        sums = torch.zeros(2, len(nets), dtype=torch.float64, device=place)
        self.loss, self.correct = sums  # over the epoch's images
        self._steps = {}

    def __len__(self):
        return len(self.loss)

    def tensors(self):
        """All tensors that a step changes, by name; each has an axis of nets, but ``count``."""
        weights = {name: weight.detach() for name, weight in self.weights.items()}
        sums = {"loss": self.loss, "correct": self.correct}
        return {**weights, **self.statistics, **self.optimiser.tensors(), **sums}

    def begin(self, order, seen=0):
        """Stand at the start of an epoch, or so many images into it.

        Parameters
        ----------
        order : int64 tensor, shape (n,)
            Rows of the data, as all nets pass them.
        """
        self._order.copy_(order)
        self._position.fill_(seen)
        if seen == 0:
            self.loss.zero_()
            self.correct.zero_()
        self._net.train()

    def step(self, size):
        """One optimiser's step of all nets on the next `size` images; on a GPU in no default stream."""
        if size not in self._steps:
            changed = [*self.tensors().values(), *(weight.grad for weight in self.weights.values())]
            self._steps[size] = Replayable(
                lambda: self._step_once(size), self._device, [*changed, self._position]
            )
        self._steps[size]()

    def _step_once(self, size):
        rows = self._order.index_select(0, self._offsets[:size] + self._position)
        for weight in self.weights.values():
            weight.grad.zero_()
        for part in rows.split(self._n_images):
            images, labels = self._images.index_select(0, part), self._labels.index_select(0, part)
            losses, correct = self._scores(images, labels)
            # Each net's loss depends on its weights alone: the gradient of the sum holds those of all.
            (losses.sum() / size).backward()
            self.loss.add_(losses.detach().sum(1))
            self.correct.add_(correct)
        self.optimiser.step()
        self._position.add_(size)

    def _scores(self, images, labels):
        """Cross-entropy of each net on each image (n_nets, b), and how many each has right (n_nets,)."""
        pixels = images.to(self.weights["stem_bias"].dtype) / 255
        logits = vmap(self._logits, in_dims=(0, 0, None))(self.weights, self.statistics, pixels)
        every = labels.expand(len(logits), -1)
        losses = F.cross_entropy(logits.flatten(0, 1), every.flatten(), reduction="none").view(every.shape)
        return losses, (logits.argmax(2) == every).sum(1)

    def _logits(self, weights, statistics, images):
        return functional_call(self._net, (weights, statistics), (images,))

    @torch.no_grad()
    def evaluate(self, images, labels, poll=None):
        """Cross-entropy and accuracy of each net, means over images.

        Parameters
        ----------
        images, labels
            As of the data.
        poll : callable, optional
            Called between parts; may raise.

        Returns
        -------
        loss, accuracy : float64 tensor, shape (n_nets,)
            On the device.
        """
        self._net.eval()
        sums = torch.zeros_like(self.loss), torch.zeros_like(self.loss)
        n = _PARTS_EVALUATED * self._n_images
        for start in range(0, len(labels), n):
            if poll is not None:
                poll()
            losses, correct = self._scores(images[start : start + n], labels[start : start + n])
            sums[0].add_(losses.double().sum(1))
            sums[1].add_(correct)
        return sums[0] / len(labels), sums[1] / len(labels)
