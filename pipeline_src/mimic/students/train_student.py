"""Train one student to regress the ensemble's logits, or one net on hard labels (Urban 2.2, 2.8, 6.2).

All students see the stored epochs in the same order; training that lasts longer starts over at the first.
"""

import os
import sys

import torch

from mimic.artifact import digest_file, provenance_of
from mimic.augment.render import Renderer
from mimic.cli import InputError, parse_settings, run_stage, stage_parser, whole_number
from mimic.config.students import StudySettings
from mimic.data.store import read_dataset
from mimic.epochs.store import StoredEpochs
from mimic.fingerprint import of_stage
from mimic.gpus.claims import training_claim_mb
from mimic.gpus.place import gpu_place
from mimic.logits.store import TARGETS_FORMAT, StoredLogits
from mimic.models.architecture import count_activations, count_parameters, notation, to_json_value
from mimic.models.net import new_net
from mimic.models.weights import write_weights
from mimic.progress import Report
from mimic.search.rounds import read_proposal
from mimic.seeding import derive
from mimic.students.families import parse_study, student_architecture
from mimic.students.losses import LOSSES
from mimic.students.space import training_names, width_names
from mimic.training.ahead import loaded_ahead
from mimic.training.devices import choose_device
from mimic.training.loop import Optimiser, Training, fit_together
from mimic.training.trial import (
    add_trial_files,
    on_device,
    record_trial,
    report_epoch,
    trial_checkpoint,
)

STAGE = "mimic.students.train_student"


def student_training(architecture, hyperparameters, settings, trial_seed, device, on_epoch=None):
    """A new net and how it is to be trained (Urban 2.8, 6.2, 6.3).

    Parameters
    ----------
    architecture : mimic.models.architecture.Architecture
    hyperparameters : dict
        See `mimic.students.space`; hard-label nets have no input or initialisation scale.
    settings : mimic.config.students.StudySettings
    trial_seed : int
        Every random number of the trial is derived from it.
    device : mimic.training.devices.Device
    on_epoch : callable, EpochRecord -> None

    Returns
    -------
    mimic.training.loop.Training
    """
    h = hyperparameters
    net = new_net(
        architecture, h.get("init_scale", 1.0), derive(trial_seed, "weights"), h.get("input_scale", 1.0)
    )
    optimiser = Optimiser(h["learning_rate"], h["momentum"], settings.weight_decay)
    net = device.suited_to(net).place(net)
    return Training(net, optimiser, derive(trial_seed, "dropout"), on_epoch)


def train_student(
    architecture,
    hyperparameters,
    settings,
    load_epoch,
    loss,
    validation,
    trial_seed,
    device,
    on_epoch=None,
    checkpoint=None,
):
    """A shallow net trained on the stored epochs.

    Parameters
    ----------
    architecture, hyperparameters, trial_seed, on_epoch
        See `student_training`.
    settings : mimic.config.students.StudySettings
    load_epoch : callable, int -> (images, targets)
        uint8 (n, 3, 32, 32) and logits (n, n_classes) or labels (n,), on the device.
    loss : str
        ``logit_l2`` (eq. 1) or ``cross_entropy``.
    validation : (images, labels)
        On the device.
    device : mimic.training.devices.Device
    checkpoint : mimic.training.checkpoint.Checkpoint, optional
        Goes on where an earlier process was ended.

    Returns
    -------
    net : mimic.models.net.Net
        With the weights of its best validation epoch.
    fit : mimic.training.loop.Fit
    """
    training = student_training(architecture, hyperparameters, settings, trial_seed, device, on_epoch)
    loss_function = LOSSES[loss]
    with loaded_ahead(load_epoch, device, settings.training.max_epochs) as load:
        (result,) = fit_together(
            [training], load, loss_function, settings.training, validation, device, checkpoint
        )
    return training.net, result


def epoch_loader(epochs, targets, labels):
    """Function that gives an epoch's images with the ensemble's logits, or with labels.

    Parameters
    ----------
    epochs : mimic.epochs.store.StoredEpochs
    targets : mimic.logits.store.StoredLogits or None
        None for hard labels.
    labels : int64 tensor, shape (n,)
        Training labels on the device.
    """

    def load_epoch(epoch):
        images = epochs.images(epoch)
        if targets is not None:
            return images, torch.from_numpy(targets.epoch(epoch)).to(images.device).float()
        order = torch.from_numpy(epochs.recipe(epoch).image_index).long()
        return images, labels[order.to(labels.device)]

    return load_epoch


