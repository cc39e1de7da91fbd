"""A net in training on a device, and the epoch that it is trained on.

Everything that a step needs lies on the device, and everything that changes from step to step (position in
the epoch, learning rate, sums of the loss) lies in tensors: so a step needs nothing from Python, and on a
GPU it is one CUDA graph from the gathering of images to the optimiser. Python waits for the device once an
epoch, to read three numbers.
"""

import contextlib

import torch

from mimic.augment.render import standardise
from mimic.training.evaluate import predict, score_tensors
from mimic.training.graph import Replayable

_PREPARE = 2048  # images standardised at once where a whole epoch is
_STEPS_A_GRAPH = 8  # one call from Python starts so many steps of a net
_EVALUATE = {"cpu": 512, "cuda": 2500}  # images a forward pass; four passes for the paper's 10,000


class EpochBuffers:
    """The epoch that is trained on, shared by all nets that are trained together.

    Where graphs are captured its tensors stay at their addresses, and all images are standardised at once,
    in the arithmetic of the nets: once for all of them, in kernels large enough for the card. Elsewhere a
    batch is standardised when it is taken, while it is in the cache.

    Parameters
    ----------
    device : mimic.training.devices.Device
    """

    def __init__(self, device):
        self.device = device
        self.targets = None
        self._rows = None

    def fill(self, images, targets):
        """Take the next epoch.

        Parameters
        ----------
        images : uint8 tensor, shape (n, 3, 32, 32)
            On the device, in order.
        targets : tensor, shape (n, ...)

        Raises
        ------
        ValueError
            If there are not as many targets as images, or another number than before where addresses stay.
        """
        if len(images) != len(targets):
            raise ValueError(f"expected as many targets as images, got {len(targets)} and {len(images)}")
        if not self.device.prepares:
            self._rows, self.targets = images, targets
            return
        n_values = images[0].numel()
        if self._rows is None:
            self._rows = images.new_empty((len(images), n_values), dtype=self.device.dtype)
            self.targets = torch.empty_like(targets)
        if len(images) != len(self._rows) or targets.shape != self.targets.shape:
            raise ValueError(f"expected {len(self._rows)} images an epoch, got {len(images)}")
        for start in range(0, len(images), _PREPARE):
            pixels = standardise(images[start : start + _PREPARE])
            if self.device.channels_last:
                pixels = pixels.permute(0, 2, 3, 1)
            self._rows[start : start + _PREPARE] = pixels.reshape(-1, n_values)
        self.targets.copy_(targets)

    def __len__(self):
        return len(self._rows)

    def take(self, rows):
        """Standardised images (b, 3, 32, 32) and targets (b, ...) of some rows, int64 (b,)."""
        images, targets = self._rows.index_select(0, rows), self.targets.index_select(0, rows)
        if not self.device.prepares:
            images = standardise(images)
        elif self.device.channels_last:
            images = images.view(-1, 32, 32, 3).permute(0, 3, 1, 2)
        else:
            images = images.view(-1, 3, 32, 32)
        return images, targets


