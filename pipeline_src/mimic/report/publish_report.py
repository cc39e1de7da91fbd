"""The report as one page of HTML: tables, figures, studies, ensemble, confusions, cost and provenance.

It is made from finished files only and opens anywhere, without a network.
"""

import sys
from pathlib import Path

import numpy as np

from mimic.artifact import write_text
from mimic.cli import InputError, parse_settings, run_stage, stage_parser
from mimic.config.whole import Config
from mimic.report.page import absences, answers, cost, figures, grid, mimicking, tables, words
from mimic.report.page.arrays import read_labels
from mimic.report.page.augmentations import augmentation_sheet
from mimic.report.page.document import page_text
from mimic.report.page.provenance import provenance_view
from mimic.report.page.results import Reading, no_results, read_results
from mimic.report.page.studies import study_view


def publish_report(results, reading, only_grid=False):
    """The page about a run, finished or not, and about the grid of the second paper as far as it is there.

    Parameters
    ----------
    results : mimic.report.page.results.Results
    reading : mimic.report.page.results.Reading
        Reads the files that only the page needs; says what is to be done where one cannot be read.
    only_grid : bool
        Leave the run out; it is also left out where it has no result, and the grid has.

    Returns
    -------
    str
        HTML, all in one.
    """
    places, config = results.places, results.config
    nets = grid.read_grid(places.folder, reading)
    if nets is None and only_grid:
        raise InputError(f"{places.folder / grid.FOLDER}: expected losses.csv or table2.csv with a row")
    only_grid = only_grid or (nets is not None and results.is_empty)
    studies = [study_view(study, config) for study in results.all_studies() if study.trials is not None]
    labels = None if only_grid else reading.read(read_labels, places.dataset)
    shards = [path for path in places.epochs(config) if path.exists()]
    sheet = None if only_grid else reading.read(augmentation_sheet, places.dataset, shards)
    jobs, n_silent = cost.read_jobs(places.folder, {grid.FOLDER} if only_grid else cost.STEPS)
    occupation = cost.occupation(jobs)
    data = figures.figure_data(results)
    rows1, rows2 = data["figure1"], data["figure2"]
    data["compare"] = config.report.compare_with_paper
    data["steps"] = [] if results.ensemble is None else [s.model_dump() for s in results.ensemble.steps]
    data["studies"] = {study["name"]: study.pop("plots") for study in studies}
    data["occupation"] = occupation
    nets = None if nets is None else grid.grid_view(nets, config.shallow.q_edges)
    data["grid"] = None if nets is None else nets.pop("plots")
    is_drawn = {"is_drawn": figures.has_students(rows1)}
    view = {
        "results": results,
        "grid": nets,
        "only_grid": only_grid,
        "question": grid.QUESTION if only_grid else words.question(results),
        "answer": nets["answer"] if only_grid else words.answer(results),
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
        "provenance": provenance_view(results, reading, only_grid),
        "problems": problems_of(results, reading),
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


def problems_of(results, reading):
    """One line on each file that could not be read, however often that was tried."""
    return list(dict.fromkeys([*results.problems, *reading.problems]))


def page_of(folder, config, strict=True, only_grid=False, on_problems=None):
    """The page about the run in a folder; see `mimic.report.page.results.read_results`.

    Parameters
    ----------
    only_grid : bool
        The page about the second paper's grid alone.
    on_problems : callable, list of str -> None, optional
        Gets a line on each file that was left out, where there are some.
    """
    results = no_results(folder, config) if only_grid else read_results(folder, config, strict)
    reading = Reading(strict)
    page = publish_report(results, reading, only_grid)
    problems = problems_of(results, reading)
    if problems and on_problems is not None:
        on_problems(problems)
    return page


def main(argv=None):
    """Read a run's results, write the page."""
    parser = stage_parser(__doc__, "mimic.report.publish_report")
    # The files of thousands of trials do not fit on a command line: they are those that the config names.
    parser.add_argument("--results", required=True, metavar="FOLDER", help="results of the run")
    parser.add_argument("--config", required=True, metavar="JSON", help="the whole config")
    parser.add_argument(
        "--only-grid", action="store_true", help="the grid of the second paper, and nothing of the run"
    )
    parser.add_argument("--out", required=True, metavar="HTML", help="page to write")
    arguments = parser.parse_args(argv)

    config = parse_settings(Config, arguments.config, "--config")
    write_text(arguments.out, page_of(Path(arguments.results), config, only_grid=arguments.only_grid))


if __name__ == "__main__":
    sys.exit(run_stage(main))
