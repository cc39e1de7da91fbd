"""The teacher as later stages see it: read from its file, frozen; and the imitation net that it gives."""

import torch

from mimic.cli import InputError
from mimic.win.imitation import ImitationNet
from mimic.win.nets import NetSpec
from mimic.win.resnet import BLOCKS
from mimic.win.store import load_state, read_settings


def read_teacher(path, settings, place):
    """A teacher from its file.

    Parameters
    ----------
    path : path
    settings : mimic.win.settings.Stage
        With `net` and `widen`: the teacher that is expected.
    place : mimic.win.stage.Place

    Returns
    -------
    net : torch.nn.Module
        On the device, frozen and in evaluation mode.
    digest : str
        Of its weights.

    Raises
    ------
    InputError
        If the file is none of weights, or another net's.
    """
    wanted = settings.net.spec(place.n_classes, settings.widen)
    found = read_settings(path, "net")
    if found != wanted:
        raise InputError(f"{path}: expected a net of {_words(wanted)}, got {_words(found)}")
    net = NetSpec(**wanted).build()
    digest = load_state(path, "net", net)
    return place.device.place(net.requires_grad_(False)).eval(), digest


def _words(settings):
    if not isinstance(settings, dict):
        return str(settings)[:60]
    return ", ".join(f"{key} {str(value)[:20]}" for key, value in sorted(settings.items()))[:300]


def read_before(path, settings, stage, seed, place, net):
    """Give an imitation net the weights that the stage before left.

    Parameters
    ----------
    path : path
    settings : mimic.win.settings.ImitationStage or mimic.win.settings.MergeStage
    stage : str
        ``block1`` to ``block4`` or ``finetuned``.
    seed : int
        Of the thin net.
    place : mimic.win.stage.Place
    net : mimic.win.imitation.ImitationNet

    Returns
    -------
    str
        Digest of the weights.

    Raises
    ------
    InputError
        If the file is none of weights, or of another stage, seed or net.
    """
    wanted = imitation_settings(settings, place.n_classes, stage, seed)
    found = read_settings(path, "imitation")
    if found != wanted:
        raise InputError(f"{path}: expected an imitation net of {_words(wanted)}, got {_words(found)}")
    return load_state(path, "imitation", net)


def imitation_settings(settings, n_classes, stage, seed):
    """What an imitation net is built from and which stage left it, as its file says it."""
    return {
        "stage": stage,
        "seed": seed,
        **settings.net.spec(n_classes, settings.widen),
        "pairs": settings.pairs,
        "classifier": settings.classifier,
    }


def imitation_net(settings, teacher, seed, place):
    """An untrained imitation net.

    Parameters
    ----------
    settings : mimic.win.settings.ImitationStage
    teacher : torch.nn.Module
    seed : int
    place : mimic.win.stage.Place

    Returns
    -------
    student : torch.nn.Module
        The plain net, whose parameters are the imitation net's.
    net : mimic.win.imitation.ImitationNet
        On the device.
    """
    student = place.placed(NetSpec(**settings.net.spec(place.n_classes)).build(seed))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = ImitationNet(
            student,
            teacher,
            BLOCKS,
            BLOCKS,
            place.images.image_shape,
            settings.pairs,
            settings.classifier == "teacher",
        )
    return student, place.device.place(net)
