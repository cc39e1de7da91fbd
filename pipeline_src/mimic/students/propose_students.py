"""Propose the next round of trials of a student study from the finished ones (Urban 2.8, 6.2, 6.3)."""

import sys

from mimic.cli import parse_settings, run_stage, stage_parser, whole_number
from mimic.config.students import HardLabelSpace, StudentSpace
from mimic.search.propose import propose
from mimic.search.rounds import read_finished, write_proposals
from mimic.students.families import parse_study
from mimic.students.space import student_space

STAGE = "mimic.students.propose_students"


def propose_students(study, search_space, trials, finished, seed, round_index):
    """Hyperparameters of a round of a study; every proposal is a net that can be built.

    Parameters
    ----------
    study : mimic.students.families.Study
    search_space : mimic.config.students.StudentSpace or HardLabelSpace
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
    return propose(student_space(study, search_space), len(trials), finished, seed, study.name, round_index)


def main(argv=None):
    parser = stage_parser(__doc__, STAGE)
    parser.add_argument("--study", required=True, help="name of the study, such as cnn2-10M")
    parser.add_argument("--search-space", required=True, help="`search_space` of the study's group, as JSON")
    parser.add_argument("--seed", type=whole_number(0), required=True, help="seed of the run")
    parser.add_argument("--round", type=whole_number(0), required=True, help="round, from 0")
    parser.add_argument(
        "--trials", type=whole_number(0), nargs="+", required=True, help="trial numbers of the round"
    )
    parser.add_argument("--finished", nargs="*", default=[], help="metrics.json of all earlier rounds")
    parser.add_argument("--proposals", required=True, help="file to write")
    args = parser.parse_args(argv)
    study = parse_study(args.study)
    model = HardLabelSpace if study.hard_label else StudentSpace
    space = parse_settings(model, args.search_space, "--search-space")
    finished = read_finished(args.finished)
    proposals = propose_students(study, space, args.trials, finished, args.seed, args.round)
    write_proposals(args.proposals, study.name, args.round, args.trials, proposals)


if __name__ == "__main__":
    sys.exit(run_stage(main))
