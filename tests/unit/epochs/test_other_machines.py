"""A recipe written here and rendered as elsewhere: other instructions, threads and chunks."""

import os
import subprocess
import sys

import pytest

RENDER = """
import sys, numpy as np, torch
from mimic.augment.render import Renderer
from mimic.data.store import read_dataset
from mimic.epochs.store import MAX_LEVELS, PROBE_TOLERANCE, StoredEpochs
pixels, recipe, dataset, threads, chunk = sys.argv[1:]
torch.set_num_threads(int(threads))
dataset = read_dataset(dataset, splits=("train",))
images = torch.from_numpy(dataset.images["train"])
stored = StoredEpochs([pixels], dataset.digest, images, Renderer("cpu"))
rendered = StoredEpochs([recipe], dataset.digest, images, Renderer("cpu", chunk=int(chunk)))
there = stored.images(0).numpy().astype(int)
here = rendered.images(0).numpy().astype(int)
assert (there != images.numpy()).mean() > 0.5
difference = np.abs(there - here)
assert difference.max() <= MAX_LEVELS and (difference > 0).mean() <= PROBE_TOLERANCE, difference.max()
print(torch.backends.cpu.get_cpu_capability())
"""


@pytest.mark.parametrize(
    ("capability", "threads", "chunk"), [("default", 1, 128), ("avx2", 2, 57), (None, 3, 7)]
)
def test_images_are_the_same_on_another_processor(generate, dataset_path, capability, threads, chunk):
    environment = {key: value for key, value in os.environ.items() if key != "ATEN_CPU_CAPABILITY"}
    if capability:
        environment["ATEN_CPU_CAPABILITY"] = capability
    command = [sys.executable, "-c", RENDER, generate(0), generate(0, store="recipe"), dataset_path]
    run = subprocess.run(
        [*command, str(threads), str(chunk)], capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr
    if capability:
        assert run.stdout.strip().lower() == capability
