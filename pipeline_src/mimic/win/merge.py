"""Merge all pairs of a trained imitation net: the thin net with other weights (Zhou et al., section 3)."""

import sys

from mimic.cli import InputError, run_stage, whole_number
from mimic.win.nets import NetSpec
from mimic.win.objectives import scores
from mimic.win.settings import MergeStage
from mimic.win.stage import (
    n_parameters,
    parsed,
    place_of,
    provenance,
    stage_seed,
    training_parser,
    write_net_metrics,
)
from mimic.win.store import WEIGHTS, load_state, write_state
from mimic.win.teacher import imitation_net, read_teacher

STAGE = "mimic.win.merge"
#: Accuracies of the merged and of the unmerged net may differ by so much, through rounding of logits.
TOLERANCE = 0.005


def merge(net, student):
    """Give a thin net the weights with which it does what its imitation net does.

    Parameters
    ----------
    net : mimic.win.imitation.ImitationNet
    student : torch.nn.Module
        The net that it was made of; its state is replaced.

    Returns
    -------
    torch.nn.Module
        The student.
    """
    student.load_state_dict(net.merged())
    return student


def main(argv=None):
    parser = training_parser(__doc__, STAGE)
    parser.add_argument("--repetition", type=whole_number(0), required=True, help="seed of the thin net")
    parser.add_argument("--teacher", required=True, help="weights of the teacher")
    parser.add_argument("--trained", required=True, help="weights of the imitation net")
    args, settings = parsed(parser, MergeStage, STAGE, argv)
    seed = stage_seed(args.seed, settings, "student", args.repetition)
    with place_of(args, settings, "merge", seed) as place:
        teacher, _ = read_teacher(args.teacher, settings, place)
        student, net = imitation_net(settings, teacher, seed, place)
        digest = load_state(args.trained, "imitation", net)
        before = scores(net, place)
        merge(net, student)
        found = scores(student, place)
        difference = abs(found["test_accuracy"] - before["test_accuracy"])
        if difference > TOLERANCE:
            raise InputError(
                f"{args.trained}: merged, the accuracy is {found['test_accuracy']:.4f}, unmerged "
                f"{before['test_accuracy']:.4f}: expected the same but for rounding"
            )
        spec = NetSpec(**settings.net.spec(place.n_classes))
        weights = write_state(args.out / WEIGHTS, "net", spec.model_dump(), student.state_dict())
        write_net_metrics(
            args.out,
            settings,
            place,
            provenance(STAGE, settings, seed, dataset=place.digest, trained=digest),
            repetition=args.repetition,
            widen=settings.widen,
            weights=weights,
            unmerged_accuracy=before["test_accuracy"],
            n_parameters=n_parameters(student),
            **found,
        )


if __name__ == "__main__":
    sys.exit(run_stage(main))
