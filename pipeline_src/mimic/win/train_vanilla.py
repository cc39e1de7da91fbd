"""Train a thin net on labels alone, as long as stages 2 and 3 take: baseline Vanilla (Zhou et al., 4.1)."""

import sys

from mimic.cli import run_stage, whole_number
from mimic.win.nets import NetSpec
from mimic.win.objectives import on_labels
from mimic.win.settings import VanillaStage
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

STAGE = "mimic.win.train_vanilla"


def train_vanilla(net, settings, place):
    """A thin net in training on labels; parameters and result as of `mimic.win.train_wide.train_wide`."""
    return place.run(net, on_labels(place, settings.schedule.label_smoothing), settings)


def main(argv=None):
    parser = training_parser(__doc__, STAGE)
    parser.add_argument("--repetition", type=whole_number(0), required=True, help="seed of the thin net")
    args, settings = parsed(parser, VanillaStage, STAGE, argv)
    seed = stage_seed(args.seed, settings, "student", args.repetition)
    with place_of(args, settings, "train_vanilla", seed) as place:
        spec = NetSpec(**settings.net.spec(place.n_classes))
        net = place.placed(spec.build(seed))
        made_from = provenance(STAGE, settings, seed, dataset=place.digest)
        run = train_vanilla(net, settings, place)
        checkpoint = train(run, args, place, made_from, f"vanilla net of {n_parameters(net):,} parameters")
        state = ("net", spec.model_dump(), net.state_dict())
        found = {"repetition": args.repetition, "n_parameters": n_parameters(net)}
        finish(args, settings, place, run, checkpoint, state, made_from, **found)


if __name__ == "__main__":
    sys.exit(run_stage(main))
