"""Why a part of the page is empty, a sentence each: not made yet, missing, or not to be read."""

from mimic.report.page.answers import best_student


def dataset_absence(results):
    """Whether the dataset that was not read is missing or unreadable; empty where none is due yet."""
    file = results.places.dataset.relative_to(results.places.folder)
    if results.places.dataset.exists():
        return f"The dataset, {file}, could not be read"
    if results.n_trials or results.ensemble is not None:
        return f"The dataset, {file}, is missing"
    return ""


def answers_absence(results, labels):
    """Why no confusions are shown."""
    if labels is None:
        told = dataset_absence(results)
        return f"{told}, and without its labels answers tell nothing." if told else _no_answers_yet()
    is_ensemble_known = results.ensemble is not None and not results.places.is_shared
    if is_ensemble_known or best_student(results) is not None:
        return "The predictions of the nets shown here are missing or could not be read."
    return _no_answers_yet()


def _no_answers_yet():
    return "No net’s answers are there yet."


def sheet_absence(results, labels):
    """Why no augmentations are shown."""
    if labels is not None:
        return "The images or the stored epochs could not be read."
    told = dataset_absence(results)
    return f"{told}, so that there are no images to show." if told else "No images are there yet."


def ensemble_absence(results):
    """Why no ensemble is shown."""
    places = results.places
    if not places.members.exists():
        return "Not selected yet."
    file = places.members.relative_to(places.folder)
    if results.teachers.trials is None:
        return f"{file} is there, but no teacher that it names."
    return f"{file} is there, but could not be read."
