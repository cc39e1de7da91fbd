"""Two processes on the CPU (gloo) are one process with the joint batch."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from tests.unit.win import two_processes

from mimic.cli import InputError
from mimic.data.store import make_dataset, write_dataset
from mimic.win import train_wide
from mimic.win.distributed import JointBatchNorm2d, with_joint_norms
from mimic.win.imitation import ImitationNet
from mimic.win.resnet import BLOCKS, ResNet
from mimic.win.store import read_metrics

ROOT = Path(__file__).parents[3]
SETTINGS = {
    "net": {"depth": 14, "divide": 16, "stem": "cifar"},
    "widen": 2,
    "training": {
        "batch_size": 16,
        "momentum": 0.9,
        "precision": "float32",
        "channels_last": "off",
    },
    "schedule": {"n_epochs": 2, "learning_rate": 0.01, "weight_decay": 0.0, "label_smoothing": 0.0},
    "folder": None,
}


@pytest.mark.parametrize("task", sorted(two_processes.TASKS))
def test_two_processes_are_one_with_the_joint_batch(tmp_path, task):
    alone = tmp_path / "alone.safetensors"
    two_processes.run(task, alone)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'pipeline_src'}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "tests.unit.win.two_processes", task, str(tmp_path / "joint.safetensors")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    one, two = (safetensors.torch.load_file(path) for path in (alone, tmp_path / "joint.safetensors"))
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, two[name], rtol=0, atol=1e-10, msg=name)


def test_norms_are_exchanged_with_their_state():
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4, eps=0.1, momentum=0.3)
    ).double()
    net(torch.randn(5, 3, 4, 4).double())
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    joint = with_joint_norms(net.eval())
    assert isinstance(joint[1], JointBatchNorm2d)
    assert (joint[1].eps, joint[1].momentum, joint[1].training) == (0.1, 0.3, False)
    assert all(torch.equal(tensor, before[name]) for name, tensor in joint.state_dict().items())


def test_a_stage_becomes_as_many_processes_as_it_is_told(tmp_path):
    generator = np.random.default_rng(0)
    images, labels, rows = {}, {}, {}
    for split, n in (("train", 32), ("validation", 0), ("test", 10)):
        images[split] = generator.integers(0, 256, (n, 3, 32, 32)).astype(np.uint8)
        labels[split], rows[split] = generator.integers(0, 3, n), np.arange(n)
    write_dataset(tmp_path / "data.h5", make_dataset(images, labels, ("a", "b", "c"), rows), {})
    found = []
    for n_processes in ("1", "2"):
        out = tmp_path / n_processes
        command = [
            sys.executable,
            "-m",
            "mimic.win.train_wide",
            "--settings",
            json.dumps(SETTINGS),
            "--seed",
            "3",
        ]
        command += ["--dataset", str(tmp_path / "data.h5"), "--processes", n_processes, "--out", str(out)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "pipeline_src"), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert f"{n_processes} processes" in done.stderr
        found.append(
            (read_metrics(out / "metrics.json"), safetensors.torch.load_file(out / "weights.safetensors"))
        )
    assert [metrics["processes"] for metrics, _ in found] == [1, 2]
    for name, tensor in found[0][1].items():  # four steps in float32
        torch.testing.assert_close(found[1][1][name], tensor, rtol=0, atol=2e-4, msg=name)


def test_processes_that_do_not_divide_the_batch_are_refused():
    arguments = [
        "--settings",
        json.dumps(SETTINGS),
        "--seed",
        "3",
        "--dataset",
        "none.h5",
        "--processes",
        "3",
    ]
    with pytest.raises(InputError, match=r"--processes: expected a divisor of training.batch_size 16, got 3"):
        train_wide.main([*arguments, "--out", "out"])


def test_nets_with_joint_norms_are_cut_and_merged_as_those_without():
    plain, teacher = ResNet(14, 16, 1, "cifar", 3), ResNet(14, 16, 2, "cifar", 3)
    joint = with_joint_norms(copy.deepcopy(plain))
    nets = [ImitationNet(student, teacher, BLOCKS, BLOCKS, (3, 32, 32)).eval() for student in (plain, joint)]
    nets[1].load_state_dict(nets[0].state_dict())
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(nets[0](images), nets[1](images), rtol=0, atol=0)
    for name, tensor in nets[0].merged().items():
        assert torch.equal(tensor, nets[1].merged()[name]), name
