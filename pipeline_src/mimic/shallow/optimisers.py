"""Update rules of stacked nets, each with a learning rate of its own.

Element by element they are those of ``torch.optim``, whose optimisers know one rate for all.
"""

import torch


def rmsprop(training, rates, count, weight, gradient, square):
    """RMSprop without momentum, epsilon outside the root (Reading: as torch and Keras 2 write it)."""
    del count
    square.mul_(training.rho).addcmul_(gradient, gradient, value=1 - training.rho)
    weight.sub_(rates * gradient / (square.sqrt() + training.epsilon))


def sgd(training, rates, count, weight, gradient, velocity):
    """SGD with Nesterov momentum."""
    del count
    velocity.mul_(training.momentum).add_(gradient)
    weight.sub_(rates * (gradient + training.momentum * velocity))


def adam(training, rates, count, weight, gradient, mean, square):
    """Adam; `count`, a tensor of shape (), is the number of this step, from 1."""
    first, second = training.betas
    mean.mul_(first).add_(gradient, alpha=1 - first)
    square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
    root = (square / (1 - second**count)).sqrt() + training.epsilon
    weight.sub_(rates / (1 - first**count) * mean / root)


#: Rule and the number of tensors that it keeps for each weight.
RULES = {"rmsprop": (rmsprop, 1), "sgd": (sgd, 1), "adam": (adam, 2)}


class StackedOptimiser:
    """An update rule over stacked tensors.

    Parameters
    ----------
    rule : str
        A key of `RULES`.
    training : mimic.config.shallow.ShallowTraining
    weights : dict of str to float tensor, shape (n_nets, ...)
        Leaves that gradients are added to.
    rates : float tensor, shape (n_nets,)
        Learning rate of each net.
    """

    def __init__(self, rule, training, weights, rates):
        self._step, n_kept = RULES[rule]
        self._training, self._weights, self._rates = training, weights, rates
        self.count = torch.zeros((), dtype=rates.dtype, device=rates.device)
        self.kept = {
            name: [torch.zeros_like(tensor, requires_grad=False) for _ in range(n_kept)]
            for name, tensor in weights.items()
        }

    @torch.no_grad()
    def step(self):
        """One step of all nets by the gradients at hand."""
        self.count.add_(1)
        for name, weight in self._weights.items():
            rates = self._rates.view(-1, *[1] * (weight.ndim - 1))
            self._step(self._training, rates, self.count, weight, weight.grad, *self.kept[name])

    def tensors(self):
        """All that a step changes beside the weights, by name."""
        kept = {f"{name}.{i}": one for name, several in self.kept.items() for i, one in enumerate(several)}
        return {"count": self.count, **kept}
