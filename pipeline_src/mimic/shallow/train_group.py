"""Train a group of the grid, all nets with equal tensors, sequential and parallel (arXiv 2309.08414).

Each net sees the images in the same order; its test images validate after every epoch, and choose nothing.
"""

import os
import sys
from pathlib import Path

import torch

from mimic.artifact import digest_json, provenance_of
from mimic.cli import InputError, parse_settings, run_stage, stage_parser
from mimic.fingerprint import of_stage
from mimic.gpus.place import gpu_place
from mimic.progress import Report
from mimic.shallow.grid import GroupSettings, group_name, parse_group
from mimic.shallow.images import read_images
from mimic.shallow.run import GroupRun
from mimic.shallow.store import Group, write_group
from mimic.termination import Terminated, deferred
from mimic.training.checkpoint import Checkpoint, seconds_argument
from mimic.training.devices import choose_device

STAGE = "mimic.shallow.train_group"
_CONTEXT_MB = 900  # CUDA itself, see `mimic.gpus.claims`


def train_group(run, checkpoint=None, on_epoch=None):
    """Train all that is left of a group.

    Parameters
    ----------
    run : mimic.shallow.run.GroupRun
    checkpoint : mimic.training.checkpoint.Checkpoint, optional
        Goes on where an earlier process was ended, to the same losses and tensors on the CPU. SIGTERM is then
        waited for between steps, and raised as `Terminated` once the state is saved.
    on_epoch : callable, EpochOfStack -> None
    """
    if checkpoint is None:
        run.train(on_epoch)
        return
    with deferred() as request:
        checkpoint.resume(run)

        def between_steps():
            request.poll()
            # On a GPU an epoch takes seconds, and a save would wait for all steps that were started.
            if not run.device.graphs:
                checkpoint.save_if_due(run, within_epoch=True)

        try:
            run.train(on_epoch, between_steps, lambda: checkpoint.save_if_due(run))
        except Terminated:
            checkpoint.save(run)
            raise


def main(argv=None):
    parser = stage_parser(__doc__, STAGE)
    parser.add_argument("--group", required=True, help="name of the group, such as mnist-L4-F8-K3")
    parser.add_argument("--settings", required=True, help="the group's part of `shallow`, as JSON")
    parser.add_argument("--seed", type=int, required=True, help="seed of the run")
    parser.add_argument("--dataset", required=True, help="dataset.h5")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--out", required=True, type=Path, help="file to write (HDF5)")
    parser.add_argument(
        "--checkpoint-seconds",
        type=seconds_argument,
        default=os.environ.get("MIMIC_CHECKPOINT_SECONDS", "20"),
        help="save the training beside --out when so long has passed since the last time; "
        "0: after each epoch; the environment's MIMIC_CHECKPOINT_SECONDS is the default where it is set",
    )
    args = parser.parse_args(argv)
    settings = parse_settings(GroupSettings, args.settings)
    dataset = parse_group(args.group)
    named = group_name(
        dataset, settings.n_layers, settings.n_filters, settings.kernel_size, settings.batch_norm
    )
    if named != args.group:
        raise InputError(f"--group: expected {named} for these settings, got {args.group}")
    train, test, class_names, digest = read_images(args.dataset)
    shape = settings.shape(train[0].shape[1:], len(class_names))
    with gpu_place(f"train_group {args.group}", _CONTEXT_MB + settings.training.memory_mb):
        _train(args, dataset, settings, shape, (train, test), digest)


def _train(args, dataset, settings, shape, data, digest):
    """Train the group on the device that there is, and write its file."""
    training = settings.training
    device = choose_device("float32", "off", args.threads)
    torch.backends.cudnn.allow_tf32 = training.precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = training.precision == "tf32"
    place = device.torch_device
    train, validation = (tuple(torch.from_numpy(array).to(place) for array in split) for split in data)
    run = GroupRun(settings, shape, train, validation, args.seed, device)
    print(
        f"{args.group}: {len(run.nets)} nets of {shape.n_parameters:,} parameters in {len(run.parts)} "
        f"stacks, {device.describe()}",
        file=sys.stderr,
    )
    provenance = provenance_of(
        "train_group", settings.model_dump(mode="json"), args.seed, of_stage(STAGE), dataset=digest
    )
    with Report("epoch of a stack", run.n_steps) as report:
        arithmetic = {
            "device": device.describe(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        }
        key = digest_json({"group": args.group, **arithmetic, "provenance": provenance})
        checkpoint = Checkpoint(args.out.parent, key, args.checkpoint_seconds, report.note, report.resume)
        train_group(run, checkpoint, _shown_by(report))
    group = Group(
        args.group,
        dataset,
        settings,
        shape,
        len(train[1]),
        {name: values.numpy() for name, values in run.history.items()},
        checkpoint.seconds(),
        provenance,
    )
    write_group(args.out, group, {name: tensor.numpy() for name, tensor in run.tensors.items()})
    checkpoint.remove()


def _shown_by(report):
    """Function that shows an epoch of a stack as one step of a `mimic.progress.Report`."""

    def show(record):
        report.step(
            f"loss {record.train_loss:.4g}  validation {record.validation_accuracy:.2%}  "
            f"{record.net_images_per_second:,.0f} images/s through a net"
        )

    return show


if __name__ == "__main__":
    sys.exit(run_stage(main))
