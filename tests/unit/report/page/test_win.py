"""The third paper on the page: the numbers of its tables and trainings, and what becomes of bad ones."""

import json
import re
import shutil
from itertools import product
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from tests.simulated_grid import write_grid
from tests.simulated_run import SMALL, paper_config
from tests.simulated_win import write_win

from mimic.artifact import write_json
from mimic.cli import InputError, run_stage
from mimic.config.win import Depth, Divide
from mimic.report import publish_report
from mimic.report.page import grid, win, win_rows, win_training
from mimic.report.page.win_rows import MethodRow
from mimic.report.publish_report import page_of
from mimic.win import names, rows, tabulate_methods, tabulate_sizes, tabulate_widths

NETS = {"depth": [50], "divide": [2, 4], "stem": "imagenet", "seed": [0, 1, 2]}
CONFIG = paper_config(**SMALL, win={"nets": NETS})
MINUS = "\N{MINUS SIGN}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Results of the third paper alone; nobody may write into them."""
    folder = tmp_path_factory.mktemp("win") / "results"
    write_win(folder, CONFIG.win)
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


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1])


def lead_of(page):
    return re.search(r'<p class="lead">(.*?)</p>', page)[1].replace("\xa0", " ")


def plain(text):
    return text.replace(MINUS, "-").lstrip("+").replace(",", "")


def method(model="ResNet50", name="WIN", mean=75.0, sd=None, n_seeds=1, **more):
    cells = {"n_parameters": 10, "n_seeds": n_seeds, "top1_sd": sd, "paper_top1_pct": None}
    return MethodRow(model=model, method=name, top1_pct=mean, **{"difference": None, **cells, **more})


def test_columns_and_names_are_those_that_the_step_writes():
    assert set(win_rows.SizeRow.model_fields) == set(tabulate_sizes.COLUMNS)
    assert set(MethodRow.model_fields) == set(tabulate_methods.COLUMNS)
    assert set(win_rows.WidthRow.model_fields) == set(tabulate_widths.COLUMNS)
    assert set(win_rows.METHODS) == set(rows.METHODS.values())
    for size in product(get_args(Depth), get_args(Divide)):
        assert win_rows.folder_name(*size) == names.net_name(*size)
        assert win_rows.printed_name(*size) == names.printed_name(names.net_name(*size))


def test_tables_2_and_3_hold_the_cells_of_their_csv_files(folder, page, tables_of):
    for number, name in ((2, "w2"), (3, "w3")):
        table = texts(folder / "win" / f"table{number}.csv")
        found = tables_of(page)[name][1:]
        assert len(found) == len(table) == {2: 6, 3: 8}[number]
        for shown, cells in zip(found, table.to_numpy().tolist(), strict=True):
            if number == 3:
                cells[1] = f"×{cells[1]}"
            *key, n_parameters, n_seeds, mean, sd, published, difference = cells
            assert shown[:-6] == key
            assert shown[-6:-3] == [n_seeds, mean, sd or "one net"]
            assert float(shown[-3]) == float(published)
            assert [plain(cell) for cell in shown[-2:]] == [difference, n_parameters]


def test_table_1_holds_the_cells_of_its_csv_file(folder, page, tables_of):
    found = [[plain(cell) for cell in row] for row in tables_of(page)["w1"][1:]]
    assert found == texts(folder / "win" / "table1.csv").to_numpy().tolist()


def test_gains_are_differences_of_means_with_the_standard_error_of_welch(folder, page, tables_of):
    table = pd.read_csv(folder / "win" / "table2.csv").set_index(["model", "method"])
    found = tables_of(page)["win-gains"][2:]
    assert [row[0] for row in found] == ["ResNet50-1/2", "ResNet50-1/4"]
    for row in found:
        ours = table.loc[row[0], "WIN"]
        for place, name in ((1, "KD"), (4, "Vanilla")):
            theirs = table.loc[row[0], name]
            assert float(plain(row[place])) == pytest.approx(ours.top1_pct - theirs.top1_pct, abs=0.005)
            error = np.hypot(ours.top1_sd, theirs.top1_sd) / np.sqrt(3)
            assert float(row[place + 1]) == pytest.approx(error, abs=0.0051)
            published = ours.paper_top1_pct - theirs.paper_top1_pct
            assert float(plain(row[place + 2])) == pytest.approx(published, abs=0.051)


