import pytest

from mimic import fingerprint


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
        fingerprint._tree_of,
        fingerprint._text_of,
        fingerprint.imports_of,
        fingerprint.modules_of,
        fingerprint.of_stage,
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
        "mimic.base",
        "mimic.step",
        "mimic.step.noun",
        "mimic.step.stage",
    )
    assert fingerprint.modules_of("mimic.other") == ("mimic.base", "mimic.other")


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
