"""What nets answer to the test images: confusions, agreement of nets, diversity of the ensemble."""

from dataclasses import dataclass

import numpy as np

from mimic.report.page.arrays import read_test_logits
from mimic.report.page.results import TEACHERS
from mimic.report.trials import best_trial

#: Larger matrices are no longer read; the commonest confusions are listed instead.
MAX_CLASSES = 24
N_CONFUSIONS = 10


@dataclass(frozen=True)
class Answers:
    """Classes that nets answer with.

    Parameters
    ----------
    members : dict of int to int64 array, shape (n_test,)
        Of each member of the ensemble, by trial, in the order of selection.
    ensemble : int64 array, shape (n_test,), or None
        Of the mean of their logits; None where a member's logits are missing.
    student : int64 array, shape (n_test,), or None
        Of the best student.
    student_name : str
        Its study and trial.
    """

    members: dict
    ensemble: np.ndarray | None
    student: np.ndarray | None
    student_name: str


def best_student(results):
    """The trial that is best on validation of all students that mimic, as a row, or None."""
    rows = [best_trial(trials) for trials in results.studies().values()]
    rows = [row for row in rows if row is not None]
    order = ("validation_accuracy", "validation_loss")
    return max(rows, key=lambda row: (row[order[0]], -row[order[1]]), default=None)


def read_answers(results, labels, reading):
    """Answers of the ensemble's members and of the best student.

    Parameters
    ----------
    results : mimic.report.page.results.Results
    labels : mimic.report.page.arrays.Labels
    reading : mimic.report.page.results.Reading

    Returns
    -------
    Answers
    """
    members, total = {}, 0.0
    chosen = [] if results.ensemble is None or results.places.is_shared else results.ensemble.members
    for trial in chosen:
        path = results.places.trial(TEACHERS, trial, "predictions.h5")
        logits = reading.read(read_test_logits, path, labels)
        if logits is not None and len(logits):
            members[trial] = logits.argmax(axis=1)
            total = total + logits.astype(np.float64)
    is_whole = bool(chosen) and len(members) == len(chosen)
    student, name = None, ""
    best = best_student(results)
    if best is not None:
        path = results.places.trial(best["study"], best["trial"], "predictions.h5")
        logits = reading.read(read_test_logits, path, labels)
        student = None if logits is None else logits.argmax(axis=1)
        name = f"{best['study']}, trial {best['trial']}"
    return Answers(members, total.argmax(axis=1) if is_whole else None, student, name)


def confusion(answers, labels):
    """Counts by true class (rows) and answer (columns), int64 array, shape (n_classes, n_classes)."""
    n = len(labels.class_names)
    return np.bincount(labels.test * n + answers, minlength=n * n).reshape(n, n)


def commonest_confusions(matrix, class_names):
    """The largest counts off the diagonal: dicts with true, answer, count and share_pct, of its class."""
    off = matrix.copy()
    np.fill_diagonal(off, 0)
    found = []
    for place in np.argsort(-off, axis=None, kind="stable")[:N_CONFUSIONS]:
        true, answer = divmod(int(place), len(matrix))
        if off[true, answer]:
            share = 100 * off[true, answer] / max(1, matrix[true].sum())
            names = {"true": class_names[true], "answer": class_names[answer]}
            found.append(names | {"count": int(off[true, answer]), "share_pct": float(share)})
    return found


def disagreement_pct(members):
    """Share of the test images, in percent, to which two members answer differently.

    Parameters
    ----------
    members : dict of int to int64 array, shape (n_test,)

    Returns
    -------
    float64 array, shape (n_members, n_members)
    """
    answers = np.stack(list(members.values()))
    return 100 * np.stack([(answers != row).mean(axis=1) for row in answers])


def agreement(ensemble, student, labels):
    """How often ensemble and student are right or wrong together, and the difference class by class.

    Returns
    -------
    dict
        Percent of the test images: both, ensemble_only, student_only, neither right, and same (the same
        answer); classes: a dict each with name, ensemble_pct, student_pct and difference, in the order of the
        differences.
    """
    right, also = ensemble == labels.test, student == labels.test
    shares = {
        "both": right & also,
        "ensemble_only": right & ~also,
        "student_only": ~right & also,
        "neither": ~right & ~also,
        "same": ensemble == student,
    }
    classes = []
    for label, name in enumerate(labels.class_names):
        chosen = labels.test == label
        if chosen.any():
            pair = [100 * float(correct[chosen].mean()) for correct in (right, also)]
            row = {"name": name, "ensemble_pct": pair[0], "student_pct": pair[1]}
            classes.append(row | {"difference": pair[1] - pair[0], "n": int(chosen.sum())})
    classes.sort(key=lambda row: row["difference"])
    return {key: 100 * float(value.mean()) for key, value in shares.items()} | {"classes": classes}
