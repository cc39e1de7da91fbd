"""The grid of the second paper on the page: the numbers of its tables, and what becomes of bad ones."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests.simulated_grid import EDGES, loss_rows, write_grid
from tests.simulated_run import SMALL, paper_config
from tests.unit.shallow.group_files import make_group, write_group_file
from tests.unit.shallow.loss_rows import net

from mimic.cli import InputError, run_stage
from mimic.report import publish_report
from mimic.report.page import grid, grid_rows
from mimic.report.publish_report import page_of
from mimic.shallow import plot_expansion, plot_losses
from mimic.shallow import rows as shallow_rows

CONFIG = paper_config(**SMALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Results of the grid alone; nobody may write into them."""
    folder = tmp_path_factory.mktemp("grid") / "results"
    write_grid(folder)
    return folder


@pytest.fixture(scope="module")
def page(folder):
    return page_of(folder, CONFIG)


@pytest.fixture
def own(folder, tmp_path):
    """A copy that a test may change."""
    shutil.copytree(folder, tmp_path / "results")
    return tmp_path / "results"


def texts(path):
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def numbers(rows, column):
    return [float(row[column].replace(",", "")) for row in rows]


def test_columns_are_those_that_the_step_writes():
    assert shallow_rows.columns_of(shallow_rows.LossRow) == grid_rows.LOSS_COLUMNS
    assert shallow_rows.columns_of(shallow_rows.OrderRow) == grid_rows.ORDER_COLUMNS


def test_table_2_holds_the_cells_of_its_csv_file(folder, page, tables_of):
    found, table = tables_of(page)["g2"][2:], texts(folder / "shallow" / "table2.csv")
    assert len(found) == len(table) == 16
    for shown, row in zip(found, table.to_dict("records"), strict=True):
        assert shown[:2] == [row["dataset"], row["layout"]]
        high = row["q_high"]
        assert shown[2] == (f"{row['q_low']} and more" if high == "inf" else f"{row['q_low']} to {high}")
        assert shown[3:5] == [row["n_nets"], row["n_diverged"]]
        for place, loss in ((5, "train_loss"), (9, "validation_loss")):
            value, sd, published, difference = shown[place : place + 4]
            empty = "" if row["n_nets"] != "0" else "no net"
            assert value == (row[loss] or empty)
            assert sd == (row[f"{loss}_sd"] or empty)
            assert published == row[f"paper_{loss}"]
            assert difference.replace("\N{MINUS SIGN}", "-").lstrip("+") == row[f"{loss}_difference"]
    assert {row[3] for row in found} > {"0"}
    assert sum(row[7] != "" for row in found) == 16


def test_datasets_that_the_paper_does_not_have_stand_without_its_columns(tmp_path, tables_of):
    write_grid(tmp_path, [net(0.5, dataset="shapes"), net(2.0, dataset="shapes", n_filters=2, net=1)], [])
    page = page_of(tmp_path, CONFIG)
    rows = tables_of(page)["g2"]
    assert "paper" not in rows[1]
    assert rows[2][5:] == ["0.50000", "one net"] * 2
    assert rows[4][5:] == ["no net"] * 4
    assert "none of its numbers stand beside" in page
    assert "What the orders explain" not in page


def test_medians_are_those_behind_the_figures(folder, page, tables_of, tmp_path):
    for figure in ("q", "depth"):
        files = [f"--{kind}={tmp_path / figure}.{kind}" for kind in ("png", "svg", "csv")]
        losses = ["--losses", str(folder / "shallow" / "losses.csv"), "--q-edges", *EDGES]
        plot_losses.main(["--figure", figure, *losses, *files])
    medians = pd.read_csv(tmp_path / "q.csv").query("series == 'median'")
    rows = tables_of(page)["grid-medians"][1:]
    assert [tuple(row[:2]) for row in rows] == list(zip(medians.dataset, medians.layout, strict=True))
    assert numbers(rows, 3) == medians["n_nets"].tolist()
    assert numbers(rows, 5) == pytest.approx(medians["value"].tolist(), abs=5.1e-6)
    depths = pd.read_csv(tmp_path / "depth.csv")
    rows = tables_of(page)["grid-depths"][1:]
    for place, name in enumerate(("n_filters", "layout", "n_layers", "n_nets", "n_diverged"), 1):
        assert [row[place] for row in rows] == depths[name].astype(str).tolist()
    for place, name in ((6, "train_loss"), (7, "validation_loss")):
        expected = ["all diverged" if value != value else f"{value:.5f}" for value in depths[name]]
        assert [row[place] for row in rows] == expected


