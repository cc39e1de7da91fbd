"""What ``mimic status`` prints, on folders made by hand."""

import json
import os
import subprocess
import sys

import pytest
import yaml
from rich.console import Console
from tests.unit.status.conftest import NOW, OUT, ROOT, SMALL, Folder, config_of, training_log

from mimic.config.whole import load
from mimic.console import status
from mimic.console.main import main
from mimic.console.overlays import read_config
from mimic.console.status import duration, view
from mimic.status.jobs import plan_of
from mimic.status.papers import shallow_jobs
from mimic.status.snapshot import Reader


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path, config_of(**SMALL))


def lines_of(standing, width=80, hint=""):
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(view(standing, hint))
    lines = [line.rstrip() for line in captured.get().splitlines()]
    assert max(map(len, lines)) <= width
    return lines


def test_an_empty_folder_says_how_to_start(folder):
    assert lines_of(folder.read(), 120, " --configfile demo.yaml") == [
        "results: nothing yet; start with: snakemake --cores all --configfile demo.yaml"
    ]
    folder.lock()
    (line,) = lines_of(folder.read())
    assert line.startswith("results: nothing yet; a run holds the lock since ")


def test_a_run_under_way_in_80_columns(folder):
    folder.lock(age=700)
    folder.finish("prepare_dataset")
    folder.finish("train_teacher 000", accuracy=0.7123, seconds=30)
    for title in ("train_student cnn2-30k-hard 000", "train_teacher 001"):
        folder.begin(title, age=650)
    folder.log("train_student cnn2-30k-hard 000", training_log(12, 500, accuracy=0.5), age=600)
    folder.log("train_teacher 001", training_log(3, 500, accuracy=0.25), age=4)
    folder.log("train_teacher 002", "error: no room\n", age=60)
    lines = lines_of(folder.read(), hint=" --configfile demo.yaml")
    total = len(folder.plan.jobs)
    assert lines[0] == f"results: 2 of {total} jobs done (5 %), 2 running, 1 failed"
    assert lines[1].startswith("a run holds the lock since ")
    assert lines[1].endswith(" (12 min)")
    assert lines[2].startswith("time left: at least ")
    assert "students" not in lines[2].split(";")[0]
    text = "\n".join(lines)
    assert "step      jobs  done  running  failed  waiting" in lines
    assert "teachers     7     1        1       1        4" in lines
    assert "teachers          1/5        1       1         -    1/2            71.23   70.23" in lines
    assert "cnn2-30k-hard     0/3        1       -         -    1/2                -       -" in lines
    at = lines.index("running                           epoch  validation  images/s          last line")
    assert lines[at + 1 : at + 3] == [
        "train_student cnn2-30k-hard 000  12/500     50.00 %     1,234  silent for 10 min",
        "train_teacher 001                 3/500     25.00 %     1,234            4 s ago",
    ]
    assert "1 failed:\n  train_teacher 002: error: no room\n    results/logs/train_teacher/002.log" in text
    assert text.replace("\n", " ").endswith("Whether they are current: mimic why --configfile demo.yaml")


def test_a_run_that_may_have_been_killed_is_said_to_be_unlocked_by_hand(folder):
    folder.lock(age=9000)
    folder.begin("train_teacher 000", age=8000)
    folder.log("train_teacher 000", training_log(2, 9), age=5000)
    assert "no job has written for long; if the run was killed: snakemake --unlock" in lines_of(folder.read())
    folder.log("train_teacher 000", training_log(2, 9), age=5)
    assert "--unlock" not in "\n".join(lines_of(folder.read()))


def test_forty_studies_become_a_table_of_families_and_budgets(tmp_path):
    folder = Folder(tmp_path, config_of())
    folder.finish("train_student cnn4-31.6M 005", accuracy=0.913)
    folder.finish("train_student cnn1-10M-hard 000", accuracy=0.876)
    folder.lock()
    folder.begin("train_student cnn1-10M-hard 001")
    folder.log("train_student cnn1-10M-hard 001", age=1)
    lines = lines_of(folder.read())
    assert "family       1M  3.16M           10M      31.6M" in lines
    assert "cnn4       0/48   0/48          0/48  1/48 91.3" in lines
    assert "cnn1 hard               1/48 +1 87.6" in lines
    assert len(lines) < 50


