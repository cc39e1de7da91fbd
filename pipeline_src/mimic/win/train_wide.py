"""Train a wide teacher on labels (Zhou et al., stage 1)."""

import sys

from mimic.cli import run_stage
from mimic.win.nets import NetSpec
from mimic.win.objectives import on_labels
from mimic.win.settings import WideStage
from mimic.win.stage import (
    finish,
    n_parameters,
    parsed,
    place_of,
    provenance,
    stage_seed,
    train,
    training_parser,
)

STAGE = "mimic.win.train_wide"


def train_wide(net, settings, place):
    """A net in training on labels, along one cosine.

    Parameters
    ----------
    net : torch.nn.Module
        On the device.
    settings : mimic.win.settings.Stage
        With a `schedule`.
    place : mimic.win.stage.Place

    Returns
    -------
    mimic.win.run.Run
    """
    return place.run(net, on_labels(place, settings.schedule.label_smoothing), settings)


def main(argv=None):
    args, settings = parsed(training_parser(__doc__, STAGE), WideStage, STAGE, argv)
    seed = stage_seed(args.seed, settings, "teacher", settings.widen)
    with place_of(args, settings, "train_wide", seed) as place:
        spec = NetSpec(**settings.net.spec(place.n_classes, settings.widen))
        net = place.placed(spec.build(seed))
        made_from = provenance(STAGE, settings, seed, dataset=place.digest)
        run = train_wide(net, settings, place)
        checkpoint = train(run, args, place, made_from, f"teacher of {n_parameters(net):,} parameters")
        state = ("net", spec.model_dump(), net.state_dict())
        found = {"widen": settings.widen, "n_parameters": n_parameters(net)}
        finish(args, settings, place, run, checkpoint, state, made_from, **found)


if __name__ == "__main__":
    sys.exit(run_stage(main))
