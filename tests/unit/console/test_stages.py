import ast
import re
import subprocess
import sys
from pathlib import Path

import mimic
from mimic.console.main import main
from mimic.console.stages import STAGES

PACKAGE = Path(mimic.__file__).parent
STEPS = ("data", "teachers", "ensemble", "epochs", "logits", "shared", "students", "report", "shallow")


def verb_modules():
    """Modules of the steps that run as a command."""
    found = set()
    for step in STEPS:
        for path in (PACKAGE / step).glob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            if any(isinstance(node, ast.If) and "__main__" in ast.unparse(node.test) for node in tree.body):
                found.add((step, path.stem))
    return found


def test_every_stage_is_listed_and_nothing_else():
    assert set(STAGES) == verb_modules()
    assert len(STAGES) == len(set(STAGES))


def test_stages_are_in_the_order_of_the_paper(capsys):
    assert main(["stages"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[::2] == [f"python -m mimic.{step}.{name}" for step, name in STAGES]
    assert all(re.fullmatch(r"    [A-Z].*[.,)]", line) for line in lines[1::2])
    assert [step for step, _ in STAGES] == sorted((step for step, _ in STAGES), key=STEPS.index)


def test_a_stage_has_the_function_of_its_name():
    for step, name in STAGES:
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