@pytest.mark.parametrize("n_budgets", [5, 9])
def test_more_budgets_than_80_columns_hold_follow_below(tmp_path, n_budgets):
    budgets = [f"{n}M" for n in range(1, n_budgets + 1)]
    folder = Folder(tmp_path, config_of(students__budgets=budgets))
    folder.finish("train_student mlp1-1M 000")
    lines = lines_of(folder.read())
    heads = [line.split()[1:] for line in lines if line.startswith("family ")]
    assert [budget for head in heads for budget in head] == [*budgets, *([] if "10M" in budgets else ["10M"])]


def test_long_lists_are_counted(folder):
    for trial in range(5):
        folder.log(f"train_teacher 00{trial}", "error: no room\n", age=60)
    for study in ("mlp1-30k", "cnn2-30k"):
        folder.log(f"train_student {study} 000", "error: no room\n", age=60)
    text = "\n".join(lines_of(folder.read()))
    assert "7 failed:" in text
    assert "  and 2 more" in text


def test_what_files_say_is_no_markup_and_steers_nothing(folder):
    folder.log("train_teacher 000", "error: [bold red]x[/bold red] \x1b[2J\n", age=60)
    assert "  train_teacher 000: error: [bold red]x[/bold red]  [2J" in lines_of(folder.read())


def test_a_finished_run_says_no_time(folder):
    for title in folder.jobs:
        if title != "record_logits":
            folder.finish(title)
    standing = folder.read()
    assert standing["jobs"]["done"] == standing["jobs"]["total"] - 2
    standing["jobs"]["done"] += 2
    lines = lines_of(standing)
    assert lines[0].endswith("jobs done (100 %)")
    assert not any("left" in line or "lock" in line for line in lines)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"),
        (119.4, "119 s"),
        (119.6, "2 min"),
        (7169, "119 min"),
        (7190, "2 h 0 min"),
        (47 * 3600 + 59 * 60, "47 h 59 min"),
        (50 * 3600, "2 d 2 h"),
    ],
)
def test_durations_are_read_at_a_glance(seconds, words):
    assert duration(seconds) == words


def test_the_config_is_put_together_as_snakemake_does(tmp_path):
    from snakemake.common.configfile import load_configfile
    from snakemake.utils import update_config

    preset = ROOT / "workflow" / "presets" / "demo.yaml"
    upper = tmp_path / "upper.yaml"
    upper.write_text("students: {search: {trials: 7}, budgets: [77k]}\nseed: 3\n")
    config = read_config(ROOT / "Snakefile", [str(preset), str(upper)])
    expected = {}
    for path in (ROOT / "config.yaml", preset, upper):
        update_config(expected, load_configfile(path))
    assert config == load(expected)
    assert config.students.search.trials == 7
    assert list(config.students.budgets) == ["77k"]


def run(folder, *arguments, **variables):
    command = [sys.executable, "-m", "mimic", "status", "--snakefile", str(ROOT / "Snakefile"), *arguments]
    environment = {**os.environ, **variables}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=60, env=environment)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--configfile", "none.yaml"],
            "error: none.yaml: no such config file; presets are",
        ),
        (["--directory", "none"], "error: none: no such folder; give the run's by --directory"),
        (
            ["--snakefile", "none/Snakefile"],
            "error: none/config.yaml: no such config file; run this beside",
        ),
        (["--configfile", "typo.yaml"], "error: config: sed: unknown key; did you mean seed?"),
        (["--configfile", "list.yaml"], "error: list.yaml: expected keys of config.yaml, got list"),
        (["--watch", "0"], "error: --watch: expected at least 0.1 seconds, got 0.0"),
        (["--watch", "nan"], "error: --watch: expected at least 0.1 seconds, got nan"),
    ],
)
def test_mistakes_end_in_one_line(tmp_path, capsys, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "typo.yaml").write_text("sed: 3\n")
    (tmp_path / "list.yaml").write_text("[1]\n")
    base = [] if "--snakefile" in arguments else ["--snakefile", str(ROOT / "Snakefile")]
    assert main(["status", *base, *arguments]) == 1
    err = capsys.readouterr().err
    assert err.startswith(words)
    assert err.count("\n") == 1


