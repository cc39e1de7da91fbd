"""Nothing that is read from a file is executed: read from the source of package, workflow, benchmarks, tests.

A pickle runs what its writer wants when it is read, and so does whatever unpickles beneath: `torch.load`,
joblib, `numpy.load` with ``allow_pickle``, pandas' HDF5 tables, torchvision's CIFAR-10. Names are followed
through ``import x as y`` and ``from x import y as z``. What h5py reads is never unpickled.
"""

import ast
import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.parser import parse

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("pipeline_src", "workflow", "benchmarks", "tests")

MODULES = {"pickle", "_pickle", "cPickle", "pickle5", "cloudpickle", "dill", "jsonpickle", "joblib"}
MODULES |= {"shelve", "marshal", "torch.package", "torch.hub"}
CALLS = {
    *("eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec", "builtins.compile"),
    *("torch.load", "torch.jit.load", "torch.serialization.load", "torch.export.load"),
    *(f"yaml.{name}" for name in ("load", "load_all", "full_load", "full_load_all")),
    *(f"yaml.{name}" for name in ("unsafe_load", "unsafe_load_all")),
    *("pandas.read_pickle", "pandas.io.pickle.read_pickle", "pandas.read_hdf", "pandas.HDFStore"),
}
#: Unpickle what they find, whatever object they are taken from.
METHODS = {"CIFAR10", "CIFAR100"}
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}

#: What is meant, and why it is safe.
ALLOWED = {
    # Each file's published MD5 is compared before torchvision opens it: a stranger's file is never unpickled.
    ("pipeline_src/mimic/data/cifar10.py", "CIFAR10"),
    # Writes batches in the published layout, and reads back its own.
    ("tests/unit/data/test_cifar10.py", "pickle"),
    ("tests/unit/data/test_cifar10.py", "CIFAR10"),
    # The competitor that is measured: files of the benchmark's own, weights only.
    ("benchmarks/reading.py", "torch.load"),
    # A program of the test's own, the same as in another process.
    ("tests/unit/search/test_propose.py", "exec"),
}


def python_of(path):
    """Source of a Python file; of a Snakefile, the Python that Snakemake makes of it."""
    if path.suffix == ".py":
        return path.read_text(encoding="utf-8")
    # All that the parser asks of a workflow and a path is to open the file.
    text = path.read_text(encoding="utf-8")
    place = SimpleNamespace(get_path_or_uri=lambda secret_free: str(path))
    workflow = SimpleNamespace(sourcecache=SimpleNamespace(open=lambda _: io.StringIO(text)))
    return parse(place, workflow, {})[0]


def sources():
    """Every source file of the project, by its path."""
    files = [ROOT / "Snakefile"]
    for folder in FOLDERS:
        files += [p for p in sorted((ROOT / folder).rglob("*")) if p.suffix in (".py", ".smk")]
    return {str(path.relative_to(ROOT)): path for path in files}


def names_of(tree):
    """Local name -> dotted name, of everything that is imported."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {a.asname: a.name for a in node.names if a.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return names


def dotted(node, names):
    """``numpy.load`` for the expression ``np.load``; an empty string for what is no name."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value, names)}.{node.attr}"
    return ""


def is_of(name, modules):
    """Whether a dotted name is one of the modules, or lies within one."""
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def is_false(node):
    return isinstance(node, ast.Constant) and node.value is False


def found_in(tree):
    """What would execute a file that it reads, or a shell: the name of each."""
    names = names_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if is_of(alias.name, MODULES))
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if is_of(node.module, MODULES):
                    yield node.module
                elif is_of(f"{node.module}.{alias.name}", MODULES | CALLS | SHELLS):
                    yield f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Attribute) and node.attr in METHODS:
            yield node.attr
        elif isinstance(node, ast.Attribute | ast.Name) and dotted(node, names) in CALLS - {"compile"}:
            yield dotted(node, names)  # also where it is handed on instead of called
        elif isinstance(node, ast.Call):
            yield from found_in_call(node, dotted(node.func, names))


