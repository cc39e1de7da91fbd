import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mimic import fingerprint
from mimic.console.stages import STAGES


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of three modules: stage imports noun, noun imports base lazily; other stands alone."""
    monkeypatch.setattr(fingerprint, "PACKAGE", tmp_path)
    clear()
    (tmp_path / "step").mkdir()
    files = {
        "__init__.py": "",
        "step/__init__.py": '"""A step."""\n',
        "step/stage.py": '"""Does it."""\nfrom mimic.step import noun\n\ndef run(x):\n    return noun.f(x)\n',
        "step/noun.py": "def f(x):\n    from mimic.base import g\n    return g(x)\n",
        "base.py": "import math\n\n\ndef g(x):\n    return x + 1\n",
        "other.py": "import mimic.base\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    yield tmp_path
    clear()


def clear():
    for function in (
        fingerprint._read,
        fingerprint.imports_of,
        fingerprint.modules_of,
        fingerprint._tables_beside,
        fingerprint.record_of,
    ):
        function.cache_clear()


def after(package, name, text):
    """Fingerprint of the stage with another text in a module."""
    before = fingerprint.of_stage("mimic.step.stage")
    (package / name).write_text(text)
    clear()
    return before, fingerprint.of_stage("mimic.step.stage")


def test_modules_are_found_transitively_and_lazily(package):
    assert fingerprint.modules_of("mimic.step.stage") == (
        "mimic",
        "mimic.base",
        "mimic.step",
        "mimic.step.noun",
        "mimic.step.stage",
    )
    assert fingerprint.modules_of("mimic.other") == ("mimic", "mimic.base", "mimic.other")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("base.py", "import math  # a comment\n\n\ndef g(x):\n    # another\n    return x + 1\n"),
        (
            "base.py",
            '"""Docstring."""\nimport math\n\ndef g(x):\n    """Adds."""\n    return (x\n        + 1)\n',
        ),
        ("base.py", "import math\ndef g( x ) :\n  return x+1\n"),
        ("step/__init__.py", '"""Another docstring."""\n'),
        ("other.py", "x = 3\n"),
    ],
)
def test_comments_docstrings_formatting_and_strangers_change_nothing(package, name, text):
    before, now = after(package, name, text)
    assert before == now


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("base.py", "import math\n\n\ndef g(x):\n    return x + 2\n"),
        ("base.py", "import math\n\n\ndef g(x):\n    'docstring'\n    'text'\n    return x + 1\n"),
        ("step/noun.py", "def f(x):\n    return x\n"),
        ("step/stage.py", "def stage(x):\n    return x\n"),
        ("step/__init__.py", "x = 1\n"),
        ("__init__.py", "x = 1\n"),
    ],
)
def test_code_changes_it_however_far_below(package, name, text):
    before, now = after(package, name, text)
    assert before != now


def test_code_that_moves_between_modules_changes_it(package):
    before = fingerprint.of_stage("mimic.step.stage")
    (package / "base.py").rename(package / "ground.py")
    noun = package / "step" / "noun.py"
    noun.write_text(noun.read_text().replace("mimic.base", "mimic.ground"))
    clear()
    assert fingerprint.of_stage("mimic.step.stage") != before


@pytest.mark.parametrize(
    ("statement", "module"),
    [
        ("from . import noun", "mimic.step.noun"),
        ("from .noun import f", "mimic.step.noun"),
        ("from .. import base", "mimic.base"),
        ("from ..deep.below import leaf", "mimic.deep.below.leaf"),
        ("from ..base import g", "mimic.base"),
        ("import mimic.deep.below.leaf as leaf", "mimic.deep.below.leaf"),
        ("from mimic.deep import below", "mimic.deep.below"),
    ],
)
def test_each_form_of_import_is_followed_with_its_packages(package, statement, module):
    (package / "deep" / "below").mkdir(parents=True)
    for name in ("deep/__init__.py", "deep/below/__init__.py", "deep/below/leaf.py"):
        (package / name).write_text(f"name = {name!r}\n")
    (package / "step" / "stage.py").write_text(f"def run():\n    {statement}\n")
    clear()
    parts = module.split(".")
    expected = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
    modules = set(fingerprint.modules_of("mimic.step.stage"))
    if module == "mimic.step.noun":
        expected |= {"mimic.base"}
    assert modules == expected | {"mimic", "mimic.step", "mimic.step.stage"}


def test_a_package_s_own_relative_imports_start_at_the_package(package):
    (package / "step" / "__init__.py").write_text("from . import noun\nfrom .. import other\n")
    clear()
    assert fingerprint.imports_of("mimic.step") == {"mimic", "mimic.step", "mimic.step.noun", "mimic.other"}


def test_a_package_hides_a_module_of_its_name_as_in_python(package):
    (package / "base").mkdir()
    (package / "base" / "__init__.py").write_text("def g(x):\n    return x + 1\n")
    clear()
    before, now = after(package, "base.py", "something = 'else'\n")
    assert before == now


def test_a_table_of_the_paper_counts_as_code_of_its_package(package):
    (package / "step" / "reference").mkdir()
    table = package / "step" / "reference" / "table.csv"
    clear()
    seen = {fingerprint.of_stage("mimic.step.stage")}
    strangers = {fingerprint.of_stage("mimic.other")}
    for text in ("a,b\n", "a,c\n"):
        table.write_text(text)
        clear()
        seen.add(fingerprint.of_stage("mimic.step.stage"))
        strangers.add(fingerprint.of_stage("mimic.other"))
    assert len(seen) == 3
    assert len(strangers) == 1


def test_a_template_counts_as_code_of_its_package(package):
    folder = package / "step" / "templates"
    folder.mkdir()
    before, now = after(package, "step/templates/page.html.j2", "<p>\n")
    assert before != now


def test_a_record_names_the_parts_and_its_digest_is_the_fingerprint(package):
    record = json.loads(json.dumps(fingerprint.record_of("mimic.step.stage")))
    assert record["stage"] == "mimic.step.stage"
    assert tuple(record["modules"]) == fingerprint.modules_of("mimic.step.stage")
    assert record["tables"] == {}
    assert fingerprint.digest_of(record["modules"], record["tables"]) == record["fingerprint"]
    (package / "base.py").write_text("g = None\n")
    clear()
    now = fingerprint.record_of("mimic.step.stage")
    assert [name for name in now["modules"] if now["modules"][name] != record["modules"][name]] == [
        "mimic.base"
    ]


SOURCE = '''
import os as system
def f(a, *, b, c=1, **rest):
    """Docstring."""
    global x
    x = {**rest, "key": None, u"ü": -1.5, ...: b"bytes"}
    return f"{a!r:>{b}}" if a else lambda: None
class C:
    y: int = 1j
'''


def canonical(tree):
    return fingerprint.canonical_text(tree)[0]


def test_trees_that_differ_as_those_of_other_versions_are_written_the_same(monkeypatch):
    """Fields that a version adds are empty; those it lacks are absent; a spec may end in an empty text."""
    expected = canonical(ast.parse(SOURCE))
    for kind in (ast.FunctionDef, ast.ClassDef, ast.Call, ast.Lambda):
        monkeypatch.setattr(kind, "_fields", (*kind._fields[:1], "type_params", *kind._fields[1:], "added"))
    newer = ast.parse(SOURCE)
    for node in ast.walk(newer):
        node.type_params, node.added = [], None
        if isinstance(node, ast.JoinedStr):
            node.values.append(ast.Constant(value=""))
        if isinstance(node, ast.Constant):
            node.kind = None
    assert canonical(newer) == expected
    monkeypatch.undo()
    older = ast.parse(SOURCE)
    for node in ast.walk(older):
        for name in node._fields:
            if getattr(node, name, 0) in (None, []) and not isinstance(node, ast.Constant):
                delattr(node, name)
    assert canonical(older) == expected
    assert expected.isascii()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{**a}", "{None: a}"),
        ("return_ = 1", "return_ = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'None'", "x = None"),
        ("x = b'a'", "x = 'a'"),
        ("x = ''", "x = f''"),
        ("def f(a, b=1): pass", "def f(a=1, b=1): pass"),
        ("def f(*, a, b=1): pass", "def f(*, a=1, b): pass"),
        ("def f(a, /): pass", "def f(a): pass"),
        ("x[1:]", "x[:1]"),
        ("global a", "nonlocal a"),
        ("f'{a!r}'", "f'{a}'"),
        ("a < b", "a <= b"),
        ("import a", "import a as b"),
        ("from . import a", "from .. import a"),
        ("async def f(): pass", "def f(): pass"),
        ("try: a\nfinally: b", "try: a\nexcept: b"),
        ("if a:\n  b\n  c", "if a:\n  b\nc"),
        ("x: int", "x: int = None"),
        ("('a', 'b')", "('a' 'b')"),
        ("x = 'a,b'", "x = 'a', 'b'"),
    ],
)
def test_code_that_differs_is_written_differently(one, other):
    assert canonical(ast.parse(one)) != canonical(ast.parse(other))


def other_pythons():
    """Supported interpreters of other versions that are installed beside this one."""
    here = Path(sys.base_prefix)
    folders = [here / "bin", here.parent, Path("/usr/bin"), Path("/usr/local/bin")]
    for minor in range(11, 15):
        if minor != sys.version_info.minor:
            found = [path for folder in folders for path in folder.glob(f"python3.{minor}")]
            found += sorted(here.parent.glob(f"*3.{minor}.*/bin/python3"))
            yield from found[:1]


def test_other_versions_of_python_give_the_same_fingerprints():
    pythons = list(other_pythons())
    if not pythons:
        pytest.skip("no other version of Python is installed")
    stages = [f"mimic.{step}.{name}" for step, name in STAGES]
    program = (
        "import sys; from mimic import fingerprint\nprint(*[fingerprint.of_stage(s) for s in sys.argv[1:]])"
    )
    expected = [fingerprint.of_stage(stage) for stage in stages]
    for python in pythons:
        run = subprocess.run(
            [str(python), "-S", "-c", program, *stages],
            capture_output=True,
            text=True,
            timeout=60,
            env={"PYTHONPATH": str(fingerprint.PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert run.stdout.split() == expected, f"{python}: {run.stderr}"


def test_a_fingerprint_is_sixteen_hexadecimal_digits(package):
    assert len(fingerprint.of_stage("mimic.step.stage")) == 16
    int(fingerprint.of_stage("mimic.step.stage"), 16)


def test_students_do_not_depend_on_the_code_of_teachers():
    students = fingerprint.modules_of("mimic.students.train_student")
    assert not [name for name in students if "teacher" in name]
    assert "mimic.students.losses" in students
    assert "mimic.epochs.store" in students
    assert "mimic.logits.store" in students
    assert "mimic.epochs.generate_epochs" not in students


def test_teachers_do_not_depend_on_the_code_of_students():
    for stage in ("train_teacher", "propose_teachers"):
        modules = fingerprint.modules_of(f"mimic.teachers.{stage}")
        assert not [name for name in modules if "student" in name or "logits" in name or "epochs" in name]


def test_the_epochs_do_not_depend_on_how_nets_are_trained():
    modules = fingerprint.modules_of("mimic.epochs.generate_epochs")
    assert not [name for name in modules if "training" in name or "models" in name or "search" in name]