def test_the_page_leads_with_what_came_out(folder, page):
    table = pd.read_csv(folder / "win" / "table2.csv")
    means = table.pivot(index="model", columns="method", values="top1_pct")
    assert win.QUESTION in page
    for name in ("KD", "Vanilla"):
        points = (means["WIN"] - means[name]).round(2)
        told = ", ".join(f"{model} {value:+.2f}" for model, value in points.items())
        assert f"above {name} for both nets ({told} points)" in lead_of(page)
    spreads = table["top1_sd"]
    told = (
        f"Means over 3 seeds, with standard deviations of {spreads.min():.2f} to {spreads.max():.2f} points."
    )
    assert told in lead_of(page)


def test_it_says_so_where_win_is_worse(tmp_path):
    write_win(tmp_path, CONFIG.win, better=-0.1)
    lead = lead_of(page_of(tmp_path, CONFIG))
    assert "WIN is below KD for both nets (ResNet50-1/2 " + MINUS in lead
    assert ", and below Vanilla for both nets" in lead
    assert "above" not in lead


def test_one_net_is_told_with_its_means():
    one = [method(mean=75.0, sd=0.5, n_seeds=2), method(name="Vanilla", mean=74.0, sd=0.25, n_seeds=2)]
    assert win.answer(one) == (
        "At equal epochs ResNet50 comes to 75.00 ± 0.50 % with WIN, 1.00 points above Vanilla "
        "(74.00 ± 0.25 %). Means and standard deviations over 2 seeds."
    )
    assert "equal to KD" in win.answer([method(), method(name="KD")])
    assert win.answer([method(), method(name="KD")]).endswith("one seed, so that no spread is known.")
    assert "no answer" in win.answer([method()])


def test_nets_on_both_sides_are_counted_apart():
    points = {"ResNet50": 1.0, "ResNet50-1/2": -0.5, "ResNet101": 0.0}
    found = [method(model) for model in points]
    found += [method(model, "KD", 75.0 - value) for model, value in points.items()]
    assert (
        "WIN is above KD for 1 of 3 nets (ResNet50 +1.00 points), equal to it for 1 "
        f"and below it for 1 (ResNet50-1/2 {MINUS}0.50 points)."
    ) in win.answer(found)


def test_images_that_the_paper_does_not_have_stand_without_its_columns(tmp_path, tables_of):
    data = {"source": "shapes", "path": None, "n_train": 60, "n_test": 20}
    nets = {"depth": [14], "divide": [4], "stem": "cifar", "seed": [0]}
    config = paper_config(**SMALL, win={"data": data, "nets": nets, "widen": [2]})
    write_win(tmp_path, config.win)
    page = page_of(tmp_path, config)
    assert len(tables_of(page)["w2"][0]) == 6
    assert "none of its numbers stand beside" in page
    assert "one seed" in tables_of(page)["w2"][1]


def test_trainings_follow_the_histories_and_stage_3_stands_after_stage_2(folder, page):
    drawn, place = data_of(page)["win"], folder / "win"
    assert len(drawn["blocks"]) == 2 * 3 * 4
    assert len(drawn["nets"]) == 2 * 3 * 3
    paths = {"Vanilla": "vanilla/{}", "KD": "x2/kd/{}", "WIN": "x2/win/{}/finetuned"}
    paths |= {f"block {i}": f"x2/win/{{}}/block{i}" for i in (1, 2, 3, 4)}
    before = {"WIN": 40} | {f"block {i}": 10 * (i - 1) for i in (1, 2, 3, 4)}
    for curve in drawn["blocks"] + drawn["nets"]:
        net = curve["model"].lower().replace("/", "of")
        path = place / net / paths[curve["series"]].format(curve["seed"])
        table = pd.read_csv(path / "history.csv").set_index("epoch")
        column = table["discrepancy"] if "block" in curve["series"] else 100 * table["test_accuracy"]
        epochs = [epoch - before.get(curve["series"], 0) for epoch in curve["epochs"]]
        assert (epochs[0], epochs[-1]) == (1, len(table))
        assert len(epochs) == len(table) if len(table) <= 48 else 40 < len(epochs) <= 48
        assert curve["values"] == pytest.approx(column.loc[epochs].tolist(), rel=1e-4)


