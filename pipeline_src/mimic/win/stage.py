"""What the command lines of the step's trainings share: options, images, checkpoints, files."""

import contextlib
import csv
import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from mimic.artifact import digest_json, provenance_of, write_text
from mimic.cli import InputError, parse_settings, stage_parser, whole_number
from mimic.data.store import IMAGE_SHAPE, read_dataset
from mimic.fingerprint import of_stage
from mimic.gpus.place import gpu_place
from mimic.progress import Report
from mimic.seeding import derive
from mimic.termination import Terminated, deferred
from mimic.training.checkpoint import Checkpoint, seconds_argument
from mimic.training.devices import choose_device
from mimic.win.distributed import Processes, launched
from mimic.win.folder import FolderImages, open_folder
from mimic.win.loading import DeviceImages, as_tensors
from mimic.win.memory import training_memory_mb
from mimic.win.nets import NetSpec
from mimic.win.run import Run
from mimic.win.settings import WideStage
from mimic.win.store import HISTORY, METRICS, WEIGHTS, write_metrics, write_state

_CONTEXT_MB = 900  # CUDA itself, see `mimic.gpus.claims`


def training_parser(doc, stage):
    """Parser of a stage that trains; add what it takes beside."""
    parser = stage_parser(doc, stage)
    parser.add_argument("--settings", required=True, help="the stage's part of `win`, as JSON")
    parser.add_argument("--seed", type=whole_number(0), required=True, help="seed of the run")
    images = parser.add_mutually_exclusive_group(required=True)
    images.add_argument("--dataset", help="dataset.h5, of a small source")
    images.add_argument(
        "--images", metavar="FOLDER", help="holds train/CLASS and val/CLASS, decoded anew each time"
    )
    images.add_argument(
        "--shards", metavar="FOLDER", help="holds all of what cache_images made of such a folder"
    )
    parser.add_argument("--threads", type=whole_number(1), default=1, help="CPU threads")
    parser.add_argument(
        "--processes", type=whole_number(1), default=1, help="processes that share each batch: one a GPU"
    )
    parser.add_argument("--out", required=True, type=Path, help="folder to write to")
    parser.add_argument(
        "--checkpoint-seconds",
        type=seconds_argument,
        default=os.environ.get("MIMIC_CHECKPOINT_SECONDS", "20"),
        help="save the training in --out when so long has passed since the last time; "
        "0: after each epoch; the environment's MIMIC_CHECKPOINT_SECONDS is the default where it is set",
    )
    return parser


def parsed(parser, model, stage, argv):
    """Arguments and settings of a stage, which becomes several processes where so many are asked for.

    Returns
    -------
    args : argparse.Namespace
    settings : model
    """
    args = parser.parse_args(argv)
    settings = parse_settings(model, args.settings)
    if settings.training.batch_size % args.processes:
        raise InputError(
            f"--processes: expected a divisor of training.batch_size {settings.training.batch_size}, "
            f"got {args.processes}"
        )
    launched(stage, argv, args.processes)
    return args, settings


@dataclass(frozen=True)
class Place:
    """Where a stage works, and on what.

    Parameters
    ----------
    device : mimic.training.devices.Device
    processes : mimic.win.distributed.Processes
    images : object
        See `mimic.win.loading`.
    n_classes : int
    digest : str
        Of the images.
    """

    device: object
    processes: Processes
    images: object
    n_classes: int
    digest: str

    def placed(self, net):
        """A net where it is trained, its batch normalisation joint."""
        return self.processes.prepared(self.device.place(net))

    def run(self, module, objective, settings, n_cycles=1):
        """A `mimic.win.run.Run` of a module here, with the settings of its stage."""
        momentum = settings.training.momentum
        return Run(
            module, objective, self.images, settings.schedule, momentum, self.device, self.processes, n_cycles
        )


@contextlib.contextmanager
def place_of(args, settings, stage, seed):
    """The device, the processes and the images of a stage.

    Parameters
    ----------
    args : argparse.Namespace
        Of `training_parser`.
    settings : mimic.win.settings.Stage
    stage : str
        Its name.
    seed : int
        Of the order of the images and their augmentations.
    """
    with contextlib.ExitStack() as opened:
        read = _small_images if args.dataset else _folder_images
        n_bytes, image_shape, n_classes, digest, images_on = read(args, settings, seed, opened)
        claim_mb = _CONTEXT_MB + n_bytes // 2**20 + step_mb(settings, image_shape, n_classes, args.processes)
        opened.enter_context(gpu_place(f"{stage} {args.out}", claim_mb))
        processes = opened.enter_context(Processes())
        training = settings.training
        device = choose_device(training.precision, training.channels_last, args.threads)
        yield Place(device, processes, images_on(device, processes), n_classes, digest)


