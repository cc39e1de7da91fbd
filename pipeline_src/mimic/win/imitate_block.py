"""Let a block, and those before it, imitate the teacher's: one of stage 2 (Zhou et al., section 3)."""

import sys

from mimic.cli import InputError, run_stage, whole_number
from mimic.seeding import derive
from mimic.win.imitation import Prefix, TeacherBlocks
from mimic.win.objectives import on_blocks
from mimic.win.resnet import BLOCKS
from mimic.win.settings import ImitationStage
from mimic.win.stage import finish, parsed, place_of, provenance, stage_seed, train, training_parser
from mimic.win.teacher import imitation_net, imitation_settings, read_before, read_teacher

STAGE = "mimic.win.imitate_block"


def imitate_block(net, block, teacher, teacher_blocks, settings, place):
    """Blocks 1 to `block` of an imitation net in training on the output of the teacher's block.

    Those after it are no part of what is trained; the teacher is frozen.

    Parameters
    ----------
    net : mimic.win.imitation.ImitationNet
        On the device, as block `block` - 1 left it.
    block : int
        From 1.
    teacher : torch.nn.Module
        On the device.
    teacher_blocks : sequence of str
        Its modules that are imitated.
    settings : mimic.win.settings.ImitationStage
        With an ImitationSchedule.
    place : mimic.win.stage.Place

    Returns
    -------
    mimic.win.run.Run
    """
    wide = TeacherBlocks(teacher, teacher_blocks, block)
    objective = on_blocks(wide, place, settings.schedule.n_probe)
    return place.run(Prefix(net, block), objective, settings, 1 + settings.schedule.restarts)


def main(argv=None):
    parser = training_parser(__doc__, STAGE)
    parser.add_argument("--repetition", type=whole_number(0), required=True, help="seed of the thin net")
    parser.add_argument("--teacher", required=True, help="weights of the teacher")
    parser.add_argument("--block", type=whole_number(1), required=True, help=f"from 1 to {len(BLOCKS)}")
    parser.add_argument("--before", nargs="?", help="weights that the block before left; not for block 1")
    args, settings = parsed(parser, ImitationStage, STAGE, argv)
    if args.block > len(BLOCKS):
        raise InputError(f"--block: expected 1 to {len(BLOCKS)}, got {args.block}")
    if (args.block == 1) == bool(args.before):
        raise InputError(
            f"--before: expected {'none' if args.block == 1 else 'a file'} for block {args.block}"
        )
    seed = stage_seed(args.seed, settings, "student", args.repetition)
    with place_of(args, settings, "imitate_block", derive(seed, "block", args.block)) as place:
        teacher, digest = read_teacher(args.teacher, settings, place)
        _, net = imitation_net(settings, teacher, seed, place)
        sources = {"dataset": place.digest, "teacher": digest}
        if args.before:
            before = f"block{args.block - 1}"
            sources["before"] = read_before(args.before, settings, before, seed, place, net)
        made_from = provenance(STAGE, settings, seed, **sources)
        run = imitate_block(net, args.block, teacher, BLOCKS, settings, place)
        checkpoint = train(run, args, place, made_from, f"block {args.block} of {len(BLOCKS)}")
        state = (
            "imitation",
            imitation_settings(settings, place.n_classes, f"block{args.block}", seed),
            net.state_dict(),
        )
        found = {"repetition": args.repetition, "widen": settings.widen, "block": args.block}
        finish(args, settings, place, run, checkpoint, state, made_from, **found)


if __name__ == "__main__":
    sys.exit(run_stage(main))
