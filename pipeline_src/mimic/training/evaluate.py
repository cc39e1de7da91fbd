"""Logits, error and cross-entropy of a net on plain (not augmented) images."""

import numpy as np
import torch
from torch.nn import functional

from mimic.augment.render import standardise


@torch.inference_mode()
def predict(net, images, device, batch_size=512, poll=None):
    """Logits of a net.

    Parameters
    ----------
    net : torch.nn.Module
        On the device; its mode (training or evaluation) is restored.
    images : uint8 tensor, shape (n, 3, 32, 32)
        On the device.
    device : mimic.training.devices.Device
    batch_size : int
        Images a forward pass.
    poll : callable, optional
        Called before each forward pass; what it raises ends the prediction.

    Returns
    -------
    float32 tensor, shape (n, n_classes)
        On the device.
    """
    was_training = net.training
    device = device.suited_to(net)
    net.eval()
    parts = []
    try:
        with device.autocast():
            for start in range(0, len(images), batch_size):
                if poll is not None:
                    poll()
                parts.append(net(device.format(standardise(images[start : start + batch_size]))).float())
    finally:
        net.train(was_training)
    return torch.cat(parts)


def score_tensors(logits, labels):
    """Accuracy and cross-entropy of logits, left on their device.

    Parameters
    ----------
    logits : float tensor, shape (n, n_classes)
    labels : int64 tensor, shape (n,)

    Returns
    -------
    float64 tensor, shape (2,)
        See `score`.
    """
    logits = logits.double()
    accuracy = (logits.argmax(dim=1) == labels).double().mean()
    return torch.stack([accuracy, functional.cross_entropy(logits, labels)])


def score(logits, labels):
    """Accuracy and cross-entropy of logits.

    Parameters
    ----------
    logits : float array or tensor, shape (n, n_classes)
    labels : int64 array or tensor, shape (n,)

    Returns
    -------
    accuracy : float
        Fraction of rows whose largest logit is the label's.
    cross_entropy : float
        Mean in nats, computed in float64.
    """
    logits = torch.as_tensor(np.asarray(logits) if not torch.is_tensor(logits) else logits)
    accuracy, cross_entropy = score_tensors(logits, torch.as_tensor(labels)).tolist()
    return accuracy, cross_entropy
