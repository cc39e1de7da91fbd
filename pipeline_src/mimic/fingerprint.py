"""Fingerprint of the code that a stage executes.

Snakemake sees no edit inside an imported package, so each rule passes this fingerprint in its ``params``:
the stage's module and all modules of the package that it imports, transitively, hashed as syntax trees
without comments, docstrings and formatting. Editing a comment reruns nothing; editing the students' loss
reruns the students and what follows, never a teacher. The paper's tables that a package keeps in a folder
``reference`` count as code of that package.
"""

import ast
import functools
import hashlib
from pathlib import Path

PACKAGE = Path(__file__).parent


def _path_of(module):
    """File of ``mimic.x.y``, or None where the name is no module of the package."""
    base = PACKAGE.joinpath(*module.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@functools.cache
def _tree_of(module):
    tree = ast.parse(_path_of(module).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
            first = body[0]
            if isinstance(first, ast.Expr) and isinstance(getattr(first, "value", None), ast.Constant):
                node.body = body[1:] or [ast.Pass()]
    return tree


@functools.cache
def _text_of(module):
    # most modules are part of many stages, and writing a tree out costs more than parsing it
    return ast.dump(_tree_of(module))


@functools.cache
def imports_of(module):
    """Modules of the package that a module imports itself, lazily imported ones too.

    Parameters
    ----------
    module : str
        Dotted name, ``mimic.students.train_student``.

    Returns
    -------
    frozenset of str
    """
    found = set()
    for node in ast.walk(_tree_of(module)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found.update(name for name in names if name.split(".")[0] == "mimic" and _path_of(name))
    found.discard("mimic")
    return frozenset(found)


@functools.cache
def modules_of(module):
    """The module and everything of the package that it imports, transitively, sorted."""
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(imports_of(name))
    return tuple(sorted(seen))


@functools.cache
def of_stage(module):
    """Fingerprint of a stage: 16 hexadecimal digits.

    Parameters
    ----------
    module : str
        Dotted name, ``mimic.students.train_student``.
    """
    total = hashlib.sha256()
    tables = set()
    for name in modules_of(module):
        total.update(f"{name}\n{_text_of(name)}\n".encode())
        tables.update(_path_of(name).parent.glob("reference/*.csv"))
    for table in sorted(tables):
        total.update(f"{table.name}\n".encode() + table.read_bytes())
    return total.hexdigest()[:16]
