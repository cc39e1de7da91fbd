"""Record members' logits on every stored epoch (Urban 2.2, 2.7).

A job of the workflow records one member; given several, each epoch is read or rendered once for all.
"""

import contextlib
import sys
from pathlib import Path

import torch

from mimic.artifact import digest_file, provenance_of
from mimic.augment.render import Renderer
from mimic.cli import InputError, parse_settings, run_stage, stage_parser, whole_number
from mimic.config.logits import LogitSettings
from mimic.data.store import read_dataset
from mimic.epochs.store import StoredEpochs
from mimic.fingerprint import of_stage
from mimic.gpus.claims import labelling_claim_mb
from mimic.gpus.place import gpu_place
from mimic.logits.store import MEMBER_FORMAT, Member, logits_writer
from mimic.models.architecture import count_activations, count_parameters
from mimic.models.weights import read_weights
from mimic.progress import Report
from mimic.training.devices import choose_device
from mimic.training.evaluate import predict

STAGE = "mimic.logits.record_logits"


def record_logits(nets, epochs, numbers, device, batch_size):
    """Logits of nets on stored epochs; each epoch is read or rendered once for all of them.

    Parameters
    ----------
    nets : sequence of torch.nn.Module
        On the device.
    epochs : mimic.epochs.store.StoredEpochs
    numbers : iterable of int
        The epochs wanted.
    device : mimic.training.devices.Device
    batch_size : int

    Yields
    ------
    epoch : int
    logits : list of float32 array, shape (n, n_classes)
        One array a net, rows in the epoch's order.
    """
    for epoch in numbers:
        images = epochs.images(epoch)
        yield epoch, [predict(net, images, device, batch_size).cpu().numpy() for net in nets]


def _refuse_repeated(options, values):
    for value in values:
        if values.count(value) > 1:
            raise InputError(f"{options}: expected each once, got {value} twice")


def main(argv=None):
    parser = stage_parser(__doc__, STAGE)
    parser.add_argument("--settings", required=True, help="section `logits` of the config, as JSON")
    parser.add_argument(
        "--trials", type=whole_number(0), nargs="+", required=True, help="numbers of the members' trials"
    )
    parser.add_argument("--dataset", required=True, help="dataset.h5")
    parser.add_argument("--epochs", nargs="+", required=True, help="all shards of epochs")
    parser.add_argument("--weights", nargs="+", required=True, help="weights.safetensors of each trial")
    parser.add_argument("--threads", type=whole_number(1), default=1, help="CPU threads")
    parser.add_argument("--logits", nargs="+", required=True, help="file to write for each trial")
    args = parser.parse_args(argv)
    settings = parse_settings(LogitSettings, args.settings)
    for option in ("weights", "logits"):
        if len(getattr(args, option)) != len(args.trials):
            raise InputError(
                f"--{option}: expected a file for each of {len(args.trials)} trials, "
                f"got {len(getattr(args, option))}"
            )
    _refuse_repeated("--trials", args.trials)
    _refuse_repeated("--weights and --logits", [Path(path).resolve() for path in args.weights + args.logits])
    # Before a GPU is waited for: a wrong file is said at once.
    dataset = read_dataset(args.dataset, splits=("train",))
    n_classes, nets = len(dataset.class_names), []
    for weights in args.weights:
        nets.append(read_weights(weights))
        if nets[-1].architecture.n_classes != n_classes:
            raise InputError(
                f"{weights}: expected {n_classes} classes, got {nets[-1].architecture.n_classes}"
            )
    claim_mb = labelling_claim_mb(
        sum(count_parameters(net.architecture) for net in nets),
        max(count_activations(net.architecture) for net in nets),
        settings.batch_size,
        len(dataset.images["train"]),
    )
    with gpu_place(f"record_logits {' '.join(str(trial) for trial in args.trials)}", claim_mb):
        _record(args, settings, dataset, nets)


def _record(args, settings, dataset, nets):
    """Label all epochs on the device that there is, and write the members' logits."""
    device = choose_device(settings.precision, settings.channels_last, args.threads)
    images = torch.from_numpy(dataset.images["train"]).to(device.torch_device)
    epochs = StoredEpochs(args.epochs, dataset.digest, images, Renderer(device.torch_device))
    digests = [epochs.digests[epoch] for epoch in range(epochs.n_epochs)]
    n_classes = len(dataset.class_names)
    nets = [device.place(net) for net in nets]
    resume_key = f"{device.describe()}, {torch.get_num_threads()} threads, alignment {device.alignment}"
    with contextlib.ExitStack() as files:
        writers = []
        for trial, weights, path in zip(args.trials, args.weights, args.logits, strict=True):
            member = Member(trial, digest_file(weights))
            provenance = provenance_of(
                "record_logits",
                settings.model_dump(),
                None,
                of_stage(STAGE),
                dataset=dataset.digest,
                weights=member.weights_digest,
            )
            layout = (digests, epochs.n_images, n_classes, settings.dtype, [member], provenance)
            writers.append(files.enter_context(logits_writer(path, MEMBER_FORMAT, *layout, resume_key)))
        print(f"trials {args.trials}: {device.describe()}", file=sys.stderr)
        missing = sorted({epoch for writer in writers for epoch in writer.missing})
        report = files.enter_context(Report("epoch", epochs.n_epochs))
        if len(missing) < epochs.n_epochs:
            report.note(f"going on: {epochs.n_epochs - len(missing)} epochs are already there")
            report.resume(epochs.n_epochs - len(missing))
        for epoch, recorded in record_logits(nets, epochs, missing, device, settings.batch_size):
            for writer, logits in zip(writers, recorded, strict=True):
                writer.write(epoch, epochs.digests[epoch], logits)
            report.step(n_images=epochs.n_images)


if __name__ == "__main__":
    sys.exit(run_stage(main))
