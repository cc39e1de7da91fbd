"""What docs/extending.md says to write is written into a copy of the checkout and run, the whole pipeline."""

import csv
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml

from tests.e2e.conftest import SMALLEST, changed
from tests.workflow.conftest import ROOT

BOUNDS = {"vgg1": {"40k": {name: {"low": 4, "high": 8} for name in ("conv1", "conv2")}}}
OVERLAY = changed(
    SMALLEST,
    data__source="tiles",
    data__path="tiles",
    students__families=["mlp6", "vgg1"],
    students__width_bounds=BOUNDS,
    students__hard_label__families=["vgg1"],
    students__hard_label__width_bounds=BOUNDS,
)


def pieces():
    """Blocks of the page, by a word that is in one of them alone."""
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    words = {
        "vgg1": '"vgg1": Shape',
        "mlp6": '"mlp6": Shape',
        "tiles.py": "def load(folder",
        "sources.py": "import tiles as tiles",
        "tabulate_confusion.py": "def tabulate_confusion",
        "confusion.smk": "rule tabulate_confusion",
        "Snakefile": "include:",
    }
    found = {name: [block for block in blocks if word in block] for name, word in words.items()}
    assert {name: len(matching) for name, matching in found.items()} == dict.fromkeys(words, 1)
    return {name: block for name, (block,) in found.items()}


@pytest.fixture
def extended(tmp_path):
    """A copy of the checkout with a family, a source and a step more."""
    for name in ("pipeline_src", "workflow"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("Snakefile", "config.yaml"):
        shutil.copy2(ROOT / name, tmp_path / name)
    package, written = tmp_path / "pipeline_src" / "mimic", pieces()

    def add_line(path, after, line):
        before = path.read_text(encoding="utf-8")
        assert before.count(after) == 1
        path.write_text(before.replace(after, after + line), encoding="utf-8")

    add_line(package / "config" / "families.py", "SHAPES = {\n", written["vgg1"] + written["mlp6"])
    (package / "data" / "tiles.py").write_text(written["tiles.py"])
    add_line(
        package / "data" / "sources.py", "from mimic.data import shapes as shapes\n", written["sources.py"]
    )
    (package / "confusion").mkdir()
    (package / "confusion" / "__init__.py").write_text('"""Step ``confusion``."""\n')
    (package / "confusion" / "tabulate_confusion.py").write_text(written["tabulate_confusion.py"])
    (tmp_path / "workflow" / "rules" / "confusion.smk").write_text(written["confusion.smk"])
    add_line(tmp_path / "Snakefile", 'include: "workflow/rules/report.smk"\n', written["Snakefile"])
    return tmp_path


def write_tiles(folder):
    """Dark and light noise, as the page's source reads it."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for part, n in (("train", 160), ("test", 60)):
        labels = np.arange(n) % 2
        images = generator.normal(80 + 100 * labels[:, None, None, None], 40, (n, 3, 32, 32))
        np.savez(folder / f"{part}.npz", images=images.clip(0, 255).astype(np.uint8), labels=labels)


def test_a_family_a_source_and_a_step_go_through_the_whole_pipeline(extended):
    write_tiles(extended / "tiles")
    (extended / "overlay.yaml").write_text(yaml.safe_dump(OVERLAY))
    matrix = "out/confusion/vgg1-40k/000.csv"
    targets = [
        "out/table1.csv",
        "out/table2.csv",
        "out/figure1.png",
        "out/figure2.png",
        "out/report.html",
        matrix,
    ]
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--show-failed-logs", *targets]
    environment = {**os.environ, "PYTHONPATH": str(extended / "pipeline_src"), "PYTHONWARNINGS": "ignore"}
    run = subprocess.run(
        [*command, "--configfile", "overlay.yaml"],
        capture_output=True,
        text=True,
        cwd=extended,
        env=environment,
        timeout=600,
    )
    assert run.returncode == 0, run.stdout + run.stderr

    def table(name):
        return list(csv.reader((extended / name).read_text().splitlines()))

    assert [row[0] for row in table("out/table2.csv")] == ["model", "mlp6", "vgg1"]
    assert [row[0] for row in table("out/table1.csv")][:2] == ["model", "vgg1"]
    page = (extended / "out" / "report.html").read_text(encoding="utf-8")
    assert "deep convolutional nets on tiles?" in page
    assert page.count('<th scope="row">vgg1</th>') >= 2
    header, *rows = table(matrix)
    assert header == ["class", "dark", "light"]
    counts = np.array([[int(n) for n in row[1:]] for row in rows])
    assert counts.sum() == OVERLAY["data"]["n_test"]

    stages = subprocess.run(
        [sys.executable, "-m", "mimic", "stages"], capture_output=True, text=True, env=environment, timeout=60
    )
    assert stages.stdout.splitlines()[-2] == "python -m mimic.confusion.tabulate_confusion"
