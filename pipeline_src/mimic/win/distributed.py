"""Several processes on one node, each with its share of every batch: what they compute is what one would.

Gradients are averaged by DistributedDataParallel; batch normalisation takes its statistics over all processes
(`JointBatchNorm2d`), on a CPU too, where torch's own does not.
"""

import gc
import os
import sys

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


def launched(stage, argv, n_processes):
    """Start a stage anew as several processes, unless it is one of them; does not return then.

    Parameters
    ----------
    stage : str
        Module, as ``python -m`` takes it.
    argv : list of str or None
        Its arguments; None for those of this process.
    n_processes : int
    """
    if n_processes == 1 or "RANK" in os.environ:
        return
    arguments = sys.argv[1:] if argv is None else list(argv)
    run = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n_processes}", "-m", stage]
    os.execv(sys.executable, [sys.executable, *run, *arguments])


class Processes:
    """The processes of a training: this one's rank, and how many there are.

    A context: they find each other at its start. On GPUs each takes the one with its rank on the node.
    """

    def __init__(self):
        self.rank, self.count = (
            int(os.environ.get(name, one)) for name, one in (("RANK", 0), ("WORLD_SIZE", 1))
        )

    def __enter__(self):
        if self.count > 1:
            on_gpu = torch.cuda.is_available()
            if on_gpu:
                # Each process may have been given a GPU of its own, and sees no other then.
                torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
            distributed.init_process_group("nccl" if on_gpu else "gloo")
        return self

    def __exit__(self, *error):
        if self.count > 1:
            gc.collect()  # what still averages gradients would wait for ever for processes that have gone
            distributed.destroy_process_group()

    @property
    def is_first(self):
        """Whether this is the process that writes."""
        return self.rank == 0

    def together(self, module):
        """A module whose backward pass averages gradients over all processes."""
        return DistributedDataParallel(module) if self.count > 1 else module

    def prepared(self, net):
        """A net whose batch normalisation takes its statistics over all processes."""
        return with_joint_norms(net) if self.count > 1 else net

    def sum(self, tensor):
        """Sum of a tensor over all processes."""
        if self.count > 1:
            distributed.all_reduce(tensor)
        return tensor

    def any(self, flag):
        """Whether a flag is set in any process: all of them then do the same."""
        if self.count == 1:
            return flag
        place = "cuda" if torch.cuda.is_available() else "cpu"
        return bool(self.sum(torch.tensor(float(flag), device=place)).item())


class _Sum(torch.autograd.Function):
    """Sum over all processes; the gradient, too, is that of all of them."""

    @staticmethod
    def forward(context, tensor):
        """Sum of the processes' tensors."""
        total = tensor.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context, gradient):
        """Sum of the processes' gradients."""
        return _Sum.apply(gradient.contiguous())


class JointBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over the batches of all processes, each of the same size."""

    def forward(self, x):
        """Like `torch.nn.BatchNorm2d` on the joint batch."""
        if not self.training or distributed.get_world_size() == 1:
            return super().forward(x)
        count = distributed.get_world_size() * x.numel() // x.shape[1]
        # Autocast's types have too few digits for sums over a batch.
        wide = x if x.dtype == torch.float64 else x.float()
        with torch.autocast(x.device.type, enabled=False):
            mean = _Sum.apply(wide.sum((0, 2, 3))) / count
            centred = wide - mean.view(1, -1, 1, 1)
            variance = _Sum.apply(centred.square().sum((0, 2, 3))) / count
            scale = self.weight * (variance + self.eps).rsqrt()
            out = centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
            self.running_var.lerp_((variance * (count / (count - 1))).to(self.running_var), self.momentum)
        return out.to(x.dtype)


def with_joint_norms(net):
    """The net with every `torch.nn.BatchNorm2d` exchanged, in place."""
    for name, module in list(net.named_modules()):
        if (
            type(module) is nn.BatchNorm2d
            and module.track_running_stats
            and module.affine
            and module.momentum
        ):
            joint = JointBatchNorm2d(module.num_features, module.eps, module.momentum).to(module.weight)
            joint.load_state_dict(module.state_dict())
            net.set_submodule(name, joint.train(module.training))
    return net
