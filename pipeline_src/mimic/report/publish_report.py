"""The report as one page of HTML: tables, figures, studies, ensemble, confusions, cost and provenance.

It is made from finished files only and opens anywhere, without a network.
"""

import sys
from pathlib import Path

import numpy as np

from mimic.artifact import write_text
from mimic.cli import parse_settings, run_stage, stage_parser
from mimic.config.whole import Config
from mimic.report.page import absences, answers, cost, figures, mimicking, tables, words
from mimic.report.page.arrays import read_labels
from mimic.report.page.augmentations import augmentation_sheet
from mimic.report.page.document import page_text
from mimic.report.page.provenance import provenance_view
from mimic.report.page.results import Reading, read_results
from mimic.report.page.studies import study_view


def publish_report(results, reading):
    """The page about a run, finished or not.

    Parameters
    ----------
    results : mimic.report.page.results.Results
    reading : mimic.report.page.results.Reading
        Reads the files that only the page needs; says what is to be done where one cannot be read.

    Returns
    -------
    str
        HTML, all in one.
    """
    places, config = results.places, results.config
    studies = [study_view(study, config) for study in results.all_studies() if study.trials is not None]
    labels = reading.read(read_labels, places.dataset)
    shards = [path for path in places.epochs(config) if path.exists()]
    sheet = reading.read(augmentation_sheet, places.dataset, shards)
    jobs, n_silent = cost.read_jobs(places.folder)
    occupation = cost.occupation(jobs)
    data = figures.figure_data(results)
    rows1, rows2 = data["figure1"], data["figure2"]
    data["compare"] = config.report.compare_with_paper
    data["steps"] = [] if results.ensemble is None else [s.model_dump() for s in results.ensemble.steps]
    data["studies"] = {study["name"]: study.pop("plots") for study in studies}
    data["occupation"] = occupation
    is_drawn = {"is_drawn": figures.has_students(rows1)}
    view = {
        "results": results,
        "question": words.question(results),
        "answer": words.answer(results),
        "source": words.source_name(config),
        "tiles": words.tiles(results),
        "data_n_best": data["n_best"],
        "rows1": rows1,
        "rows2": rows2,
        "table1": tables.table1_view(results),
        "table2": tables.table2_view(results),
        "mimicking": mimicking.mimicking_view(results, labels),
        "figure1": {"summary": figures.figure1_summary(rows1), "gaps": figures.gaps(rows1)} | is_drawn,
        "figure2": {"summary": figures.figure2_summary(rows2)} | is_drawn,
        "studies": studies,
        "waiting": [study for study in results.all_studies() if study.trials is None],
        "labels": labels,
        "sheet": sheet,
        "absences": {
            "ensemble": absences.ensemble_absence(results),
            "answers": absences.answers_absence(results, labels),
            "sheet": absences.sheet_absence(results, labels),
        },
        "cost": cost.cost_by_step(jobs),
        "n_silent": n_silent,
        "occupation": occupation,
        "answers": answers_view(results, labels, reading),
        "provenance": provenance_view(results, reading),
        "problems": [*results.problems, *reading.problems],
        "data": data,
    }
    return page_text(view)


def answers_view(results, labels, reading):
    """What nets answer to the test images, as far as their logits are there; see `mimic.report.page.answers`.

    Returns
    -------
    dict
        disagreement: rows of percent, or None; matrices: a dict each with title, rows and what is confused
        most; agreement: or None.
    """
    view = {"members": [], "disagreement": None, "matrices": [], "agreement": None, "student_name": ""}
    if labels is None:
        return view
    found = answers.read_answers(results, labels, reading)
    view |= {"members": list(found.members), "student_name": found.student_name}
    if len(found.members) > 1:
        shares = answers.disagreement_pct(found.members)
        pairs = shares[~np.eye(len(shares), dtype=bool)]
        view |= {"disagreement": shares.tolist(), "disagreement_range": (pairs.min(), pairs.max())}
    nets = {"The ensemble": found.ensemble, f"The best student: {found.student_name}": found.student}
    for title, given in nets.items():
        if given is not None:
            matrix = answers.confusion(given, labels)
            rows = matrix.tolist() if len(matrix) <= answers.MAX_CLASSES else None
            most = answers.commonest_confusions(matrix, labels.class_names)
            view["matrices"].append({"title": title, "rows": rows, "most": most})
    if found.ensemble is not None and found.student is not None:
        view["agreement"] = answers.agreement(found.ensemble, found.student, labels)
    return view


def page_of(folder, config, strict=True):
    """The page about the run in a folder; see `mimic.report.page.results.read_results`."""
    results = read_results(folder, config, strict)
    return publish_report(results, Reading(strict))


def main(argv=None):
    """Read a run's results, write the page."""
    parser = stage_parser(__doc__, "mimic.report.publish_report")
    # The files of thousands of trials do not fit on a command line: they are those that the config names.
    parser.add_argument("--results", required=True, metavar="FOLDER", help="results of the run")
    parser.add_argument("--config", required=True, metavar="JSON", help="the whole config")
    parser.add_argument("--out", required=True, metavar="HTML", help="page to write")
    arguments = parser.parse_args(argv)

    config = parse_settings(Config, arguments.config, "--config")
    write_text(arguments.out, page_of(Path(arguments.results), config))


if __name__ == "__main__":
    sys.exit(run_stage(main))
