"""Greedy forward selection without replacement, on validation accuracy."""

import numpy as np


def accuracy_and_loss(logits, labels):
    """Accuracy and mean cross-entropy of logits.

    Parameters
    ----------
    logits : float64 array, shape (n, n_classes)
        Before softmax.
    labels : int64 array, shape (n,)

    Returns
    -------
    accuracy, cross_entropy : float
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_normaliser = np.log(np.exp(shifted).sum(axis=1))
    loss = (log_normaliser - shifted[np.arange(len(labels)), labels]).mean()
    return float((logits.argmax(axis=1) == labels).mean()), float(loss)


def select_greedily(logits, labels, n_members):
    """Members in the order of selection.

    At each step the net is added whose logits, averaged with those chosen so far, are most accurate on the
    validation images. Reading: the paper chose 16 nets "on validation accuracy" and says no more; ours is
    greedy, without replacement, ties by lower validation loss, then by lower trial number.

    Parameters
    ----------
    logits : dict of int to float array, shape (n, n_classes)
        Validation logits by trial.
    labels : int64 array, shape (n,)
    n_members : int

    Returns
    -------
    list of int
        Trial numbers.

    Raises
    ------
    ValueError
        If there are fewer trials than members.
    """
    if n_members > len(logits):
        raise ValueError(f"expected at least {n_members} trials, got {len(logits)}")
    total = np.zeros(next(iter(logits.values())).shape, np.float64)
    chosen, left = [], sorted(logits)
    while len(chosen) < n_members:
        ranks = []
        for trial in left:
            accuracy, loss = accuracy_and_loss((total + logits[trial]) / (len(chosen) + 1), labels)
            ranks.append((-accuracy, loss, trial))
        best = min(ranks)[-1]
        total += logits[best]
        chosen.append(best)
        left.remove(best)
    return chosen
