"""Train the whole imitation net on the teacher's probabilities (Zhou et al., stage 3)."""

import sys

from mimic.cli import run_stage, whole_number
from mimic.seeding import derive
from mimic.win.objectives import on_teacher
from mimic.win.resnet import BLOCKS
from mimic.win.settings import ImitationStage
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
from mimic.win.teacher import imitation_net, imitation_settings, read_before, read_teacher

STAGE = "mimic.win.finetune"


def finetune(net, teacher, settings, place):
    """An imitation net in training on the teacher's probabilities.

    Parameters
    ----------
    net : mimic.win.imitation.ImitationNet
        On the device, as the last block left it.
    teacher : torch.nn.Module
        On the device, frozen.
    settings : mimic.win.settings.ImitationStage
    place : mimic.win.stage.Place

    Returns
    -------
    mimic.win.run.Run
    """
    return place.run(net, on_teacher(teacher, place), settings)


def main(argv=None):
    parser = training_parser(__doc__, STAGE)
    parser.add_argument("--repetition", type=whole_number(0), required=True, help="seed of the thin net")
    parser.add_argument("--teacher", required=True, help="weights of the teacher")
    parser.add_argument("--before", required=True, help="weights that the last block left")
    args, settings = parsed(parser, ImitationStage, STAGE, argv)
    seed = stage_seed(args.seed, settings, "student", args.repetition)
    with place_of(args, settings, "finetune", derive(seed, "finetune")) as place:
        teacher, digest = read_teacher(args.teacher, settings, place)
        _, net = imitation_net(settings, teacher, seed, place)
        before = read_before(args.before, settings, f"block{len(BLOCKS)}", seed, place, net)
        made_from = provenance(STAGE, settings, seed, dataset=place.digest, teacher=digest, before=before)
        run = finetune(net, teacher, settings, place)
        checkpoint = train(run, args, place, made_from, f"imitation net of {n_parameters(net):,} parameters")
        state = (
            "imitation",
            imitation_settings(settings, place.n_classes, "finetuned", seed),
            net.state_dict(),
        )
        found = {"repetition": args.repetition, "widen": settings.widen}
        finish(args, settings, place, run, checkpoint, state, made_from, **found)


if __name__ == "__main__":
    sys.exit(run_stage(main))
