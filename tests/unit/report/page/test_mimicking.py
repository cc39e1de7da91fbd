"""Nets on logits against the same on hard labels, with pandas and numpy as oracles."""

import json

import numpy as np
import pandas as pd
import pytest

from mimic.report.page.mimicking import mimicking_view, standard_error
from mimic.report.page.results import read_results


def best_of(run, study):
    """Test accuracy of a study's trial that is best on validation."""
    paths = run.folder.glob(f"students/{study}/trials/*/metrics.json")
    frame = pd.DataFrame([json.loads(path.read_text()) for path in paths])
    finished = frame[frame["status"] == "finished"]
    return finished.loc[finished["validation_accuracy"].idxmax(), "test_accuracy"]


def test_the_table_holds_nets_that_were_trained_both_ways(small_run, small_page, tables_of):
    rows = tables_of(small_page)["tm"][1:]
    assert len(rows) == 2
    for row, family in zip(rows, ("cnn1", "cnn2"), strict=True):
        mimic, hard = best_of(small_run, f"{family}-10M"), best_of(small_run, f"{family}-10M-hard")
        shown = [float(text.replace("\N{MINUS SIGN}", "-")) for text in row[1:]]
        spread = np.sqrt((mimic * (1 - mimic) + hard * (1 - hard)) / 400)
        expected = [100 * mimic, 100 * hard, 100 * (mimic - hard), 100 * spread]
        assert shown == pytest.approx(expected, abs=0.0051)


def test_the_sentence_counts_the_rows(small_run, small_page):
    view = mimicking_view(read_results(small_run.folder, small_run.config), None)
    points = [(row["points"], row["error_points"]) for row in view["rows"]]
    better = sum(difference > 0 for difference, _ in points)
    clear = sum(difference > 2 * error for difference, error in points)
    assert view["summary"].startswith(f"Of 2 nets trained both ways, {better or 'none'} ")
    assert view["summary"].endswith(f", {clear or 'none'} by more than two standard errors.") == (better > 0)
    assert view["summary"] in small_page


def test_the_standard_error_is_the_spread_of_drawn_differences():
    generator = np.random.default_rng(0)
    drawn = generator.binomial(400, 0.9, 200_000) / 400 - generator.binomial(400, 0.8, 200_000) / 400
    assert standard_error(0.9, 0.8, 400) == pytest.approx(drawn.std(), rel=0.01)


def test_without_hard_labels_there_is_no_table(begun_run):
    begun_run.write_dataset()
    begun_run.write_students(n_studies=2)
    results = read_results(begun_run.folder, begun_run.config)
    assert mimicking_view(results, None) == {"summary": "", "rows": []}
