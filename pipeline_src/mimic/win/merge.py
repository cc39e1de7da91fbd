"""Merge all pairs of a trained imitation net: the thin net with other weights (Zhou et al., section 3)."""

import sys

from mimic.cli import InputError, run_stage, whole_number
from mimic.win.exact import TOLERANCE, merging_error
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
from mimic.win.store import WEIGHTS, write_state
from mimic.win.teacher import imitation_net, read_before, read_teacher

STAGE = "mimic.win.merge"
#: Test images on which the merged net is compared with the unmerged one.
N_COMPARED = 16


def merge(net, student, images):
    """Give a thin net the weights with which it does what its imitation net does.

    Parameters
    ----------
    net : mimic.win.imitation.ImitationNet
    student : torch.nn.Module
        The net that it was made of; its state is replaced.
    images : float tensor, shape (n, channels, height, width)
        On which both are compared.

    Returns
    -------
    float
        Relative difference of their outputs, in float64.

    Raises
    ------
    InputError
        If it is more than rounding of weights to float32 explains; nothing is changed then.
    """
    state = net.merged()
    error = merging_error(net, student, images, state)
    if not error <= TOLERANCE:
        raise InputError(
            f"merged, the net's outputs differ by {error:.1g} of their size, expected at most {TOLERANCE:g}"
        )
    student.load_state_dict(state)
    return error


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
        digest = read_before(args.trained, settings, "finetuned", seed, place, net)
        before = scores(net, place)
        images, _ = next(place.images.tests(N_COMPARED))
        error = merge(net, student, images)
        found = scores(student, place)
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
            merging_error=error,
            n_parameters=n_parameters(student),
            **found,
        )


if __name__ == "__main__":
    sys.exit(run_stage(main))