def found_in_call(node, name):
    if name == "compile" or name in SHELLS:
        yield name
    if name.endswith("import_module") and isinstance(node.args[0], ast.Constant):
        yield from [node.args[0].value] if is_of(str(node.args[0].value), MODULES) else []
    options = {keyword.arg: keyword.value for keyword in node.keywords}
    if name == "numpy.load" and len(node.args) > 2:
        options["allow_pickle"] = node.args[2]
    for option in ("allow_pickle", "shell"):
        if option in options and not is_false(options[option]):
            yield f"{option}="
    if None in options and (name == "numpy.load" or name.startswith("subprocess.")):
        yield f"{name}(**)"  # may hold either of them


@pytest.mark.parametrize("name", sources())
def test_nothing_read_from_a_file_is_executed(name):
    found = set(found_in(ast.parse(python_of(sources()[name]))))
    assert {(name, what) for what in found} == {entry for entry in ALLOWED if entry[0] == name}


def test_every_folder_and_every_rule_file_is_read():
    names = sources()
    assert {"Snakefile", "workflow/rules/common.smk", "workflow/rules/students.smk"} <= set(names)
    assert {name.split("/")[0] for name in names} == {"Snakefile", *FOLDERS}
    assert {name for name, _ in ALLOWED} <= set(names)
    assert len(names) > 150


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "import joblib.parallel",
        "import dill as json",
        "from pickle import loads",
        "from joblib import load",
        "from torch import load",
        "from torch import load as read\nread(path)",
        "from torch import hub",
        "from yaml import unsafe_load",
        "import marshal, json",
        "def late():\n    import shelve",
        "import torch\ntorch.load(path)",
        "import torch\ntorch.load(path, weights_only=True)",
        "import torch as t\nt.load(path)",
        "import torch\nread = torch.load",
        "import torch\nmap(torch.jit.load, paths)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "import numpy as np\nnp.load(path, allow_pickle=x)",
        "import numpy as np\nnp.load(path, None, True)",
        "import numpy as np\nnp.load(path, **options)",
        "from numpy import load\nload(path, allow_pickle=1)",
        "numpy.lib.format.read_array(file, allow_pickle=True)",
        "import yaml\nyaml.load(text)",
        "import yaml\nyaml.load(text, yaml.SafeLoader)",
        "import yaml\nyaml.full_load(text)",
        "import pandas as pd\npd.read_pickle(path)",
        "import pandas as pd\npd.read_hdf(path)",
        "eval(text)",
        "exec(text)",
        "compile(text, name, 'exec')",
        "__import__(name)",
        "import importlib\nimportlib.import_module('pickle')",
        "datasets.CIFAR10(folder)",
        "import subprocess\nsubprocess.run(text, shell=True)",
        "import subprocess\nsubprocess.run(text, shell=wanted)",
        "import os\nos.system(text)",
        "from os import popen",
    ],
)
def test_the_ban_sees_what_it_bans(line):
    assert list(found_in(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "import numpy as np\nnp.load(path, allow_pickle=False)",
        "import numpy as np\nnp.load(path, mmap_mode='r')",
        "import re\nre.compile(x)",
        "import torch\ntorch.compile(net)\nnet.eval()",
        "import yaml\nyaml.safe_load(text)",
        "import subprocess\nsubprocess.run([program, text], check=True)",
        "import subprocess\nsubprocess.run(command, shell=False)",
        "import json\njson.load(file)",
        "from safetensors.torch import load_file",
    ],
)
def test_the_ban_leaves_what_is_safe(line):
    assert not list(found_in(ast.parse(line)))


def test_the_ban_sees_into_a_rule(tmp_path):
    rule = ("import pickle", "rule a:", "    output: 'b'", "    params: c=eval('1')", "    shell: 'true'", "")
    (tmp_path / "a.smk").write_text("\n".join(rule))
    assert set(found_in(ast.parse(python_of(tmp_path / "a.smk")))) == {"pickle", "eval"}
