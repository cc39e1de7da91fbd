"""The losses of the step's stages, and how each is judged (Zhou et al., section 3; Hinton et al., 2015)."""

import torch
from torch.nn import functional

from mimic.win.run import Objective

#: Columns of a net's history beside those of every training.
SCORES = ("test_loss", "test_accuracy")
_BATCH = {"cpu": 250, "cuda": 500}


def batch_of(device):
    """Images of a forward pass without gradients."""
    return _BATCH.get(device.torch_device.type, 250)


def wide(tensor):
    """A tensor of an autocast's type in float32, in which losses are computed; others as they are."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def kl_to_teacher(logits, teacher_logits, temperature=1.0):
    """Kullback-Leibler divergence of a student's probabilities from the teacher's.

    Parameters
    ----------
    logits, teacher_logits : float tensor, shape (n, n_classes)
    temperature : float
        Divides both; the result is multiplied by its square, so that gradients keep their size.

    Returns
    -------
    tensor, shape ()
        Sum over classes, mean over the batch, in nats.
    """
    log_probabilities, of_teacher = (
        functional.log_softmax(values / temperature, 1) for values in (logits, teacher_logits)
    )
    return temperature**2 * functional.kl_div(
        log_probabilities, of_teacher, reduction="batchmean", log_target=True
    )


@torch.no_grad()
def scores(net, place):
    """Cross-entropy and accuracy of a net on the test images, in evaluation mode.

    Parameters
    ----------
    net : torch.nn.Module
        On the device.
    place : mimic.win.stage.Place

    Returns
    -------
    dict
        ``test_loss`` in nats, ``test_accuracy`` as a fraction.
    """
    net.eval()
    sums = torch.zeros(3, dtype=torch.float64, device=place.device.torch_device)
    for batch, labels in place.images.tests(batch_of(place.device)):
        with place.device.autocast():
            logits = net(place.device.format(batch))
        logits = wide(logits)
        sums[0] += functional.cross_entropy(logits, labels, reduction="sum")
        sums[1] += (logits.argmax(1) == labels).sum()
        sums[2] += len(labels)
    loss, correct, n = place.processes.sum(sums).tolist()
    return {"test_loss": loss / n, "test_accuracy": correct / n}


def on_labels(place, label_smoothing):
    """Objective of the teacher and of the vanilla baseline: cross-entropy on labels."""

    def loss(logits, _, labels):
        return functional.cross_entropy(wide(logits), labels, label_smoothing=label_smoothing)

    return Objective(loss, lambda net: scores(net, place), SCORES)


def on_teacher_and_labels(teacher, place, kd, label_smoothing):
    """Objective of the baseline KD: a blend of the teacher's softened probabilities and the labels."""

    def loss(logits, batch, labels):
        logits = wide(logits)
        soft = kl_to_teacher(logits, _logits(teacher, batch, place.device), kd.temperature)
        hard = functional.cross_entropy(logits, labels, label_smoothing=label_smoothing)
        return kd.hard_share * hard + (1 - kd.hard_share) * soft

    return Objective(loss, lambda net: scores(net, place), SCORES)


def on_teacher(teacher, place):
    """Objective of stage 3: the teacher's probabilities alone."""

    def loss(logits, batch, _):
        return kl_to_teacher(wide(logits), _logits(teacher, batch, place.device))

    return Objective(loss, lambda net: scores(net, place), SCORES)


@torch.no_grad()
def _logits(teacher, batch, device):
    with device.autocast():
        return wide(teacher(device.format(batch)))


def on_blocks(teacher_blocks, place, n_probe):
    """Objective of stage 2: mean squared distance from the output of the teacher's block.

    Judged, and kept where the training is restarted, by the distance on training images as they are, in
    evaluation mode: test images choose nothing. Relative to the mean square of the teacher's output, 0 is the
    same and 1 as far off as giving zeros.
    """

    device = place.device

    def loss(output, batch, _):
        return functional.mse_loss(wide(output), _output(teacher_blocks, batch, device))

    @torch.no_grad()
    def judge(prefix):
        prefix.eval()
        sums = torch.zeros(3, dtype=torch.float64, device=device.torch_device)
        for batch, labels in place.images.probe(batch_of(device), n_probe):
            with device.autocast():
                output = prefix(device.format(batch))
            wanted = _output(teacher_blocks, batch, device)
            sums[0] += functional.mse_loss(wide(output), wanted) * len(labels)
            sums[1] += wanted.square().mean() * len(labels)
            sums[2] += len(labels)
        distance, size, n = place.processes.sum(sums).tolist()
        return {"discrepancy": distance / n, "relative_discrepancy": distance / size if size else 0.0}

    return Objective(loss, judge, ("discrepancy", "relative_discrepancy"), keeps="discrepancy")


@torch.no_grad()
def _output(teacher_blocks, batch, device):
    with device.autocast():
        return wide(teacher_blocks(device.format(batch)))
