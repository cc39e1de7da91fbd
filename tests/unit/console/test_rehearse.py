import csv
import io
import json
import re
from pathlib import Path

import pytest
import yaml

from mimic.console import rehearse_arguments
from mimic.console.main import main
from mimic.console.overlays import read_config
from mimic.console.rehearse import duration
from mimic.rehearsal.durations import SPREADS
from mimic.rehearsal.jobs import TARGETS

ROOT = Path(__file__).parents[3]
TIMES = str(ROOT / "benchmarks" / "results" / "stage_times.json")
DEMO = ["--configfile", str(ROOT / "workflow" / "presets" / "demo.yaml")]


@pytest.fixture
def told(monkeypatch, capsys):
    """Function (options) -> what the command prints, in the checkout."""
    monkeypatch.chdir(ROOT)

    def tell(*options, code=0):
        assert main(["rehearse", "--times", TIMES, *options]) == code
        captured = capsys.readouterr()
        return captured.err if code else captured.out

    return tell


def test_the_demo_is_rehearsed_with_the_times_in_the_checkout(told):
    lines = told(*DEMO, "--gpus", "2", "8", "--round-size", "1", "2").splitlines()
    assert lines[0].startswith("106 jobs, 48 of them on GPUs: ")
    assert "EXTRAPOLATED" not in "".join(lines)
    rows = [line.split() for line in lines if re.match(r" *[28] +\d", line)]
    assert [row[0] for row in rows] == ["2", "8", "2"]  # sizes, then a round size
    assert sum(line.count("|") == 2 for line in lines) == 4
    assert not any("\x1b" in line for line in lines)


def test_the_same_seed_prints_the_same_and_another_one_does_not(told):
    def result(*options):
        value = json.loads(told(*DEMO, "--gpus", "2", "--json", *options))
        value.pop("simulation_seconds")
        return value

    assert result("--seed", "3") == result("--seed", "3")
    assert result("--seed", "3")["sizes"] != result("--seed", "4")["sizes"]
    assert result()["seed"] == 2017  # the config's


def test_csv_has_a_line_a_number_of_gpus(told):
    rows = list(csv.DictReader(io.StringIO(told(*DEMO, "--csv", "--gpus", "1", "2"))))
    assert [row["gpus"] for row in rows] == ["1", "2"]
    assert float(rows[0]["makespan_seconds"]) > float(rows[1]["makespan_seconds"])


def test_the_paper_is_extrapolated_only_where_asked_for(told):
    assert "give --scale to extrapolate" in told("--gpus", "8", code=1)
    text = told("--gpus", "8", "--scale", "--speed", "50", "--target", "table2")
    assert text.startswith("2,124 jobs, ")
    assert "EXTRAPOLATED from this " in text
    assert "50 times as fast" in text


def test_trouble_is_told_where_there_is_some(told):
    quiet = told(*DEMO, "--gpus", "2")
    assert "preempted" not in quiet
    text = told(
        *DEMO, "--gpus", "2", "--set", "preemptions_per_gpu_hour=100", "time_limit_seconds=15", "retries=0"
    )
    assert "preempted" in text
    assert "not done" in text
    assert re.search(r"^with 2 GPUs \d+ jobs are never done", text, re.MULTILINE)


def test_jobs_limits_what_is_submitted(told):
    def seconds(*options):
        return json.loads(told(*DEMO, "--json", "--gpus", "8", *options))["sizes"][0]["makespan_seconds"]

    assert seconds("--jobs", "1") > 2 * seconds()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--gpus", "0"], "--gpus: expected numbers from 1 to 100000, got [0]"),
        (["--speed", "0"], "--speed: expected a factor above 0, got 0.0"),
        (["--speed", "nan"], "--speed: expected a factor above 0, got nan"),
        (["--epochs", "0"], "--epochs: expected 1 or more, got 0"),
        (["--seconds", "train_student"], "--seconds: expected RULE=SECONDS, got 'train_student'"),
        (["--seconds", "x=1"], "--seconds: x: the workflow has no such rule"),
        (["--set", "init=1"], "--set: init: unknown key"),
        (["--configfile", "nowhere.yaml"], "nowhere.yaml: no such config file"),
        (["--times", "nowhere.json"], "nowhere.json: no such file"),
        (["--measure", "results"], "--measure: expected --out FILE to write to, got none"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(told, options, said):
    error = told(*DEMO, *options, code=1) if options[0] != "--configfile" else told(*options, code=1)
    assert error.startswith(f"error: {said}")
    assert error.count("\n") == 1


def test_the_cluster_keys_are_listed_with_their_values(told):
    text = told("--list", "--set", "init_seconds=8")
    assert "\ninit_seconds: 8.0  # slurm-init-seconds-before-status-checks" in text


def test_choices_are_those_of_the_modules_behind():
    assert tuple(TARGETS) == rehearse_arguments.TARGETS
    assert rehearse_arguments.SPREADS == SPREADS


def test_overlays_replace_lists_and_keep_other_keys(tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(yaml.safe_dump({"students": {"budgets": ["1M"], "search": {"trials": 24}}}))
    config, plain = (read_config(ROOT / "Snakefile", overlays) for overlays in ([overlay], []))
    assert config.students.budgets == ["1M"]
    assert config.students.search.trials == 24
    assert config.students.search.round_size == plain.students.search.round_size
    assert config.teachers == plain.teachers


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1:00"), (3725, "1:02:05"), (359_999, "99:59:59")],
)
def test_durations_are_read_at_a_glance(seconds, text):
    assert duration(seconds) == text
    assert duration(1e8) == "1,157d 09h"