def test_shares_are_medians_of_the_expansions(folder, page, tables_of):
    orders = shallow_rows.read_table(folder / "shallow" / "expansion.csv", shallow_rows.OrderRow)
    rows = tables_of(page)["grid-shares"][1:]
    assert len(rows) == 2 * (1 + 2 + 3 + 3)
    for dataset, depth, order, n, share, accuracy in rows:
        nets = orders[(orders["dataset"] == dataset) & (orders["order"] == order)]
        depths, shares = plot_expansion.medians(nets, "feature_share")
        assert float(share) == pytest.approx(dict(zip(depths, shares, strict=True))[int(depth)], abs=5.1e-5)
        own = nets[nets["n_layers"] == int(depth)]
        assert (int(n), float(accuracy)) == (len(own), pytest.approx(100 * own["accuracy"].median()))


def test_the_sentence_counts_pairs_that_differ_in_layout_alone(folder, page):
    losses = pd.read_csv(folder / "shallow" / "losses.csv")
    for dataset, nets in losses[losses["n_layers"] > 1].groupby("dataset"):
        wide = nets.pivot_table(
            index=["n_layers", "n_filters", "seed"], columns="layout", values="validation_loss"
        ).dropna()
        lower, n = (wide["parallel"] < wide["sequential"]).sum(), len(wide)
        difference = (wide["parallel"] - wide["sequential"]).median()
        text = f"on {dataset} in {lower} of {n} pairs ({100 * lower / n:.1f} %), median difference "
        assert text + f"{difference:+.5f}".replace("-", "\N{MINUS SIGN}") in page.replace("\xa0", " ")
    assert "Diverged: 2 sequential and 2 parallel of 192 nets." in page


def test_one_layer_makes_no_pair():
    assert grid.pairs(pd.DataFrame(loss_rows(depths=(1,)))).empty


def test_results_of_the_grid_alone_make_a_page_about_it(page):
    assert grid.QUESTION in page
    assert "So far:" not in page
    assert "mnist" in re.search(r'<p class="kicker">(.*?)</p>', page)[1]
    for heading in ("figure1", "table1", "ensemble", "studies"):
        assert f'id="{heading}"' not in page
        assert f'href="#{heading}"' not in page
    linked = set(re.findall(r'href="#([\w-]+)"', page))
    assert linked <= set(re.findall(r'id="([\w-]+)"', page))


def test_a_run_without_the_grid_shows_nothing_of_it(small_page):
    assert 'id="grid"' not in small_page
    assert "Bermeitinger" not in small_page
    assert "#grid" not in re.sub(r"<(script|style)>.*?</\1>", "", small_page, flags=re.DOTALL)


def test_the_page_of_both_holds_both_and_the_one_of_the_grid_nothing_of_the_run(begun_run):
    begun_run.write_all()
    write_grid(begun_run.folder)
    both = page_of(begun_run.folder, begun_run.config)
    assert both.index('id="studies"') < both.index('id="grid"') < both.index('id="cost"')
    assert "still mimic" in re.search(r"<h1>(.*?)</h1>", both)[1]
    alone = page_of(begun_run.folder, begun_run.config, only="grid")
    assert grid.QUESTION in alone
    assert "members.json" not in alone
    assert "train_teacher" not in alone


def test_losses_alone_or_their_table_alone_make_a_page(own):
    (own / "shallow" / "table2.csv").rename(own / "table2.csv")
    (own / "shallow" / "expansion.csv").unlink()
    assert "Table 2 is not there" in page_of(own, CONFIG)
    (own / "shallow" / "losses.csv").unlink()
    with pytest.raises(InputError, match=r"shallow: expected losses.csv or table2.csv with a row"):
        page_of(own, CONFIG, only="grid")
    (own / "table2.csv").rename(own / "shallow" / "table2.csv")
    page = page_of(own, CONFIG)
    assert "Losses of single nets are not there" in page
    assert "none are paired" in page


def test_a_grid_of_which_every_net_diverged_says_so(tmp_path):
    rows = [row | {"status": "diverged"} for row in loss_rows(n_seeds=1)]
    write_grid(tmp_path, [row | dict.fromkeys(shallow_rows.MEASURED) for row in rows], [])
    page = page_of(tmp_path, CONFIG)
    assert "Every net diverged: there is nothing to draw." in page
    assert "all diverged" in page
    assert 'data-grid="q"' not in page


def test_more_nets_than_marks_are_thinned_for_the_figure_alone(folder, monkeypatch):
    monkeypatch.setattr(grid, "N_MARKS", 10)
    data = json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', page_of(folder, CONFIG))[1]
    )
    assert all(len(nets["q"]) == len(nets["loss"]) <= 10 < nets["n"] for nets in data["grid"]["nets"])
    assert sum(row["n_nets"] for row in data["grid"]["medians"]) == 192 - 4


