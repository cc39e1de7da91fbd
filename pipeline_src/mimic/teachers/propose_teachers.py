"""Propose the next round of teacher trials from the finished ones (Urban 2.6, 2.7)."""

import sys

from mimic.cli import parse_settings, run_stage, stage_parser, whole_number
from mimic.config.teachers import TeacherSpace
from mimic.search.propose import propose
from mimic.search.rounds import read_finished, write_proposals
from mimic.teachers.space import teacher_space

STAGE = "mimic.teachers.propose_teachers"


def propose_teachers(search_space, trials, finished, seed, round_index):
    """Hyperparameters of a round of teachers.

    Parameters
    ----------
    search_space : mimic.config.teachers.TeacherSpace
    trials : sequence of int
        Trial numbers of the round.
    finished : sequence of FinishedTrial
        Of earlier rounds.
    seed : int
        Of the run.
    round_index : int

    Returns
    -------
    list of dict
    """
    return propose(teacher_space(search_space), len(trials), finished, seed, "teachers", round_index)


def main(argv=None):
    parser = stage_parser(__doc__, STAGE)
    parser.add_argument("--search-space", required=True, help="`teachers.search_space`, as JSON")
    parser.add_argument("--seed", type=whole_number(0), required=True, help="seed of the run")
    parser.add_argument("--round", type=whole_number(0), required=True, help="round, from 0")
    parser.add_argument(
        "--trials", type=whole_number(0), nargs="+", required=True, help="trial numbers of the round"
    )
    parser.add_argument("--finished", nargs="*", default=[], help="metrics.json of all earlier rounds")
    parser.add_argument("--proposals", required=True, help="file to write")
    args = parser.parse_args(argv)
    space = parse_settings(TeacherSpace, args.search_space, "--search-space")
    finished = read_finished(args.finished)
    proposals = propose_teachers(space, args.trials, finished, args.seed, args.round)
    write_proposals(args.proposals, "teachers", args.round, args.trials, proposals)


if __name__ == "__main__":
    sys.exit(run_stage(main))
