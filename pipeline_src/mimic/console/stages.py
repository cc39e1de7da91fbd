"""``mimic stages``: the steps of the pipeline, in the paper's order."""

import ast
import functools
from pathlib import Path

import mimic

#: The paper's, in its order.
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
    ("shallow", "train_group"),
    ("shallow", "expand_nets"),
    ("shallow", "tabulate_losses"),
    ("shallow", "tabulate_intervals"),
    ("shallow", "plot_losses"),
    ("shallow", "plot_expansion"),
    ("win", "cache_images"),
    ("win", "train_wide"),
    ("win", "imitate_block"),
    ("win", "finetune"),
    ("win", "merge"),
    ("win", "train_vanilla"),
    ("win", "train_kd"),
    ("win", "tabulate_sizes"),
    ("win", "tabulate_methods"),
    ("win", "tabulate_widths"),
)


@functools.cache
def all_stages():
    """Every stage, steps beyond the paper's after it.

    Returns
    -------
    tuple of (str, str)
        Step and name: a module of the package that is run as a command.
    """
    package = Path(mimic.__file__).parent
    found = [
        (path.parent.name, path.stem)
        for path in sorted(package.glob("*/*.py"))
        if path.parent.name != "console" and 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
    ]
    return (*STAGES, *(stage for stage in found if stage not in STAGES))


def list_stages():
    """Print every stage with the first line of its docstring."""
    for step, name in all_stages():
        # Read, not imported: the list should not wait for torch.
        source = Path(mimic.__file__).with_name(step).joinpath(f"{name}.py").read_text(encoding="utf-8")
        print(f"python -m mimic.{step}.{name}\n    {ast.get_docstring(ast.parse(source)).splitlines()[0]}")