HOSTILE = "<img src=x onerror=alert(2)>"
BAD = {
    "garbage": ("losses.csv", lambda text: "\x00\x01garbage"),
    "no text": ("losses.csv", lambda text: b"\xff\xfe\x00"),
    "columns": ("losses.csv", lambda text: text.replace("validation_loss", "loss", 1)),
    "html": ("losses.csv", lambda text: text.replace("\nmnist,", f"\n{HOSTILE},", 1)),
    "html in a table": ("table2.csv", lambda text: text.replace("\nmnist,", f"\n{HOSTILE},", 1)),
    "another layout": ("table2.csv", lambda text: text.replace("parallel", "upright", 1)),
    "difference": ("table2.csv", lambda text: re.sub(r",-?[\d.]+\n", ",7.00000\n", text, count=2)),
    "no number": ("expansion.csv", lambda text: text.replace(",0.65,", ",nan,", 1)),
    "twice": ("expansion.csv", lambda text: text + text.splitlines()[-1] + "\n"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_table_is_named_and_left_out_or_ends_the_stage(own, name, capsys):
    file, change = BAD[name]
    path = own / "shallow" / file
    changed = change(path.read_text())
    path.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
    page = page_of(own, CONFIG, strict=False)
    assert "1 file could not be read and is left out" in page
    assert f"shallow/{file}" in page
    assert "<img src=x" not in page
    arguments = ["--results", str(own), "--config", CONFIG.model_dump_json(), "--out", str(own / "x.html")]
    assert run_stage(publish_report.main, [*arguments, "--only", "grid"]) == 1
    error = capsys.readouterr().err.splitlines()
    assert len([line for line in error if "error: " in line]) == 1
    assert f"shallow/{file}" in "".join(error)
    assert not (own / "x.html").exists()


def test_one_net_in_two_rows_is_refused_though_they_differ(own):
    path = own / "shallow" / "losses.csv"
    table = texts(path)
    table.loc[1, "net"] = table.loc[0, "net"]
    table.to_csv(path, index=False)
    with pytest.raises(InputError, match="line 3: group, net: expected each once"):
        grid_rows.read_losses(path)


def diverged_rows(rows):
    return [row | dict.fromkeys(shallow_rows.MEASURED) | {"status": "diverged"} for row in rows]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            loss_rows(depths=(1,)),
            "finished, each of one residual layer, with which both",
        ),
        (diverged_rows(loss_rows(n_seeds=1)), "No net finished: there are no losses to compare. Diverged: "),
        ([net(2.0, n_layers=4)], "1 net finished, all of them sequential: there is no other layout"),
        (
            [net(2.0, n_layers=4), net(2.0, "parallel", n_layers=2, net=1)],
            "2 nets finished, no two of which are of two layers or more and differ in layout alone",
        ),
    ],
    ids=["one layer", "all diverged", "one layout", "no partners"],
)
def test_the_sentence_says_why_there_are_no_pairs(tmp_path, rows, said):
    write_grid(tmp_path, rows, [])
    page = page_of(tmp_path, CONFIG, only="grid").replace("\xa0", " ")
    assert said in page
    assert "none of which differ in layout alone" not in page


def test_nets_below_all_intervals_are_counted(folder, own):
    assert "the first edge" not in page_of(folder, CONFIG)
    losses = pd.read_csv(own / "shallow" / "losses.csv")
    n_below = int((losses["q"] < 10).sum())
    assert n_below > 1
    edges = CONFIG.shallow.model_copy(update={"q_edges": [10.0, 30.0]})
    page = page_of(own, CONFIG.model_copy(update={"shallow": edges}))
    said = f"{n_below} nets have a Q below 10, the first edge: in no interval."
    assert said in page.replace("\xa0", " ")


def test_the_versions_of_the_groups_that_the_losses_are_of_are_told(own):
    assert "not told by any file yet" in page_of(own, CONFIG, only="grid")
    group = make_group(n_layers=1)
    assert group.name in set(pd.read_csv(own / "shallow" / "losses.csv")["group"])
    for name, torch in ((group.name, "9.8.7"), ("mnist-L99-F1-K3", "1.2.3")):
        made = {"stage": "train_group", "versions": {"torch": torch}, "seed": 7, "sources": {}}
        layers = 1 if torch == "9.8.7" else 99
        other = dataclasses.replace(make_group(n_layers=layers), provenance=made)
        path = Path(write_group_file(own / "shallow" / "groups", other))
        assert path.parent.name == name
    page = page_of(own, CONFIG, only="grid")
    assert "torch 9.8.7" in page
    assert f"shallow/groups/{group.name}/nets.h5" in page
    assert "1.2.3" not in page
