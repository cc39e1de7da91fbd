import ast
import re
import subprocess
import sys
from pathlib import Path

import mimic
from mimic.console import stages
from mimic.console.main import main
from mimic.console.stages import STAGES, all_stages

PACKAGE = Path(mimic.__file__).parent
STEPS = (
    *("data", "teachers", "ensemble", "epochs", "logits", "shared", "students", "report"),
    *("shallow", "win"),
)


def verb_modules():
    """Modules of the steps that run as a command."""
    found = set()
    for path in sorted(set(PACKAGE.glob("*/*.py")) - set(PACKAGE.glob("console/*"))):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.If) and "__main__" in ast.unparse(node.test) for node in tree.body):
            found.add((path.parent.name, path.stem))
    return found


def test_every_stage_is_listed_and_nothing_else():
    assert set(all_stages()) == verb_modules()
    assert len(all_stages()) == len(set(all_stages()))
    assert all_stages()[: len(STAGES)] == STAGES


def test_a_step_beyond_the_paper_is_listed_after_it(tmp_path, monkeypatch, capsys):
    for step, name in (*STAGES, ("colours", "tabulate_colours")):
        path = tmp_path / step / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text('"""What it does."""\n\nif __name__ == "__main__":\n    pass\n')
    (tmp_path / "colours" / "store.py").write_text('"""A noun."""\n')
    monkeypatch.setattr(stages.mimic, "__file__", str(tmp_path / "__init__.py"))
    all_stages.cache_clear()
    try:
        assert main(["stages"]) == 0
        assert capsys.readouterr().out.splitlines()[-2:] == [
            "python -m mimic.colours.tabulate_colours",
            "    What it does.",
        ]
    finally:
        all_stages.cache_clear()


def test_stages_are_in_the_order_of_the_paper(capsys):
    assert main(["stages"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[::2] == [f"python -m mimic.{step}.{name}" for step, name in all_stages()]
    assert all(re.fullmatch(r"    [A-Z].*[.,)]", line) for line in lines[1::2])
    assert [step for step, _ in STAGES] == sorted((step for step, _ in STAGES), key=STEPS.index)


def test_a_stage_has_the_function_of_its_name():
    for step, name in all_stages():
        tree = ast.parse((PACKAGE / step / f"{name}.py").read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert {name, "main"} <= functions, name


def test_listing_does_not_wait_for_torch():
    program = (
        "import sys; from mimic.console.main import main; code = main(['stages'])\n"
        "assert 'torch' not in sys.modules; sys.exit(code)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
