"""Train a thin net on labels and the teacher's softened probabilities: the baseline KD (Zhou et al., 4.1)."""

import sys

from mimic.cli import run_stage, whole_number
from mimic.win.nets import NetSpec
from mimic.win.objectives import on_teacher_and_labels
from mimic.win.settings import KDStage
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
from mimic.win.teacher import read_teacher

STAGE = "mimic.win.train_kd"


def train_kd(net, teacher, settings, place):
    """A thin net in training on a blend of labels and teacher (Hinton et al., 2015).

    Parameters
    ----------
    net, teacher : torch.nn.Module
        On the device; the teacher is frozen.
    settings : mimic.win.settings.KDStage
    place : mimic.win.stage.Place

    Returns
    -------
    mimic.win.run.Run
    """
    objective = on_teacher_and_labels(teacher, place, settings.kd, settings.schedule.label_smoothing)
    return place.run(net, objective, settings)


def main(argv=None):
    parser = training_parser(__doc__, STAGE)
    parser.add_argument("--repetition", type=whole_number(0), required=True, help="seed of the thin net")
    parser.add_argument("--teacher", required=True, help="weights of the teacher")
    args, settings = parsed(parser, KDStage, STAGE, argv)
    seed = stage_seed(args.seed, settings, "student", args.repetition)
    with place_of(args, settings, "train_kd", seed) as place:
        teacher, digest = read_teacher(args.teacher, settings, place)
        spec = NetSpec(**settings.net.spec(place.n_classes))
        net = place.placed(spec.build(seed))
        made_from = provenance(STAGE, settings, seed, dataset=place.digest, teacher=digest)
        run = train_kd(net, teacher, settings, place)
        checkpoint = train(run, args, place, made_from, f"KD: net of {n_parameters(net):,} parameters")
        state = ("net", spec.model_dump(), net.state_dict())
        found = {"repetition": args.repetition, "widen": settings.widen, "n_parameters": n_parameters(net)}
        finish(args, settings, place, run, checkpoint, state, made_from, **found)


if __name__ == "__main__":
    sys.exit(run_stage(main))