def test_the_numbers_of_the_trainings_stand_in_tables(folder, page, tables_of):
    found = {tuple(row[:3]): row[3:] for row in tables_of(page)["win-nets"][1:]}
    path = folder / "win/resnet50-1of4/x2/win/1/finetuned/history.csv"
    percent = (100 * pd.read_csv(path)["test_accuracy"]).round(2)
    told = found["ResNet50-1/4", "WIN", "1"]
    assert told[0] == "41 to 90"
    assert [float(cell) for cell in told[1:]] == [percent[0], percent[24], percent.max(), percent[49]]
    blocks = tables_of(page)["win-blocks"][1:]
    assert len(blocks) == 24
    assert blocks[1][:4] == ["ResNet50-1/2", "block 2", "0", "11 to 20"]
    table = pd.read_csv(folder / "win/resnet50-1of2/x2/win/0/block2/history.csv")
    assert float(blocks[1][-1]) == pytest.approx(table["relative_discrepancy"].iloc[-1], abs=5.1e-5)


def test_histories_without_relative_discrepancies_are_read_too(own, tables_of):
    for path in own.rglob("block*/history.csv"):
        pd.read_csv(path).drop(columns="relative_discrepancy").to_csv(path, index=False)
    assert tables_of(page_of(own, CONFIG))["win-blocks"][0][-1] == "last"


def test_seeds_beyond_those_of_a_screen_are_not_read(folder, monkeypatch):
    monkeypatch.setattr(win_training, "N_SEEDS", 1)
    drawn = data_of(page_of(folder, CONFIG))["win"]
    assert {curve["seed"] for curve in drawn["nets"] + drawn["blocks"]} == {0}


def test_what_is_not_there_is_said(own):
    (own / "win" / "table3.csv").unlink()
    shutil.rmtree(own / "win" / "resnet50-1of2")
    shutil.rmtree(own / "win" / "resnet50-1of4")
    page = page_of(own, CONFIG, only="win")
    assert "Table 3 is not there" in page
    assert "No block’s training is there" in page
    assert "No net’s training is there" in page
    assert 'data-win="nets"' not in page
    (own / "win" / "table2.csv").unlink()
    page = page_of(own, CONFIG, only="win")
    assert "Table 2 is not there" in page
    assert "so there is no answer" in lead_of(page)
    (own / "win" / "table1.csv").unlink()
    with pytest.raises(InputError, match=r"win: expected table1.csv, table2.csv or table3.csv with a row"):
        page_of(own, CONFIG, only="win")


def test_trainings_without_tables_are_shown_so_far_and_no_block_stands_before_those_below_it(own):
    for number in (1, 2, 3):
        (own / "win" / f"table{number}.csv").unlink()
    (own / "win/resnet50-1of2/x2/win/0/block1/history.csv").unlink()
    assert 'id="win"' not in page_of(own, CONFIG)
    page = page_of(own, CONFIG, strict=False)
    assert "no answer" in lead_of(page)
    curve = next(c for c in data_of(page)["win"]["blocks"] if c["model"] == "ResNet50-1/2" and c["seed"] == 0)
    assert (curve["series"], curve["epochs"][0]) == ("block 2", 11)


def test_a_run_without_the_third_paper_shows_nothing_of_it(small_page):
    assert 'id="win"' not in small_page
    assert "Zhou" not in small_page
    assert "#win" not in re.sub(r"<(script|style)>.*?</\1>", "", small_page, flags=re.DOTALL)


def test_the_page_of_all_holds_all_and_the_one_of_the_third_paper_nothing_else(begun_run):
    begun_run.write_all()
    write_grid(begun_run.folder)
    write_win(begun_run.folder, CONFIG.win)
    config = begun_run.config.model_copy(update={"win": CONFIG.win})
    page = page_of(begun_run.folder, config)
    assert (
        page.index('id="studies"')
        < page.index('id="grid"')
        < page.index('id="win"')
        < page.index('id="cost"')
    )
    assert "still mimic" in re.search(r"<h1>(.*?)</h1>", page)[1]
    assert all(author in page for author in ("Urban", "Bermeitinger", "Zhou"))
    alone = page_of(begun_run.folder, config, only="win")
    for other in ("members.json", "train_teacher", 'id="grid"', "Bermeitinger", "Urban"):
        assert other not in alone
    assert 'id="win"' not in page_of(begun_run.folder, config, only="grid")
    linked = set(re.findall(r'href="#([\w-]+)"', alone))
    assert linked <= set(re.findall(r'id="([\w-]+)"', alone))


