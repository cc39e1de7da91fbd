"""A short training in float64, in as many processes as ``python -m torch.distributed.run`` starts."""

import sys
import types

import safetensors.torch
import torch
from tests.unit.win.nets_of_others import Blocks

from mimic.config.win import ImitationSchedule, LabelSchedule
from mimic.training.devices import Device
from mimic.win.distributed import Processes
from mimic.win.imitate_block import imitate_block
from mimic.win.imitation import ImitationNet
from mimic.win.loading import DeviceImages
from mimic.win.stage import Place
from mimic.win.train_wide import train_wide

TASKS = {"train_wide", "imitate_block"}
_BLOCKS = ("one", "two")


class Exact(DeviceImages):
    """Images in float64, so that a difference is no rounding."""

    def epoch(self, epoch, first_step=0):
        return ((images.double(), labels) for images, labels in super().epoch(epoch, first_step))

    def probe(self, batch_size, n):
        return ((images.double(), labels) for images, labels in super().probe(batch_size, n))

    def tests(self, batch_size):
        return ((images.double(), labels) for images, labels in super().tests(batch_size))


def run(task, path):
    """Train, and write weights, statistics and history."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    data = [
        (torch.randint(0, 256, (n, 3, 8, 8), dtype=torch.uint8, generator=generator), torch.arange(n) % 3)
        for n in (36, 12)
    ]
    settings = types.SimpleNamespace(
        training=types.SimpleNamespace(batch_size=12, momentum=0.9),
        schedule=LabelSchedule(n_epochs=2, learning_rate=0.05, weight_decay=1e-3, label_smoothing=0.0),
    )
    with Processes() as processes:
        device = Device(torch.device("cpu"), torch.float32, channels_last=False)
        images = Exact(*data, 5, 12, processes.rank, processes.count)
        place = Place(device, processes, images, 3, "")
        teacher = Blocks(6).double()
        student = place.placed(Blocks(4).double())
        if task == "train_wide":
            training = train_wide(student, settings, place)
        else:
            net = ImitationNet(student, teacher.eval(), _BLOCKS, _BLOCKS, (3, 8, 8)).double()
            settings.schedule = ImitationSchedule(
                n_epochs=1, learning_rate=0.1, weight_decay=0.0, restarts=1, n_probe=24
            )
            training = imitate_block(net, 2, teacher, _BLOCKS, settings, place)
        training.train()
        if processes.is_first:
            columns = [[row.train_loss, *row.judged.values()] for row in training.history]
            history = torch.tensor(columns, dtype=torch.float64)
            safetensors.torch.save_file({**training.module.state_dict(), "history": history}, path)


if __name__ == "__main__":
    run(*sys.argv[1:])
