"""Two processes on the CPU (gloo) are one process with the joint batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from tests.unit.win import two_processes

from mimic.win.distributed import JointBatchNorm2d, with_joint_norms

ROOT = Path(__file__).parents[3]


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
