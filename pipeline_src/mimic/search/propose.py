"""The next round of trials: a scrambled Sobol round first, then batches from a Gaussian process.

There is no shared database: the study is rebuilt in memory from the finished trials each time. The same
trials and seed give the same proposals, in any process, and a killed job loses nothing.
"""

import math
import warnings

from scipy.stats import qmc

from mimic.cli import InputError
from mimic.seeding import derive


def sobol_points(space, n_points, seed, skip=0):
    """Points of a scrambled Sobol sequence.

    Parameters
    ----------
    space : sequence of Dimension
    n_points : int
    seed : int
    skip : int
        Points of the sequence to leave out at its start.

    Returns
    -------
    list of dict
    """
    sampler = qmc.Sobol(len(space), scramble=True, rng=seed)
    # A power of two keeps the sequence balanced; the points not asked for are dropped.
    units = sampler.random_base2(max(0, math.ceil(math.log2(skip + n_points))))[skip : skip + n_points]
    return [{d.name: d.from_unit(float(u)) for d, u in zip(space, row, strict=True)} for row in units]


def check_finished(space, finished):
    """Refuse finished trials that are no history of a search.

    Parameters
    ----------
    space : sequence of Dimension
    finished : sequence of FinishedTrial

    Raises
    ------
    InputError
        If one comes twice, lacks a dimension or lies outside the space.
    """
    numbers = set()
    for trial in finished:
        if trial.number in numbers:
            raise InputError(f"trial {trial.number} comes twice")
        numbers.add(trial.number)
        for dimension in space:
            value = trial.hyperparameters.get(dimension.name)
            if not dimension.contains(value):
                raise InputError(
                    f"trial {trial.number}: expected {dimension.name} in "
                    f"[{dimension.low}, {dimension.high}], got {value}"
                )


def distributions_of(space):
    """Optuna's distributions of a search space, by name."""
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        d.name: IntDistribution(d.low, d.high) if d.integer else FloatDistribution(d.low, d.high, log=d.log)
        for d in space
    }


def propose(space, n_proposals, finished, seed, study, round_index):
    """Hyperparameters of the next round.

    Parameters
    ----------
    space : sequence of Dimension
    n_proposals : int
        Trials of the round; they run side by side.
    finished : sequence of FinishedTrial
        All trials of all earlier rounds, in any order.
    seed : int
        Of the run.
    study : str
        Name, so that studies do not repeat each other's points.
    round_index : int
        0 for the quasi-random round.

    Returns
    -------
    list of dict
        A value for every dimension, inside its range.

    Raises
    ------
    InputError
        If a finished trial comes twice, lacks a dimension or lies outside the space.
    """
    check_finished(space, finished)
    values = [t.objective for t in finished if t.objective is not None]
    if round_index == 0 or not values:
        # Where every trial so far diverged there is nothing to model: go on along the same sequence.
        skip = len(finished)
        return sobol_points(space, n_proposals, derive(seed, study, "sobol"), skip)
    return _gaussian_process(space, n_proposals, finished, min(values), derive(seed, study, round_index))


def _gaussian_process(space, n_proposals, finished, worst, seed):
    """A batch from Optuna's GPSampler; trials that wait to run count as pending, so the batch spreads."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = distributions_of(space)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.GPSampler(seed=seed % 2**32, n_startup_trials=1)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        # The order of trials changes the answer, and the process drops failed ones: so sort them, and
        # give a diverged trial the worst finite objective.
        for trial in sorted(finished, key=lambda t: t.number):
            study.add_trial(
                optuna.trial.create_trial(
                    params={d.name: trial.hyperparameters[d.name] for d in space},
                    distributions=distributions,
                    value=worst if trial.objective is None else trial.objective,
                )
            )
        return [dict(study.ask(distributions).params) for _ in range(n_proposals)]
