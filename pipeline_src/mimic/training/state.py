"""Where a training stands, as it is told and as it is kept. Imports no other part of the machinery."""

from dataclasses import dataclass


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
class State:
    """Where the training of a net stands: with the net, its settings and data, all that its rest depends on.

    The schedule is not in it: it follows from the history.

    Parameters
    ----------
    tensors : dict of str to tensor
        On the CPU: ``weights.NAME``, ``momentum.NAME``, ``best.NAME`` (weights of the best epoch, where those
        are not the weights), ``loss`` (sum over the epoch) and ``random_state`` (of dropout).
    history : list of EpochRecord
        The epochs that are done.
    seen : int
        Images of the epoch at hand that were trained on.
    epoch_seconds : float
        That the epoch at hand took so far.
    """

    tensors: dict
    history: list
    seen: int
    epoch_seconds: float
