"""``mimic stages``: the steps of the pipeline, in the paper's order."""

import ast
from pathlib import Path

import mimic

STAGES = (
    ("data", "prepare_dataset"),
    ("teachers", "propose_teachers"),
    ("teachers", "train_teacher"),
    ("ensemble", "select_ensemble"),
    ("epochs", "generate_epochs"),
    ("logits", "record_logits"),
    ("logits", "average_logits"),
    ("shared", "pack_targets"),
    ("shared", "unpack_targets"),
    ("students", "propose_students"),
    ("students", "train_student"),
    ("report", "tabulate_trials"),
    ("report", "tabulate_table1"),
    ("report", "tabulate_table2"),
    ("report", "plot_figure1"),
    ("report", "plot_figure2"),
    ("report", "publish_report"),
)


def list_stages():
    """Print every stage with the first line of its docstring."""
    for step, name in STAGES:
        # Read, not imported: the list should not wait for torch.
        source = Path(mimic.__file__).with_name(step).joinpath(f"{name}.py").read_text(encoding="utf-8")
        print(f"python -m mimic.{step}.{name}\n    {ast.get_docstring(ast.parse(source)).splitlines()[0]}")
