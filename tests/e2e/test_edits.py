"""An edit reruns what depends on it, nothing else, and ``mimic why`` says so: in a copy of the checkout."""

import ast
import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tokenize

import pytest

from mimic import fingerprint
from mimic.artifact import read_json
from mimic.console.stages import STAGES
from tests.e2e.checkout import Checkout
from tests.e2e.conftest import changed
from tests.workflow.conftest import ROOT

PYTHON_STAGES = {name: f"mimic.{step}.{name}" for step, name in STAGES if step != "shared"}


@pytest.fixture
def checkout(tmp_path, finished_run):
    code = tmp_path / "code"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("pipeline_src", "workflow"):
        shutil.copytree(ROOT / name, code / name, ignore=ignored)
    for name in ("Snakefile", "config.yaml"):
        shutil.copy2(ROOT / name, code / name)
    # times are kept: they are what Snakemake goes by
    shutil.copytree(finished_run, tmp_path / "run", symlinks=True)
    made = Checkout(tmp_path)
    program = "import mimic; print(mimic.__file__)"
    where = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=made.environment, timeout=60
    )
    assert where.stdout.startswith(str(code))
    return made


def modules():
    """Paths of all modules of the package, from the checkout's root."""
    return sorted(path.relative_to(ROOT) for path in (ROOT / "pipeline_src" / "mimic").rglob("*.py"))


def module_of(path):
    """Dotted name of a module's path."""
    return ".".join(path.with_suffix("").parts[1:]).removesuffix(".__init__")


def reworded(source):
    """A module's source with other docstrings, comments, blank lines and line breaks wherever they may be."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            string = node.body[0].value
            quoted = lines[string.lineno - 1]
            start = len(quoted.encode()[: string.col_offset].decode())
            opening = re.match("[rR]?(\"\"\"|'''|\"|')", quoted[start:])[0]
            at = start + len(opening)
            lines[string.lineno - 1] = quoted[:at] + "Other words. " + quoted[at:]
    source = "".join(lines)
    depth, inside_text, breaks = 0, 0, {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        name = tokenize.tok_name[token.type]
        inside_text += (name in ("FSTRING_START", "TSTRING_START")) - (name in ("FSTRING_END", "TSTRING_END"))
        if token.type == tokenize.OP and not inside_text:
            depth += (token.string in "([{") - (token.string in ")]}")
            if token.string == "," and depth:
                breaks[token.end] = "  # and\n\n        "
        if token.type == tokenize.NEWLINE:
            breaks[token.start] = "  # edited\n\n# more\n"
    lines = source.splitlines(keepends=True)
    for row, column in sorted(breaks, reverse=True):
        line = lines[row - 1]
        lines[row - 1] = line[:column] + breaks[row, column] + line[column:].lstrip(" ")
    return "# A first line\n\n" + "".join(lines)


def test_comments_docstrings_and_line_breaks_in_every_module_rerun_nothing(checkout):
    for path in modules():
        checkout.edit(path, reworded)
        source = (ROOT / path).read_text(encoding="utf-8")
        assert reworded(source).count("\n") >= source.count("\n") + 2
    assert checkout.planned() == {}
    assert "all: up to date; 5 files, the last one made" in checkout.why()


def test_the_students_loss_reruns_students_and_report_and_no_teacher(checkout):
    checkout.edit("pipeline_src/mimic/students/losses.py", lambda text: text.replace(".mean()", ".sum()"))
    students = {"propose_students": 3, "train_student": 10, "tabulate_trials": 4}
    rules = ("tabulate_table1", "tabulate_table2", "plot_figure1", "plot_figure2", "publish_report")
    report = dict.fromkeys(rules, 1)
    assert checkout.planned() == students | report
    assert checkout.why("out/students/cnn2-40k/trials/000").splitlines() == [
        "out/students/cnn2-40k/trials/000: its 4 files would be made again:",
        "  train_student: trial 000 of cnn2-40k",
        "    - code: mimic.students.losses changed",
    ]
    text = checkout.why("out/table2.csv", "out/teachers/trials")
    assert text.startswith("out/table2.csv would be made again:\n  tabulate_table2\n")
    assert "  train_student: 6 trials of cnn2-40k, mlp1-40k and mlp2-40k\n    - code: mimic.stud" in text
    assert "out/teachers/trials: up to date; 12 files, the last one made" in text


def runtime_imports():
    """Stage -> modules of the package that its import loads, in a process of its own.

    Forked, so that the libraries are loaded once.
    """
    program = """
import importlib, json, os, sys
import h5py, numpy, pandas, pydantic, safetensors.torch, scipy.stats, torch
for stage in sys.argv[1:]:
    child = os.fork()
    if not child:
        importlib.import_module(stage)
        found = sorted(name for name in sys.modules if name.split(".")[0] == "mimic")
        print(json.dumps([stage, found]), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
    run = subprocess.run(
        [sys.executable, "-c", program, *PYTHON_STAGES.values()],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT / "pipeline_src")},
    )
    assert run.returncode == 0, run.stderr
    return dict(map(json.loads, run.stdout.splitlines()))