def test_both_other_papers_without_a_run_stand_on_one_page(own):
    write_grid(own)
    page = page_of(own, CONFIG)
    assert grid.QUESTION in page
    assert 'id="win"' in page
    assert "At equal epochs WIN is" in page
    assert 'id="table1"' not in page


def test_the_versions_and_digests_of_trainings_are_told(own):
    path = own / "win/resnet50-1of2/vanilla/1/metrics.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    provenance = {"stage": "train_vanilla", "versions": {"torch": "9.9.9"}, "fingerprint": "f00", "seed": 7}
    write_json(path, {"format": "mimic.win.metrics/1", "provenance": provenance})
    page = page_of(own, CONFIG)
    assert re.search(r"Versions of the results</dt><dd>[^<]*torch[^<]*9\.9\.9", page)
    assert "win/resnet50-1of2/vanilla/1/metrics.json" in page


def test_where_the_images_lie_is_not_on_the_page(folder):
    data = {"source": "imagenet", "path": "/home/somebody/imagenet"}
    win = {"nets": NETS, "data": data, "folder": {"cache_folder": "/home/somebody/shards"}}
    assert "somebody" not in page_of(folder, paper_config(**SMALL, win=win))


HOSTILE = "<img src=x onerror=alert(2)>"
HISTORY = "resnet50-1of2/vanilla/0/history.csv"
BLOCK = "resnet50-1of2/x2/win/0/block3/history.csv"
BAD = {
    "garbage": ("table2.csv", lambda text: "\x00\x01garbage"),
    "no text": ("table1.csv", lambda text: b"\xff\xfe\x00"),
    "columns": ("table2.csv", lambda text: text.replace("top1_pct", "top1", 1)),
    "a column more": (
        "table2.csv",
        lambda text: text.replace("\n", ",\n").replace("difference,", "difference,x"),
    ),
    "html": ("table2.csv", lambda text: text.replace("ResNet50-1/2", HOSTILE, 1)),
    "html in table 1": ("table1.csv", lambda text: text.replace("ResNet50-1/2", HOSTILE, 1)),
    "another method": ("table2.csv", lambda text: text.replace("Vanilla", "Chocolate", 1)),
    "no number": ("table3.csv", lambda text: text.replace("10000000", "nan", 1)),
    "difference": (
        "table2.csv",
        lambda text: re.sub(r",-?[\d.]+\n", ",7.00\n", text, count=2),
    ),
    "a spread of one": ("table3.csv", lambda text: text.replace(",3,", ",1,", 1)),
    "twice": ("table3.csv", lambda text: text + text.splitlines()[-1] + "\n"),
    "more than all": (HISTORY, lambda text: re.sub(r"(\n1,0.1,1.0,)[\d.]+", r"\g<1>1.5", text)),
    "an epoch left out": (HISTORY, lambda text: re.sub(r"\n3,.*", "", text)),
    "below nothing": (BLOCK, lambda text: text.replace("1.0,", "1.0,-", 1)),
    "no discrepancy": (BLOCK, lambda text: text.replace("discrepancy", "distance")),
    "too large": (HISTORY, lambda text: text + " " * 2**24),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_and_left_out_or_ends_the_stage(own, name, capsys):
    file, change = BAD[name]
    path = own / "win" / file
    changed = change(path.read_text())
    path.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
    page = page_of(own, CONFIG, strict=False)
    assert "1 file could not be read and is left out" in page
    assert f"win/{file}" in page
    assert "<img src=x" not in page
    arguments = ["--results", str(own), "--config", CONFIG.model_dump_json(), "--out", str(own / "x.html")]
    assert run_stage(publish_report.main, [*arguments, "--only", "win"]) == 1
    error = capsys.readouterr().err.splitlines()
    assert len([line for line in error if "error: " in line]) == 1
    assert f"win/{file}" in "".join(error)
    assert not (own / "x.html").exists()
