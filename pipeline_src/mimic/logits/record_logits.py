"""Record one member's logits on every stored epoch (Urban 2.2, 2.7)."""

import sys

import torch

from mimic.artifact import digest_file, provenance_of
from mimic.augment.render import Renderer
from mimic.cli import InputError, parse_settings, run_stage, stage_parser
from mimic.config.logits import LogitSettings
from mimic.data.store import read_dataset
from mimic.epochs.store import StoredEpochs
from mimic.fingerprint import of_stage
from mimic.logits.store import MEMBER_FORMAT, Member, write_logits
from mimic.models.weights import read_weights
from mimic.progress import Report
from mimic.training.devices import choose_device
from mimic.training.evaluate import predict

STAGE = "mimic.logits.record_logits"


def record_logits(net, epochs, device, batch_size):
    """Logits of a net on stored epochs, one epoch at a time.

    Parameters
    ----------
    net : torch.nn.Module
        On the device.
    epochs : mimic.epochs.store.StoredEpochs
    device : mimic.training.devices.Device
    batch_size : int

    Yields
    ------
    float32 array, shape (n, n_classes)
        Rows in the epoch's order.
    """
    for epoch in range(epochs.n_epochs):
        yield predict(net, epochs.images(epoch), device, batch_size).cpu().numpy()


def main(argv=None):
    parser = stage_parser(__doc__, STAGE)
    parser.add_argument("--settings", required=True, help="section `logits` of the config, as JSON")
    parser.add_argument("--trial", type=int, required=True, help="number of the member's trial")
    parser.add_argument("--dataset", required=True, help="dataset.h5")
    parser.add_argument("--epochs", nargs="+", required=True, help="all shards of epochs")
    parser.add_argument("--weights", required=True, help="the member's weights.safetensors")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--logits", required=True, help="file to write")
    args = parser.parse_args(argv)
    settings = parse_settings(LogitSettings, args.settings)
    device = choose_device(settings.precision, settings.channels_last, args.threads)
    dataset = read_dataset(args.dataset, splits=("train",))
    images = torch.from_numpy(dataset.images["train"]).to(device.torch_device)
    epochs = StoredEpochs(args.epochs, dataset.digest, images, Renderer(device.torch_device))
    net = device.place(read_weights(args.weights))
    n_classes = net.architecture.n_classes
    if n_classes != len(dataset.class_names):
        raise InputError(f"{args.weights}: expected {len(dataset.class_names)} classes, got {n_classes}")
    weights_digest = digest_file(args.weights)
    digests = [epochs.digests[epoch] for epoch in range(epochs.n_epochs)]
    provenance = provenance_of(
        "record_logits",
        settings.model_dump(),
        None,
        of_stage(STAGE),
        dataset=dataset.digest,
        weights=weights_digest,
    )
    print(f"trial {args.trial}: {device.describe()}", file=sys.stderr)
    with Report("epoch", epochs.n_epochs) as report:

        def reported():
            for logits in record_logits(net, epochs, device, settings.batch_size):
                yield logits
                report.step()

        write_logits(
            args.logits,
            MEMBER_FORMAT,
            reported(),
            digests,
            epochs.n_images,
            n_classes,
            settings.dtype,
            [Member(args.trial, weights_digest)],
            provenance,
        )


if __name__ == "__main__":
    sys.exit(run_stage(main))