def written_imports():
    """Stage -> modules that lines of source import, directly or not, found without a syntax tree."""
    names = {module_of(path): path for path in modules()}
    direct = {}
    for name, path in names.items():
        text = re.sub(r"\(\s*([^()]*?)\s*\)", r"\1", (ROOT / path).read_text(encoding="utf-8"))
        found = set(re.findall(r"^\s*import (mimic[\w.]*)", text, flags=re.MULTILINE))
        for base, rest in re.findall(
            r"^\s*from (mimic[\w.]*) import ([^\n]*(?:,\n[^\n]*)*)", text, re.MULTILINE
        ):
            found |= {base} | {f"{base}.{word}" for word in re.findall(r"\w+", rest)}
        direct[name] = found & names.keys()
    reached = {}
    for stage in PYTHON_STAGES.values():
        seen, waiting = set(), [stage]
        while waiting:
            name = waiting.pop()
            parts = name.split(".")
            for part in (".".join(parts[:n]) for n in range(1, len(parts) + 1)):
                if part not in seen:
                    seen.add(part)
                    waiting += direct[part]
        reached[stage] = seen
    return reached


DERIVED = (fingerprint.imports_of, fingerprint.modules_of, fingerprint.record_of)


def test_an_edit_of_any_module_changes_the_fingerprints_of_the_stages_that_import_it(monkeypatch):
    stages = list(PYTHON_STAGES.values())
    before = {stage: fingerprint.of_stage(stage) for stage in stages}
    written, loaded = written_imports(), runtime_imports()
    read, reruns = fingerprint._read, {}
    for path in modules():
        edited = module_of(path)
        source = (ROOT / path).read_text(encoding="utf-8") + "\nEDITED = True\n"
        text, imports = fingerprint.canonical_text(ast.parse(source))
        fresh = fingerprint._digest(text.encode("ascii")), imports

        def read_edited(module, edited=edited, fresh=fresh):
            return fresh if module == edited else read(module)

        with monkeypatch.context() as patch:
            patch.setattr(fingerprint, "_read", read_edited)
            for function in DERIVED:
                function.cache_clear()
            reruns[edited] = {stage for stage in stages if fingerprint.of_stage(stage) != before[stage]}
        assert reruns[edited] == {stage for stage in stages if edited in written[stage]}, edited
    for function in DERIVED:
        function.cache_clear()
    for stage, names in loaded.items():
        assert all(stage in reruns[name] for name in names), stage
    assert len(loaded) == len(stages)
    assert not reruns["mimic.console.main"]
    assert reruns["mimic"] == set(stages)


def test_the_spline_reruns_the_stages_whose_imports_say_so(checkout):
    checkout.edit("pipeline_src/mimic/augment/spline.py", lambda text: text + "\nEDITED = True\n")
    expected = {
        rule for rule, stage in PYTHON_STAGES.items() if "mimic.augment.spline" in written_imports()[stage]
    }
    assert {"train_teacher", "generate_epochs", "record_logits"} <= expected
    assert not {"prepare_dataset", "train_group"} & expected
    reasons = checkout.reasons()
    told = {
        rule: {name for reason in found if reason["kind"] == "code" for name in reason["changed"]}
        for rule, found in reasons.items()
    }
    assert {rule for rule, names in told.items() if names == {"mimic.augment.spline"}} == (
        # which members there will be is not known before the ensemble is selected again
        expected - {"record_logits"}
    )
    assert not any(told[rule] for rule in told.keys() - expected)
    members = sorted((checkout.folder / "out" / "logits" / "members").iterdir())
    text = checkout.why(str(members[0].relative_to(checkout.folder)))
    assert "  record_logits: trial 00" in text
    assert text.splitlines()[2] == "    - code: mimic.augment.spline changed"
    assert checkout.planned().keys() == reasons.keys() - {"all"}
    assert checkout.planned("out/data/dataset.h5") == {}


def test_resources_threads_logs_and_messages_of_a_rule_rerun_nothing(checkout):
    for step, memory in (("teachers", 3000), ("students", 4000), ("epochs", 2000)):
        checkout.edit(
            f"workflow/rules/{step}.smk",
            lambda text, memory=memory: (
                text.replace(f"mem_mb={memory}", "mem_mb=1234")
                .replace("threads: 1", "threads: 2")
                .replace('.log",\n', '.txt",\n')
                .replace("    log:\n", '    message:\n        "working"\n    log:\n')
            ),
        )
    assert checkout.planned() == {}
    assert "up to date" in checkout.why("out/table2.csv")


def test_an_edited_command_line_reruns_its_rule_and_what_follows(checkout):
    checkout.edit(
        "workflow/rules/report.smk",
        lambda text: text.replace("mimic.report.plot_figure2", "mimic.report.plot_figure2 "),
    )
    assert checkout.planned() == {"plot_figure2": 1}
    assert "- the command line of the rule was edited" in checkout.why("out/figure2.png")


