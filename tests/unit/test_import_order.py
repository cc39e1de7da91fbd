"""Who may import whom: the order that the docstring of the package states, read from the source."""

import ast
from pathlib import Path

import pytest

import mimic

PACKAGE = Path(mimic.__file__).parent
FLOOR = {
    *("config", "seeding", "artifact", "sealed", "sealing", "fingerprint", "cli"),
    *("progress", "allocator", "termination", "drawing", "tables", "tensors", "torchvision_import"),
    "image_files",
}
MACHINERY = {"augment": set(), "models": set(), "search": set(), "training": {"augment"}, "gpus": set()}
TOP = {"console", "__main__", "status", "rehearsal"}
#: Every other package is a step, which others import through its store alone.
STEPS = {path.parent.name for path in PACKAGE.glob("*/__init__.py")} - FLOOR - {*MACHINERY, "report"} - TOP


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in SOURCES.items()}
VERBS = {
    name
    for name, tree in TREES.items()
    if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)
    and not name.startswith("mimic.console")
}


def imports_of(tree):
    """Modules of the package that a tree imports, lazily imported ones too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write the whole name, as all of the package does"
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found |= {name for name in names if name in SOURCES and name.count(".")}
    # `from mimic import artifact` names no package; `from mimic.data.store import x` names mimic.data.store
    return {name for name in found if not any(other.startswith(f"{name}.") for other in found)}


def is_allowed(importer, imported):
    source, target = importer.split(".")[1:], imported.split(".")[1:]
    package, other = source[0], target[0]
    if package in TOP:
        return True
    if other in FLOOR:
        return True
    if package in FLOOR:
        return False
    if package == other:
        return True
    if package in MACHINERY:
        return other in MACHINERY[package]
    if package == "report":
        return other == "augment" and importer == "mimic.report.page.augmentations"
    return other in MACHINERY or (other in STEPS and target[1:] == ["store"])


def test_every_module_has_a_place_in_the_order():
    known = FLOOR | set(MACHINERY) | STEPS | {"report"} | TOP
    assert {name.split(".")[1] for name in SOURCES if name != "mimic"} == known
    assert {"data", "teachers", "ensemble", "epochs", "logits", "shared", "students"} <= STEPS
    assert len(SOURCES) > 60


@pytest.mark.parametrize("name", [name for name in SOURCES if name != "mimic"])
def test_imports_go_downwards_only(name):
    wrong = [other for other in imports_of(TREES[name]) if not is_allowed(name, other)]
    assert not wrong, f"{name} may not import {wrong}"


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("mimic.students.train_student", "mimic.logits.store", True),
        ("mimic.students.train_student", "mimic.logits.average_logits", False),
        ("mimic.students.train_student", "mimic.students.families", True),
        ("mimic.training.loop", "mimic.augment.render", True),
        ("mimic.training.loop", "mimic.models.net", False),
        ("mimic.augment.render", "mimic.training.loop", False),
        ("mimic.models.net", "mimic.config", True),
        ("mimic.config", "mimic.models.net", False),
        ("mimic.report.trials", "mimic.data.store", False),
        ("mimic.report.trials", "mimic.training.loop", False),
        ("mimic.report.page.augmentations", "mimic.augment.render", True),
        ("mimic.report.page.augmentations", "mimic.epochs.store", False),
        ("mimic.report.publish_report", "mimic.augment.render", False),
        ("mimic.data.store", "mimic.console.main", False),
        ("mimic.console.main", "mimic.students.families", True),
        ("mimic.status.jobs", "mimic.students.families", True),
        ("mimic.students.families", "mimic.status.jobs", False),
        ("mimic.rehearsal.jobs", "mimic.students.families", True),
        ("mimic.students.families", "mimic.rehearsal.jobs", False),
    ],
)
def test_the_rule_itself_tells_right_from_wrong(importer, imported, allowed):
    assert is_allowed(importer, imported) == allowed


def test_verbs_are_imported_by_the_console_alone():
    assert "mimic.students.train_student" in VERBS
    for name, tree in TREES.items():
        if not name.startswith("mimic.console"):
            assert not imports_of(tree) & VERBS, name


def test_the_init_of_a_package_holds_its_docstring_alone():
    for name, path in SOURCES.items():
        if path.name == "__init__.py":
            assert ast.get_docstring(TREES[name]), name
            assert len(TREES[name].body) == 1, name