def main(argv=None):
    parser = stage_parser(__doc__, STAGE)
    parser.add_argument("--study", required=True, help="name of the study, such as cnn2-10M")
    parser.add_argument("--settings", required=True, help="the study's slice of `students`, as JSON")
    parser.add_argument("--seed", type=whole_number(0), required=True, help="seed of the run")
    parser.add_argument("--trial", type=whole_number(0), required=True, help="trial number")
    parser.add_argument("--proposals", required=True, help="proposals.json of the trial's round")
    parser.add_argument("--dataset", required=True, help="dataset.h5")
    parser.add_argument("--epochs", nargs="+", required=True, help="all shards of epochs")
    parser.add_argument("--targets", nargs="?", help="targets.h5; not for hard labels")
    parser.add_argument("--threads", type=whole_number(1), default=1, help="CPU threads")
    add_trial_files(parser, os.environ.get("MIMIC_CHECKPOINT_SECONDS", "20"))
    args = parser.parse_args(argv)
    study = parse_study(args.study)
    settings = parse_settings(StudySettings, args.settings)
    if study.hard_label == bool(args.targets):
        raise InputError(f"--targets: expected {'none' if study.hard_label else 'a file'} for {study.name}")
    hyperparameters, round_index = read_proposal(
        args.proposals, args.trial, study.name, training_names(study) + width_names(study)
    )
    # Before a GPU is waited for: a wrong file is said at once.
    dataset = read_dataset(args.dataset)
    net = student_architecture(study, settings, hyperparameters, len(dataset.class_names))
    claim_mb = training_claim_mb(
        count_parameters(net), count_activations(net), settings.training.batch_size, dataset.images
    )
    with gpu_place(f"train_student {study.name} {args.trial}", claim_mb):
        _train(args, study, settings, hyperparameters, round_index, dataset)


def _train(args, study, settings, hyperparameters, round_index, dataset):
    """Train the trial on the device that there is, and write its files."""
    device = choose_device(settings.training.precision, settings.training.channels_last, args.threads)
    data, n_classes = on_device(dataset, device), len(dataset.class_names)
    images, labels = data["train"]
    epochs = StoredEpochs(args.epochs, dataset.digest, images, Renderer(device.torch_device))
    targets = None
    if args.targets:
        targets = StoredLogits(args.targets, TARGETS_FORMAT, epochs.digests, epochs.n_images)
        if targets.n_classes != n_classes:
            raise InputError(f"{args.targets}: expected {n_classes} classes, got {targets.n_classes}")
    architecture = student_architecture(study, settings, hyperparameters, n_classes)
    n_parameters = count_parameters(architecture)
    trial_seed = derive(args.seed, "students", study.name, args.trial)
    loss = "cross_entropy" if study.hard_label else "logit_l2"
    print(
        f"{study.name} {args.trial}: {notation(architecture)}, {n_parameters:,} parameters "
        f"(width bounds {settings.bounds_source}), {device.describe()}",
        file=sys.stderr,
    )
    sources = {"dataset": dataset.digest}
    sources["epochs"] = epochs.digest()
    if targets is not None:
        sources["members"] = {str(member.trial): member.weights_digest for member in targets.members}
    provenance = provenance_of("train_student", settings.model_dump(), trial_seed, of_stage(STAGE), **sources)
    with Report("epoch", settings.training.max_epochs) as report:
        checkpoint = trial_checkpoint(
            args,
            device,
            report,
            provenance=provenance,
            # Members may be stored in another type: the same sources, other numbers.
            targets=digest_file(args.targets) if args.targets else None,
            study=study.name,
            hyperparameters=hyperparameters,
            architecture=to_json_value(architecture),
        )
        net, result = train_student(
            architecture,
            hyperparameters,
            settings,
            epoch_loader(epochs, targets, labels),
            loss,
            data["validation"],
            trial_seed,
            device,
            report_epoch(report),
            checkpoint,
        )
    seconds = checkpoint.seconds()
    write_weights(args.weights, net)
    record_trial(
        args,
        net,
        result,
        data,
        device,
        provenance,
        study=study.name,
        trial=args.trial,
        round=round_index,
        seed=trial_seed,
        loss=loss,
        family=study.family,
        budget=study.budget_label,
        width_bounds=settings.bounds_source,
        architecture=notation(architecture),
        n_parameters=n_parameters,
        hyperparameters=hyperparameters,
        seconds=seconds,
    )
    checkpoint.remove()


if __name__ == "__main__":
    sys.exit(run_stage(main))
