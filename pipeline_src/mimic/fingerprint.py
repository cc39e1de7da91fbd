"""Fingerprint of the code that a stage executes.

Snakemake sees no edit inside an imported package, so each rule passes this fingerprint in its ``params``:
the stage's module and all modules of the package that it imports, transitively, hashed as syntax trees
without comments, docstrings and formatting. Editing a comment reruns nothing; editing the students' loss
reruns the students and what follows, never a teacher. The paper's tables that a package keeps in a folder
``reference``, and the templates of a page in a folder ``templates``, count as code of that package.

A fingerprint is the digest of a record that names the parts: `record_of`. Trees are written out in a form
of our own, since ``ast.dump`` differs between versions of Python: the same code has the same fingerprint
in all of them.
"""

import ast
import functools
import hashlib
import json
from pathlib import Path

PACKAGE = Path(__file__).parent
FORMAT = "mimic.fingerprint"
#: What counts as code of a package beside its modules.
BESIDE = ("reference/*.csv", "templates/*.*")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _path_of(module):
    """File of ``mimic.x.y``, or None where the name is no module of the package."""
    base = PACKAGE.joinpath(*module.split(".")[1:])
    # in the order in which Python looks
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


def _without_docstring(body):
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:] or [ast.Pass()]
    return body


def _write_tree(node, put, found):
    """Write a tree out, the same in every version of Python, and collect its imports.

    Left out is what says nothing, since newer versions add fields, empty in older code: None and empty lists;
    also whether a name is read or written, which its place says, and the ``u`` of a string.

    Parameters
    ----------
    node : ast.AST
    put : callable
        Takes the pieces of text.
    found : list
        Import nodes are appended to it.
    """
    kind = node.__class__
    if kind is ast.Constant:
        # escaped, since which characters are printable depends on the version's Unicode tables
        put(ascii(node.value))
        return
    if kind is ast.Import or kind is ast.ImportFrom:
        found.append(node)
    put(kind.__name__)
    put("(")
    for name in kind._fields:
        value = getattr(node, name, None)
        if value is None or name == "ctx":
            continue
        if value.__class__ is list:
            if name == "body" and isinstance(node, _DOCUMENTED):
                value = _without_docstring(value)
            elif kind is ast.JoinedStr:
                # 3.12 and later keep empty pieces of text that 3.11 drops
                value = [part for part in value if getattr(part, "value", None) != ""]
            if not value:
                continue
            put(name)
            put("=[")
            for item in value:
                if isinstance(item, ast.AST):
                    _write_tree(item, put, found)
                elif item is None:
                    put("-")  # the key of `**x` in a dict, which is not the constant None
                else:
                    put(ascii(item))  # names of `global`
                put(",")
            put("]")
        else:
            put(name)
            put("=")
            if isinstance(value, ast.AST):
                _write_tree(value, put, found)
            else:
                put(ascii(value))
        put(",")
    put(")")


def canonical_text(tree):
    """A module's code without what does not matter, and its import statements.

    Parameters
    ----------
    tree : ast.Module

    Returns
    -------
    text : str
        ASCII; equal for the trees of two sources that differ in comments, docstrings and formatting only.
    imports : list of ast.Import or ast.ImportFrom
        Wherever they stand.
    """
    pieces, imports = [], []
    _write_tree(tree, pieces.append, imports)
    return "".join(pieces), imports


@functools.cache
def _read(module):
    """Digest of a module's code, and its import statements."""
    text, imports = canonical_text(ast.parse(_path_of(module).read_text(encoding="utf-8")))
    return _digest(text.encode("ascii")), imports


def _named_by(node, module):
    """Dotted names that an import statement of a module may import."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        # relative: to the package that the module is, or lies in
        package = module.split(".")
        levels_up = node.level - (_path_of(module).name == "__init__.py")
        package = package[: len(package) - levels_up]
        base = ".".join([*package, *filter(None, [node.module])])
    return [base, *(f"{base}.{alias.name}" for alias in node.names)]


def _with_ancestors(module):
    """``mimic``, ``mimic.x``, ``mimic.x.y``: to import a module, Python imports its packages first."""
    parts = module.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts) + 1)]


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
        With the packages that the imported modules lie in.
    """
    names = {name for node in _read(module)[1] for name in _named_by(node, module)}
    found = {name for name in names if name.split(".")[0] == "mimic" and _path_of(name)}
    return frozenset(part for name in found for part in _with_ancestors(name) if _path_of(part))


@functools.cache
def modules_of(module):
    """The module, its packages and everything of the package that they import, transitively, sorted."""
    seen = set()
    waiting = [part for part in _with_ancestors(module) if _path_of(part)]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(imports_of(name))
    return tuple(sorted(seen))


@functools.cache
def _tables_beside(module):
    """Digest of each table and template of a module's package, by its path in ``mimic``."""
    folder = _path_of(module).parent
    tables = [path for pattern in BESIDE for path in folder.glob(pattern) if path.is_file()]
    return {table.relative_to(PACKAGE).as_posix(): _digest(table.read_bytes()) for table in tables}


def digest_of(modules, tables):
    """Fingerprint that belongs to the digests of modules and of tables, both dicts of str to str."""
    parts = {"modules": modules, "tables": tables}
    return _digest(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode())


@functools.cache
def record_of(stage):
    """What the fingerprint of a stage is made of.

    Parameters
    ----------
    stage : str
        Dotted name, ``mimic.students.train_student``.

    Returns
    -------
    dict
        JSON-ready: ``format``, ``stage``, ``fingerprint``, and the digests of ``modules`` by their dotted
        names and of ``tables`` by their paths in the package, 16 hexadecimal digits each.
    """
    modules = {name: _read(name)[0] for name in modules_of(stage)}
    tables = {path: digest for name in modules for path, digest in _tables_beside(name).items()}
    fingerprint = digest_of(modules, tables)
    return {
        "format": FORMAT,
        "stage": stage,
        "fingerprint": fingerprint,
        "modules": modules,
        "tables": tables,
    }


def of_stage(stage):
    """Fingerprint of a stage: 16 hexadecimal digits.

    Parameters
    ----------
    stage : str
        Dotted name, ``mimic.students.train_student``.
    """
    return record_of(stage)["fingerprint"]