def test_it_starts_neither_snakemake_nor_torch_and_writes_nothing(tmp_path):
    done = run(tmp_path, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("results: nothing yet; start with: snakemake --cores all")
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "mimic.status.snapshot" in imported
    assert not imported & {"snakemake", "torch", "pandas", "optuna"}
    assert not list(tmp_path.iterdir())


def test_json_is_what_the_view_is_made_of(folder, capsys):
    folder.finish("train_teacher 000")
    overlay = folder.path / "overlay.yaml"
    overlay.write_text("teachers: {search: {trials: 130}}\n")
    arguments = ["--configfile", str(overlay), "--directory", str(folder.path), "--json"]
    assert main(["status", "--snakefile", str(ROOT / "Snakefile"), *arguments]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["format"] == "mimic.status/1"
    assert answer["teachers"]["trials"]["total"] == 130
    assert answer["teachers"]["trials"]["done"] == 1


def test_watching_prints_a_block_a_look_and_ends_with_the_last_job(folder, monkeypatch, capsys):
    class Watched:
        def __init__(self, *_):
            self.looks = 0

        def read(self):
            self.looks += 1
            if self.looks == 2:
                folder.finish("prepare_dataset")
            if self.looks == 3:
                for job in plan_of(folder.config, False, [0, 1]).jobs:
                    for output in job.outputs:
                        folder.write(output)
            standing = folder.read()
            assert standing["time"] == NOW
            # the members are unreadable, so that their jobs stay without a name
            standing["jobs"]["done"] += 2 * (self.looks == 3)
            return standing

    monkeypatch.setattr(status, "Reader", Watched)
    monkeypatch.setattr(status.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(status, "read_config", lambda *_: folder.config)
    assert main(["status", "--watch", "0.5"]) == 0
    printed = capsys.readouterr().out
    assert printed.count(f"{OUT}: ") == 3
    assert printed.index("nothing yet") < printed.index(": 1 of ") < printed.index("(100 %)")


def test_watching_as_json_is_a_line_a_look_until_ctrl_c(folder, monkeypatch, capsys):
    def interrupted(seconds):
        assert seconds == 2.0
        raise KeyboardInterrupt

    monkeypatch.setattr(status.time, "sleep", interrupted)
    monkeypatch.setattr(status, "read_config", lambda *_: folder.config)
    assert main(["status", "--watch", "--json", "--directory", str(folder.path)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["jobs"]["done"] == 0


@pytest.fixture
def grid(tmp_path):
    """A folder with results of the second paper alone: a dataset and a group of two are done."""
    values = yaml.safe_load((ROOT / "config.yaml").read_text())
    values["shallow"]["grid"] |= {"dataset": ["mnist"], "n_layers": [1, 2], "n_filters": [1]}
    config = load(values)
    for job in shallow_jobs(config):
        done = job.rule == "prepare_shallow_dataset" or job.title() == "train_group mnist-L1-F1-K3"
        for output in job.outputs if done else ():
            (tmp_path / output).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / output).touch()
    log = tmp_path / "results/logs/train_group/mnist-L1-F1-K3.log"
    log.parent.mkdir(parents=True)
    log.write_text("epoch of a stack 24/24  48.0 s, at most 0.0 s left  loss 0.5\n")
    return tmp_path, config


def test_a_run_of_the_grid_alone_shows_no_studies_and_gives_no_verdict(grid):
    folder, config = grid
    lines = lines_of(Reader(config, folder).read(), 100)
    assert lines[0] == "results: 2 of 12 jobs done (16 %)"
    assert lines[2:4] == [
        "work left: 48 s one job after another",
        "  from 48 s a group of nets; short jobs not counted",
    ]
    assert not any(line.startswith("study") for line in lines)
    assert lines[-3:] == [
        lines[-3],
        "",
        "Done means that the files are there. Whether they are current: mimic why shallow",
    ]
    assert lines[-3].startswith("shallow ")


def test_where_tables_are_all_that_is_left_no_seconds_are_told(grid):
    folder, config = grid
    for job in shallow_jobs(config):
        for output in job.outputs if job.rule == "train_group" else ():
            (folder / output).parent.mkdir(parents=True, exist_ok=True)
            (folder / output).touch()
    lines = lines_of(Reader(config, folder).read(), 100)
    assert lines[2] == "time left: that of short jobs, which are not counted"
    assert lines[3] == ""
    for job in shallow_jobs(config):
        for output in job.outputs:
            (folder / output).parent.mkdir(parents=True, exist_ok=True)
            (folder / output).touch()
    lines = lines_of(Reader(config, folder).read(), 100)
    assert lines[-1] == "Done: the files are there. Whether they are current: mimic why shallow"