def step_mb(settings, image_shape, n_classes, n_processes):
    """Memory of a step of a stage, in one of its processes.

    Parameters
    ----------
    settings : mimic.win.settings.Stage
        Of `mimic.win.settings.WideStage` train the teacher, those without a schedule nothing.
    """
    with torch.device("meta"):
        student = NetSpec(**settings.net.spec(n_classes)).build()
        widen = getattr(settings, "widen", None)
        teacher = None if widen is None else NetSpec(**settings.net.spec(n_classes, widen)).build()
    trained, frozen = [student], [] if teacher is None else [teacher]
    if isinstance(settings, WideStage):
        trained, frozen = [teacher], []
    elif not hasattr(settings, "schedule"):
        trained, frozen = [], [student, teacher]
    training = settings.training
    dtype = torch.float32 if training.precision == "float32" else torch.bfloat16
    return training_memory_mb(trained, frozen, image_shape, training.batch_size // n_processes, dtype)


def _small_images(args, settings, seed, opened):
    """Bytes on a device, shape, classes and digest of a dataset, and what makes its images there."""
    dataset = read_dataset(args.dataset)

    def images_on(device, processes):
        train, test = (as_tensors(dataset, split, device.torch_device) for split in ("train", "test"))
        batch_size = settings.training.batch_size
        return DeviceImages(train, test, seed, batch_size, processes.rank, processes.count)

    n_bytes = sum(images.nbytes for images in dataset.images.values())
    return n_bytes, IMAGE_SHAPE, len(dataset.class_names), dataset.digest, images_on


def _folder_images(args, settings, seed, opened):
    """The same of a folder's images, of which one batch is on a device."""
    source = opened.enter_context(open_folder(args.images, args.shards, settings.folder, args.threads))
    size, batch_size = settings.folder.image_size, settings.training.batch_size

    def images_on(device, processes):
        return FolderImages(source, size, seed, batch_size, device, processes.rank, processes.count)

    n_bytes = 2 * 4 * 3 * batch_size // args.processes * size**2  # the batch at hand and the next one
    return n_bytes, (3, size, size), source.n_classes, source.digest, images_on


def train(run, args, place, provenance, words):
    """Train all that is left, with progress and a checkpoint; then its history is written.

    Parameters
    ----------
    run : mimic.win.run.Run
    args : argparse.Namespace
    place : Place
    provenance : dict
    words : str
        What is trained, for the log.

    Returns
    -------
    Checkpoint
        To be removed once all is written.
    """
    first = place.processes.is_first
    if first:
        print(f"{words}, {place.device.describe()}, {place.processes.count} processes", file=sys.stderr)
    stream = None if first else open(os.devnull, "w")  # noqa: SIM115 - until the process ends
    with Report("epoch", run.n_epochs, stream) as report:
        arithmetic = {
            "device": place.device.describe(),
            "threads": torch.get_num_threads(),
            "processes": place.processes.count,
            "torch": torch.__version__,
        }
        key = digest_json({**arithmetic, "provenance": provenance})
        checkpoint = Checkpoint(args.out, key, args.checkpoint_seconds, report.note, report.resume)
        _train(run, checkpoint, first, place.device, report)
    if first:
        write_history(args.out / HISTORY, run)
    return checkpoint


def _train(run, checkpoint, writes, device, report):
    def show(epoch):
        judged = "  ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in epoch.judged.items())
        report.step(f"loss {epoch.train_loss:.4g}  {judged}  {epoch.images_per_second:,.0f} images/s")

    with deferred() as request:
        checkpoint.resume(run)

        def between_steps():
            request.poll()
            if writes and device.torch_device.type == "cpu":  # elsewhere an epoch takes seconds
                checkpoint.save_if_due(run, within_epoch=True)

        def after_epoch():
            if writes:
                checkpoint.save_if_due(run)

        try:
            run.train(show, between_steps, after_epoch)
        except Terminated:
            if writes:
                checkpoint.save(run)
            raise


def write_history(path, run):
    """Write how a training went, a line an epoch, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ("epoch", "learning_rate", "train_loss", *run.objective.columns, "seconds", "images_per_second")
    )
    for row in run.history:
        judged = (row.judged[name] for name in run.objective.columns)
        writer.writerow(
            (row.epoch, row.learning_rate, row.train_loss, *judged, row.seconds, row.images_per_second)
        )
    write_text(path, text.getvalue())


def finish(args, settings, place, run, checkpoint, state, made_from, **found):
    """Write the weights and what is known of a training that is over.

    Parameters
    ----------
    checkpoint : Checkpoint
        Removed at the end.
    state : (str, dict, dict)
        Kind, settings and tensors, see `mimic.win.store.write_state`.
    made_from : dict
        Provenance.
    found : dict
        What else there is to say, by name.
    """
    if not place.processes.is_first:
        return
    digest = write_state(args.out / WEIGHTS, *state)
    last = run.history[-1].judged
    write_net_metrics(
        args.out,
        settings,
        place,
        made_from,
        weights=digest,
        n_epochs=run.n_epochs,
        seconds=checkpoint.seconds(),
        **last,
        **found,
    )
    checkpoint.remove()


def write_net_metrics(folder, settings, place, made_from, **found):
    """Write the metrics of a net, whole or not at all."""
    said = {
        "stage": made_from["stage"],
        "depth": settings.net.depth,
        "divide": settings.net.divide,
        "device": place.device.describe(),
        "processes": place.processes.count,
        "provenance": made_from,
    }
    write_metrics(folder / METRICS, {**said, **found})


def provenance(stage_module, settings, seed, **sources):
    """What a stage's files were made from."""
    return provenance_of(
        stage_module.rpartition(".")[2],
        settings.model_dump(mode="json"),
        seed,
        of_stage(stage_module),
        **sources,
    )


def n_parameters(net):
    """Parameters of a net."""
    return sum(parameter.numel() for parameter in net.parameters())


def stage_seed(seed, settings, *names):
    """Seed of a training: of the run, its net, and what is trained."""
    net = settings.net
    return derive(seed, "win", net.depth, net.divide, net.stem, *names)
