"""``mimic why`` on an empty folder: what it knows of the workflow, what it refuses, what it writes."""

import json
import os
import subprocess
import sys

import pytest
import yaml

from mimic.console.plan import plan
from mimic.console.reasons import NOT_COMPARED, OF_INPUTS, SECTIONS
from tests.workflow.conftest import ROOT, run_snakemake

#: A demo with both kinds of students, and no images to wait for.
DEMO = str(ROOT / "workflow" / "presets" / "demo.yaml")
GRID = str(ROOT / "workflow/presets/shallow-demo.yaml")
THIN = str(ROOT / "workflow/presets/win-demo.yaml")


def mimic_why(folder, *arguments, snakefile=ROOT / "Snakefile", configfiles=(DEMO,)):
    """Finished process of ``mimic why`` in a folder."""
    command = [sys.executable, "-m", "mimic", "why", *arguments, "--snakefile", str(snakefile)]
    if configfiles:
        command += ["--configfile", *map(str, configfiles)]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=120)


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_every_parameter_of_every_rule_is_named_as_in_the_config(tmp_path):
    planned = plan([], str(ROOT / "Snakefile"), str(tmp_path), [DEMO])
    grid = plan(["shallow"], str(ROOT / "Snakefile"), str(tmp_path), [GRID])
    thin = plan(["win"], str(ROOT / "Snakefile"), str(tmp_path), [THIN])
    jobs = planned["jobs"] + grid["jobs"] + thin["jobs"]
    rules = {job["rule"]: job for job in jobs if job["params"] is not None}
    assert len(rules) > 15
    known = {"seed", "fingerprint", "trial", "round", "study", "study_folder"}
    known |= {"group", "figure", "repetition", "block"}
    known |= {*NOT_COMPARED, *(name for _, name in OF_INPUTS)}
    named = {(rule, name) for rule, job in rules.items() for name in job["params"] if name not in known}
    expected = {key for key in SECTIONS if key[0] in rules}
    assert named == expected
    # the rest waits for the checkpoint, takes its place, or reads a folder of images
    later = {"average_logits", "record_logits", "unpack_targets", "cache_images"}
    assert {rule for rule, _ in SECTIONS} - rules.keys() <= later


def test_nothing_is_made_yet_in_an_empty_folder(tmp_path):
    run = mimic_why(tmp_path, "results/demo/table2.csv")
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[:3] == [
        "results/demo/table2.csv would be made for the first time:",
        "  tabulate_table2",
        "    - not made yet",
    ]
    assert "  train_student: 36 trials of 18 studies" in lines
    assert max(map(len, lines)) <= 100


def test_it_writes_what_a_dry_run_writes_and_no_more(tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    assert mimic_why(ours, "results/demo/students/cnn2-100k/trials").returncode == 0
    assert run_snakemake(theirs, "-n", "--quiet", preset="demo").returncode == 0
    assert files_below(ours) == files_below(theirs)
    assert not (ours / "results").exists()


@pytest.mark.parametrize("folder", ["students/cnn2-100k/trials/001", "students/cnn2-100k/trials/001/"])
def test_a_folder_stands_for_the_files_below_it(tmp_path, folder):
    run = mimic_why(tmp_path, f"results/demo/{folder}")
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0] == f"results/demo/{folder}: its 4 files would be made for the first time:"
    assert lines[1] == "  train_student: trial 001 of cnn2-100k"
    whole = mimic_why(tmp_path, str(tmp_path / "results" / "demo" / folder))
    assert lines[1:] == whole.stdout.splitlines()[-len(lines) + 1 :]


def refused(run):
    """The one line that a refusal consists of."""
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.startswith("error: ")
    assert run.stderr.count("\n") == 1
    assert len(run.stderr) < 300
    return run.stderr


@pytest.mark.parametrize(
    "target", ["results/demo/table9.csv", "results/demo/nowhere/x", "table2", "nowhere/"]
)
def test_an_unknown_target_is_refused_by_its_name(tmp_path, target):
    assert target in refused(mimic_why(tmp_path, target))


def test_a_config_that_is_wrong_is_refused_by_file_or_key(tmp_path):
    missing, broken, wrong = (tmp_path / f"{name}.yaml" for name in ("missing", "broken", "wrong"))
    broken.write_text("seed: [1\n")
    wrong.write_text("sead: 1\n")
    assert "missing.yaml: no such config file" in refused(mimic_why(tmp_path, configfiles=[missing]))
    assert "broken.yaml: not YAML: " in refused(mimic_why(tmp_path, configfiles=[broken]))
    assert "sead: unknown key" in refused(mimic_why(tmp_path, configfiles=[wrong]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rule a\n    output: 'x'\n", ["Snakefile.broken", "line 1"]),
        ("rule all:\n    input: 'nothere.txt'\n", ["nothere.txt"]),
        ("raise ValueError('no way')\n", ["no way"]),
        ("import sys\nsys.exit('error: stopped here')\n", ["error: stopped here"]),
    ],
)
def test_a_broken_workflow_is_refused_in_one_line(tmp_path, text, said):
    path = tmp_path / "Snakefile.broken"
    path.write_text(text)
    line = refused(mimic_why(tmp_path, snakefile=path, configfiles=()))
    for words in said:
        assert words in line


def test_a_folder_that_another_run_holds_is_explained_with_a_note(tmp_path):
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("results/demo/data/dataset.h5\n")
    run = mimic_why(tmp_path, "results/demo/data/dataset.h5")
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    note = " ".join(line.strip() for line in lines[:2])
    assert note.startswith("note: the folder is locked. A run is at work in it")
    assert note.endswith("or it was killed: snakemake --unlock")
    assert lines[2] == "results/demo/data/dataset.h5 would be made for the first time:"
    assert [path.name for path in locks.iterdir()] == ["0.output.lock"]
    value = json.loads(mimic_why(tmp_path, "results/demo/data/dataset.h5", "--json").stdout)
    assert value["locked"] is True


def test_an_unknown_target_is_answered_with_its_neighbours(tmp_path):
    line = refused(mimic_why(tmp_path, "results/demo/tabel2.csv"))
    assert "did you mean results/demo/table2.csv?" in line
    assert "leave out --configfile for results" in refused(mimic_why(tmp_path, "results/table2.csv"))


def test_an_overlay_given_twice_over_is_the_last_one(tmp_path):
    """As for Snakemake: later files win; the output folder shows which one did."""
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"output": "mine"}))
    assert (
        "mine/table2.csv would be made"
        in mimic_why(tmp_path, "mine/table2.csv", configfiles=[DEMO, path]).stdout
    )
