"""The report as one page of HTML: tables, figures, studies, ensemble, confusions, cost and provenance.

It is made from finished files only and opens anywhere, without a network.
"""

import sys
from pathlib import Path

import numpy as np

from mimic.artifact import write_text
from mimic.cli import InputError, parse_settings, run_stage, stage_parser
from mimic.config.whole import Config
from mimic.report.page import absences, answers, cost, figures, grid, mimicking, tables, win, words
from mimic.report.page.arrays import read_labels
from mimic.report.page.augmentations import augmentation_sheet
from mimic.report.page.document import page_text
from mimic.report.page.provenance import provenance_view
from mimic.report.page.results import Reading, no_results, read_results
from mimic.report.page.studies import study_view
from mimic.report.page.win_training import paths_of_nets

#: Papers by the part of the page that is about them.
PAPERS = {
    "run": {
        "authors": "G. Urban et al.",
        "title": "Do Deep Convolutional Nets Really Need to be Deep and Convolutional?",
        "place": "ICLR 2017",
    },
    "grid": {
        "authors": "B. Bermeitinger et al.",
        "title": "Make Deep Networks Shallow Again",
        "place": "arXiv 2309.08414",
    },
    "win": {
        "authors": "D. Zhou et al.",
        "title": "Go Wide, Then Narrow: Efficient Training of Deep Thin Networks",
        "place": "ICML 2020",
    },
}
#: Parts that a page may be about alone, and the files that say what they found.
ALONE = {
    "grid": (grid.FOLDER, "losses.csv or table2.csv"),
    "win": (win.FOLDER, "table1.csv, table2.csv or table3.csv"),
}


def publish_report(results, reading, only=None):
    """The page about a run, finished or not, and about the other papers' results as far as they are there.

    Parameters
    ----------
    results : mimic.report.page.results.Results
    reading : mimic.report.page.results.Reading
        Reads the files that only the page needs; says what is to be done where one cannot be read.
    only : str, optional
        One of `ALONE`: leave all else out; the run is also left out where it has no result, and another
        paper has.

    Returns
    -------
    str
        HTML, all in one.
    """
    places, config = results.places, results.config
    nets = grid.read_grid(places.folder, reading) if only != "win" else None
    thin = win.read_win(places.folder, config.win, reading) if only != "grid" else None
    others = [part for part, found in (("grid", nets), ("win", thin)) if found is not None]
    if only is not None and not others:
        folder, files = ALONE[only]
        raise InputError(f"{places.folder / folder}: expected {files} with a row")
    has_run = only is None and not (others and results.is_empty)
    lead = "run" if has_run else others[0]
    studies = [study_view(study, config) for study in results.all_studies() if study.trials is not None]
    labels = reading.read(read_labels, places.dataset) if has_run else None
    shards = [path for path in places.epochs(config) if path.exists()]
    sheet = reading.read(augmentation_sheet, places.dataset, shards) if has_run else None
    steps = cost.STEPS if has_run else {ALONE[part][0] for part in others}
    jobs, n_silent = cost.read_jobs(places.folder, steps)
    occupation = cost.occupation(jobs)
    data = figures.figure_data(results)
    rows1, rows2 = data["figure1"], data["figure2"]
    data["compare"] = config.report.compare_with_paper
    data["steps"] = [] if results.ensemble is None else [s.model_dump() for s in results.ensemble.steps]
    data["studies"] = {study["name"]: study.pop("plots") for study in studies}
    data["occupation"] = occupation
    of_nets = grid.paths_of_groups(nets, places.folder)
    if thin is not None:
        of_nets += paths_of_nets(places.folder / win.FOLDER, config.win)
    nets = None if nets is None else grid.grid_view(nets, config.shallow.q_edges)
    data["grid"] = None if nets is None else nets.pop("plots")
    thin = None if thin is None else win.win_view(thin, config.win)
    data["win"] = None if thin is None else thin.pop("plots")
    is_drawn = {"is_drawn": figures.has_students(rows1)}
    view = {
        "results": results,
        "grid": nets,
        "win": thin,
        "lead": lead,
        "papers": [PAPERS[part] for part in ([lead] if has_run else []) + others],
        "question": words.question(results) if has_run else {"grid": grid, "win": win}[lead].QUESTION,
        "answer": words.answer(results) if has_run else {"grid": nets, "win": thin}[lead]["answer"],
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
        "provenance": provenance_view(results, reading, None if has_run else of_nets),
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


def page_of(folder, config, strict=True, only=None, on_problems=None):
    """The page about the run in a folder; see `mimic.report.page.results.read_results`.

    Parameters
    ----------
    only : str, optional
        The page about this part alone, see `publish_report`.
    on_problems : callable, list of str -> None, optional
        Gets a line on each file that was left out, where there are some.
    """
    results = read_results(folder, config, strict) if only is None else no_results(folder, config)
    reading = Reading(strict)
    page = publish_report(results, reading, only)
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
    parser.add_argument("--only", choices=tuple(ALONE), help="this paper's part, and nothing of the run")
    parser.add_argument("--out", required=True, metavar="HTML", help="page to write")
    arguments = parser.parse_args(argv)

    config = parse_settings(Config, arguments.config, "--config")
    write_text(arguments.out, page_of(Path(arguments.results), config, only=arguments.only))


if __name__ == "__main__":
    sys.exit(run_stage(main))