def test_a_budget_more_runs_the_new_studies_alone(checkout):
    checkout.overlay(changed(students__budgets=["40k", "60k"]))
    jobs = checkout.planned()
    assert jobs == {
        "propose_students": 6,
        "train_student": 9,
        "tabulate_trials": 3,
        **dict.fromkeys(("tabulate_table2", "plot_figure1", "plot_figure2", "publish_report"), 1),
    }
    text = checkout.why("out/table2.csv", "out/students/cnn2-40k", "out/students/cnn2-60k")
    assert '- students.budgets: ["40k"] -> ["40k", "60k"]' in text
    assert "  train_student: 9 trials of cnn2-60k, mlp1-60k and mlp2-60k\n    - not made yet" in text
    assert "out/students/cnn2-40k: up to date" in text
    assert re.search(r"out/students/cnn2-60k: its \d+ files would be made for the first time:", text)


def test_a_key_of_the_config_is_named_with_both_values(checkout):
    checkout.overlay(changed(students__training__max_epochs=3))
    text = checkout.why("out/students/cnn2-40k/trials/000/metrics.json")
    assert text.splitlines() == [
        "out/students/cnn2-40k/trials/000/metrics.json would be made again:",
        "  train_student: trial 000 of cnn2-40k",
        "    - students.training.max_epochs: 2 -> 3",
    ]


def test_what_a_killed_run_left_is_told(checkout):
    """With the mark that Snakemake sets before a job; a plain dry run stops at it."""
    file = "out/students/cnn2-40k/trials/001/metrics.json"
    marks = checkout.folder / ".snakemake" / "incomplete"
    (marks / base64.urlsafe_b64encode(file.encode()).decode()).write_text('{"external_jobid": null}')
    assert checkout.why("out/students/cnn2-40k/trials/001").splitlines() == [
        "out/students/cnn2-40k/trials/001: its 4 files would be made again:",
        "  train_student: trial 001 of cnn2-40k",
        f"    - a killed run left {file} unfinished",
    ]


def traces(folder):
    """What tells whether a file was touched: inode, time, content."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


def test_a_round_more_of_teachers_keeps_the_old_trials_and_labels_new_members_only(checkout):
    """Really run, with one member more, so that at least one of the members is new."""
    out = checkout.folder / "out"
    old_members = json.loads((out / "ensemble" / "members.json").read_text())["members"]
    kept = {}
    for name in (
        "teachers/trials",
        "teachers/round-00",
        "teachers/round-01",
        "logits/members",
        "data",
        "epochs",
    ):
        kept |= traces(out / name)
    checkout.overlay(changed(teachers__search__trials=4, ensemble__n_members=3))
    assert "- it reads out/teachers/trials/003/metrics.json" in checkout.why("out/ensemble/members.json")
    run = checkout.run("snakemake", "out/logits/targets.h5", "--cores", "2")
    members = json.loads((out / "ensemble" / "members.json").read_text())["members"]
    new = sorted(set(members) - set(old_members))
    assert len(members) == 3
    assert new
    assert {path: trace for path, trace in traces(out).items() if path in kept} == kept
    assert (out / "teachers" / "trials" / "003" / "weights.safetensors").exists()
    counts = {rule: run.stderr.count(f"rule {rule}:") for rule in ("train_teacher", "record_logits")}
    assert counts == {"train_teacher": 1, "record_logits": len(new)}
    labelled = {int(path.stem) for path in (out / "logits" / "members").glob("*.h5")}
    assert labelled == set(old_members) | set(new)


def test_a_trial_more_in_the_last_round_keeps_that_round(checkout):
    """Three trials in rounds of two and two: the fourth was proposed with the third, though not run."""
    search = {"trials": 3, "first_round": 2, "round_size": 2}
    checkout.overlay(changed(students__search=search))
    targets = "out/students/mlp1-40k/trials.csv"
    checkout.run("snakemake", targets, "--cores", "1")
    checkout.overlay(changed(students__search={**search, "trials": 4}))
    assert checkout.planned(targets) == {"train_student": 1, "tabulate_trials": 1}


def test_a_run_keeps_a_record_of_every_fingerprint_and_a_dry_run_none(checkout):
    folder = checkout.folder / "out" / "fingerprints"
    kept = {path.stem: read_json(path, fingerprint.FORMAT) for path in folder.glob("*.json")}
    assert {record["stage"] for record in kept.values()} == set(PYTHON_STAGES.values())
    for name, record in kept.items():
        assert record == fingerprint.record_of(record["stage"])
        assert record["fingerprint"] == name
    before = traces(folder)
    checkout.edit("pipeline_src/mimic/report/plot_figure2.py", lambda text: text + "\nEDITED = True\n")
    assert checkout.planned() == {"plot_figure2": 1}
    assert traces(folder) == before
    checkout.run("snakemake", "out/figure2.png", "--cores", "1")
    after = traces(folder)
    assert len(after) == len(before) + 1
    assert {path: trace for path, trace in after.items() if path in before} == before