class Trainer:
    """One net with its optimiser: SGD with Nesterov momentum (Urban 2.6).

    Parameters
    ----------
    net : torch.nn.Module
        On the device.
    optimiser : mimic.training.loop.Optimiser
    loss_function : callable, (logits, targets) -> tensor of shape ()
        Mean over the batch.
    batch_size : int
    epoch : EpochBuffers
    validation : (images, labels)
        uint8 (n, 3, 32, 32) and int64 (n,), on the device.
    torch_seed : int
        Seed of dropout.
    """

    def __init__(self, net, optimiser, loss_function, batch_size, epoch, validation, torch_seed):
        self.net, self.loss_function, self.epoch, self.validation = net, loss_function, epoch, validation
        self.batch_size = batch_size
        self.device = epoch.device.suited_to(net)
        place = {"device": self.device.torch_device}
        self._rate = torch.tensor(optimiser.learning_rate, dtype=torch.float32, **place)
        self._position = torch.zeros((), dtype=torch.int64, **place)
        self._offsets = torch.arange(batch_size, **place)
        self._loss = torch.zeros((), dtype=torch.float64, **place)
        self._scores = torch.zeros(2, dtype=torch.float64, **place)
        self._sgd = torch.optim.SGD(
            net.parameters(),
            lr=optimiser.learning_rate,
            momentum=optimiser.momentum,
            weight_decay=optimiser.weight_decay,
            nesterov=optimiser.momentum > 0,
            fused=True,
        )
        self._sgd.param_groups[0]["lr"] = self._rate
        if optimiser.momentum > 0:
            # What the first step would allocate; zeros lead to the same first step.
            for parameter in net.parameters():
                self._sgd.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        on_gpu = self.device.torch_device.type == "cuda"
        self._stream = torch.cuda.Stream(self.device.torch_device) if on_gpu else None
        if on_gpu:
            self._generator = torch.Generator(self.device.torch_device).manual_seed(torch_seed)
        else:
            self._generator = torch.default_generator
            self._random_state = torch.Generator().manual_seed(torch_seed).get_state()
        self.seen = 0  # images of the epoch that steps were started on
        self._steps = {}
        self._evaluate = Replayable(self._evaluate_once, self.device, [self._scores])

    def tensors(self):
        """Weights, momentum and the sum of the loss, by name: the very tensors that a step changes."""
        named = {}
        for name, parameter in self.net.named_parameters():
            named[f"weights.{name}"] = parameter.detach()
            if parameter in self._sgd.state:
                named[f"momentum.{name}"] = self._sgd.state[parameter]["momentum_buffer"]
        return {**named, "loss": self._loss}

    def state(self):
        """All tensors that a step changes: weights, momentum, sum of the loss, position."""
        return [*self.tensors().values(), self._position]

    def kept(self):
        """What the next steps depend on, on the CPU: `tensors`, and where dropout's random numbers stand.

        On a processor they are the tensors themselves: use them before the next step.
        """
        with self.turn():
            tensors = {name: tensor.cpu() for name, tensor in self.tensors().items()}
        on_cpu = self._stream is None
        return {**tensors, "random_state": self._random_state if on_cpu else self._generator.get_state()}

    @torch.no_grad()
    def restore(self, tensors, seen):
        """Stand where `kept` was taken, `seen` images into an epoch; before the first step.

        Values are copied into the tensors that are there, since graphs are captured on their addresses.

        Raises
        ------
        RuntimeError
            If the random state is none; nothing is changed then.
        """
        random_state = tensors["random_state"]
        if self._stream is None:
            torch.Generator().set_state(random_state)
            self._random_state = random_state
        else:
            self._generator.set_state(random_state)
        for name, tensor in self.tensors().items():
            tensor.copy_(tensors[name])
        self.seen = seen

    @contextlib.contextmanager
    def turn(self):
        """Run what follows in the net's own stream of work and of random numbers.

        Dropout knows only the global generator: on a GPU its state is replaced by the net's own, which a
        graph captured meanwhile keeps; on the CPU it is set and read.
        """
        if self._stream is not None:
            shared = torch.cuda.default_generators[self._generator.device.index or 0]
            before = shared.graphsafe_get_state()
            shared.graphsafe_set_state(self._generator)
            try:
                with torch.cuda.stream(self._stream):
                    yield
            finally:
                shared.graphsafe_set_state(before)
            return
        before = torch.get_rng_state()
        torch.set_rng_state(self._random_state)
        try:
            yield
        finally:
            self._random_state = torch.get_rng_state()
            torch.set_rng_state(before)

    def begin(self, rate, start=0):
        """Stand at the start of the epoch, or `start` images into one that was begun, at a learning rate."""
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.current_stream(self.device.torch_device))
        with self.turn():
            self._rate.fill_(rate)
            self._position.fill_(start)
            if start == 0:
                self._loss.zero_()
        self.seen = start
        self.net.train()

    def step(self, size, count=1):
        """So many steps of SGD, each on the next `size` images; call it within `turn`."""
        if (size, count) not in self._steps:

            def steps():
                for _ in range(count):
                    self._step_once(size)

            self._steps[size, count] = Replayable(
                steps, self.device, self.state(), self._generator, warm_up=lambda: self._step_once(size)
            )
        self._steps[size, count]()
        self.seen += size * count

    def _step_once(self, size):
        images, targets = self.epoch.take(self._offsets[:size] + self._position)
        with self.device.autocast():
            logits = self.net(self.device.format(images))
        loss = self.loss_function(logits.float(), targets)
        self._sgd.zero_grad(set_to_none=True)
        loss.backward()
        self._sgd.step()
        self._loss.add_(loss.detach(), alpha=size)
        self._position.add_(size)

    def evaluate(self, poll=None):
        """Start scoring the net on the validation images; `read` waits for it.

        Parameters
        ----------
        poll : callable, optional
            Called before each forward pass, but where all are one graph; what it raises ends the scoring.
        """
        with self.turn():
            if self.device.graphs:
                self._evaluate()
            else:
                self._evaluate_once(poll)

    def _evaluate_once(self, poll=None):
        images, labels = self.validation
        batch_size = _EVALUATE.get(self.device.torch_device.type, 512)
        self._scores.copy_(score_tensors(predict(self.net, images, self.device, batch_size, poll), labels))

    def read(self):
        """Mean training loss an image, validation accuracy and cross-entropy, as floats."""
        with self.turn():
            loss, accuracy, cross_entropy = torch.cat([self._loss[None], self._scores]).tolist()
        return loss / len(self.epoch), accuracy, cross_entropy

    def close(self):
        """Give back the memory of graphs and gradients; the net stays."""
        # These refer to each other in circles, which would keep a graph until Python looks for such.
        self._steps.clear()
        self._evaluate = None
        self.net.zero_grad(set_to_none=True)


def train_epoch(trainers, rates, start=0, poll=None):
    """Each net passes over the epoch once; on a GPU their steps run side by side.

    Parameters
    ----------
    trainers : sequence of Trainer
        On one `EpochBuffers`, with one batch size.
    rates : sequence of float
        Learning rates, by net.
    start : int
        Images that all nets have passed already: a number of whole batches, or all images.
    poll : callable, optional
        Called between steps; what it raises ends the epoch, and `Trainer.seen` says where.
    """
    n, batch_size = len(trainers[0].epoch), trainers[0].batch_size
    n_full = n // batch_size - start // batch_size
    rest = n % batch_size if start < n else 0
    # On a processor a net keeps the cache for a whole epoch, on a GPU a small net leaves room for others.
    count = _STEPS_A_GRAPH if trainers[0].device.graphs else max(n_full, 1)
    if poll is not None and not trainers[0].device.graphs:
        count = 1  # a step of the largest nets takes seconds there
    turns = [(batch_size, count)] * (n_full // count) + [(batch_size, 1)] * (n_full % count)
    turns += [(rest, 1)] if rest else []
    for trainer, rate in zip(trainers, rates, strict=True):
        trainer.begin(rate, start)
    for size, count in turns:
        if poll is not None:
            poll()
        for trainer in trainers:
            with trainer.turn():
                trainer.step(size, count)
