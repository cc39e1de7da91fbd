"""Each study for the page: its curves, its search, what mattered in it, and the nets that it chose."""

import warnings

import numpy as np

from mimic.report import paper
from mimic.report.curves import N_BEST
from mimic.report.page.results import TEACHERS
from mimic.report.trials import PREFIX, ranked_trials

#: Below so many finished trials, importances are chance.
N_FOR_IMPORTANCE = 24


def study_title(study):
    """``4 conv. layers, 3 max-pool, 10M, on hard labels``."""
    if study.name == TEACHERS:
        return "Teachers"
    name = f"{paper.table2_names()[study.family]}, {study.budget}"
    return name + (", on hard labels" if study.is_hard else "")


def study_view(study, config):
    """What the page shows of a study that has trials.

    Parameters
    ----------
    study : mimic.report.page.results.Study
    config : mimic.config.whole.Config

    Returns
    -------
    dict
        name, title, n_trials, n_planned, n_diverged, seconds; best: rows of the best trials; names of the
        hyperparameters; importances: pairs of name and share; and ``plots``, JSON-ready.
    """
    frame, ranked = study.trials, ranked_trials(study.trials)
    names = [name.removeprefix(PREFIX) for name in frame.columns if name.startswith(PREFIX)]
    best = ranked.head(N_BEST).to_dict("records")
    for row in best:
        row["hyperparameters"] = [_short(row[PREFIX + name]) for name in names]
    return {
        "name": study.name,
        "title": study_title(study),
        "n_trials": len(frame),
        "n_planned": study.n_planned,
        "n_diverged": int((frame["status"] == "diverged").sum()),
        "seconds": float(frame["seconds"].sum()),
        "best": best,
        "names": names,
        "importances": importances(frame, names, _log_names(study, config)),
        "n_for_importance": N_FOR_IMPORTANCE,
        "plots": _plots(study, names, _log_names(study, config), best[0]["trial"] if best else None),
    }


def _short(value):
    """A hyperparameter with four digits; empty where the trial has none."""
    if value is None or value != value:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def _log_names(study, config):
    """Hyperparameters that the search draws on a log scale."""
    if study.name == TEACHERS:
        space = config.teachers.search_space
    else:
        space = (config.students.hard_label if study.is_hard else config.students).search_space
    return {name for name, value in space if getattr(value, "scale", None) == "log"}


def _plots(study, names, log_names, best):
    """Learning curves and the search, JSON-ready; accuracies in percent, None for diverged trials."""
    frame = study.trials
    values = [None if v != v else round(100 * v, 2) for v in frame["validation_accuracy"].tolist()]
    top, so_far = None, []
    for value in values:
        top = value if top is None or (value is not None and value > top) else top
        so_far.append(top)
    curves = [
        {"trial": trial, "epochs": history.epochs, "validation": history.validation_pct}
        for trial, history in sorted(study.histories.items())
    ]
    for curve in curves:
        if curve["trial"] == best:
            curve["loss"] = study.histories[best].train_loss
    slices = []
    for name in names:
        column = [None if v is None or v != v else float(f"{v:.4g}") for v in frame[PREFIX + name].tolist()]
        slices.append({"name": name, "values": column, "log": name in log_names})
    return {
        "best": best,
        "trials": frame["trial"].tolist(),
        "rounds": frame["round"].tolist(),
        "values": values,
        "so_far": so_far,
        "curves": curves,
        "slices": slices,
        "loss_name": "squared distance of logits" if frame["loss"].iloc[0] == "logit_l2" else "cross-entropy",
    }


def importances(frame, names, log_names):
    """Share of each hyperparameter in what tells the best tenth of the trials, by Optuna's PED-ANOVA.

    Parameters
    ----------
    frame : DataFrame
        Trials of one study.
    names : list of str
    log_names : set of str

    Returns
    -------
    list of (str, float), the largest first
        Empty with fewer than `N_FOR_IMPORTANCE` finished trials. A diverged trial counts as the worst, as the
        search itself takes it.
    """
    finished = frame["status"] == "finished"
    if finished.sum() < N_FOR_IMPORTANCE:
        return []
    import optuna

    points = {name: frame[PREFIX + name].astype("float64").to_numpy() for name in names}
    varied = {
        name: optuna.distributions.FloatDistribution(
            float(column.min()), float(column.max()), log=name in log_names and column.min() > 0
        )
        for name, column in points.items()
        if np.isfinite(column).all() and column.min() < column.max()
    }
    objective = frame["validation_accuracy"].fillna(frame["validation_accuracy"].min()).to_numpy()
    if not varied or objective.min() == objective.max():
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is experimental in Optuna
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction="maximize")
        study.add_trials(
            [
                optuna.trial.create_trial(
                    params={name: float(points[name][row]) for name in varied},
                    distributions=varied,
                    value=float(value),
                )
                for row, value in enumerate(objective)
            ]
        )
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return sorted(((name, float(share)) for name, share in shares.items()), key=lambda pair: -pair[1])
