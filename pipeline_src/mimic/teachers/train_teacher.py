"""Train one teacher with augmentation on the fly and record how it did (Urban 2.5, 2.6, 2.7)."""

import os
import sys

import torch
from torch.nn import functional

from mimic.artifact import provenance_of
from mimic.augment.recipe import draw_recipe
from mimic.augment.render import Renderer
from mimic.cli import parse_settings, run_stage, stage_parser, whole_number
from mimic.config.augment import CropSettings
from mimic.config.teachers import TeacherSpace
from mimic.config.training import TrainingSettings
from mimic.data.store import read_dataset
from mimic.fingerprint import of_stage
from mimic.gpus.claims import training_claim_mb
from mimic.gpus.place import gpu_place
from mimic.models.architecture import count_activations, count_parameters, notation, to_json_value
from mimic.models.net import new_net
from mimic.models.weights import write_weights
from mimic.progress import Report
from mimic.search.rounds import read_proposal
from mimic.seeding import derive, numpy_generator
from mimic.teachers.space import hsv_of, teacher_of
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

STAGE = "mimic.teachers.train_teacher"


def teacher_training(hyperparameters, n_classes, trial_seed, device, on_epoch=None):
    """A new teacher and how it is to be trained (Urban 2.7).

    Parameters
    ----------
    hyperparameters : dict
        The eighteen of `mimic.teachers.space`.
    n_classes : int
    trial_seed : int
        Every random number of the trial is derived from it.
    device : mimic.training.devices.Device
    on_epoch : callable, EpochRecord -> None

    Returns
    -------
    mimic.training.loop.Training
    """
    h = hyperparameters
    net = new_net(teacher_of(h, n_classes), h["init_coefficient"], derive(trial_seed, "weights"))
    optimiser = Optimiser(h["learning_rate"], h["momentum"], h["weight_decay"])
    return Training(device.place(net), optimiser, derive(trial_seed, "dropout"), on_epoch)


def augmented_epochs(images, labels, hsv, crop, trial_seed, device):
    """Function that augments the training images afresh for every epoch (Urban 2.5).

    Parameters
    ----------
    images : uint8 tensor, shape (n, 3, 32, 32)
    labels : int64 tensor, shape (n,)
        Both on the device.
    hsv : mimic.config.augment.HsvSettings
    crop : mimic.config.augment.CropSettings
    trial_seed : int
    device : mimic.training.devices.Device

    Returns
    -------
    callable, int -> (images, labels)
        In an order drawn for the epoch.
    """
    renderer = Renderer(device.torch_device)

    def load_epoch(epoch):
        generator = numpy_generator(trial_seed, "augmentation", epoch)
        order = generator.permutation(len(images)).astype("int32")
        rendered = renderer.render(images, draw_recipe(order, hsv, crop, generator))
        return rendered, labels[torch.from_numpy(order).long().to(labels.device)]

    return load_epoch


def train_teacher(
    hyperparameters, crop, settings, data, n_classes, trial_seed, device, on_epoch=None, checkpoint=None
):
    """A teacher trained on hard labels; every epoch is augmented afresh.

    Parameters
    ----------
    hyperparameters, n_classes, trial_seed, on_epoch
        See `teacher_training`.
    crop : mimic.config.augment.CropSettings
    settings : mimic.config.training.TrainingSettings
    data : dict of str to (images, labels)
        By split: uint8 (n, 3, 32, 32) and int64 (n,), on the device.
    device : mimic.training.devices.Device
    checkpoint : mimic.training.checkpoint.Checkpoint, optional
        Goes on where an earlier process was ended.

    Returns
    -------
    net : mimic.models.net.Net
        With the weights of its best validation epoch.
    fit : mimic.training.loop.Fit
    """
    training = teacher_training(hyperparameters, n_classes, trial_seed, device, on_epoch)
    load_epoch = augmented_epochs(*data["train"], hsv_of(hyperparameters), crop, trial_seed, device)
    cross_entropy, validation = functional.cross_entropy, data["validation"]
    with loaded_ahead(load_epoch, device, settings.max_epochs) as load:
        (result,) = fit_together([training], load, cross_entropy, settings, validation, device, checkpoint)
    return training.net, result


def main(argv=None):
    parser = stage_parser(__doc__, STAGE)
    parser.add_argument("--crop", required=True, help="`teachers.crop` of the config, as JSON")
    parser.add_argument("--training", required=True, help="`teachers.training`, as JSON")
    parser.add_argument("--seed", type=whole_number(0), required=True, help="seed of the run")
    parser.add_argument("--trial", type=whole_number(0), required=True, help="trial number")
    parser.add_argument("--proposals", required=True, help="proposals.json of the trial's round")
    parser.add_argument("--dataset", required=True, help="dataset.h5")
    parser.add_argument("--threads", type=whole_number(1), default=1, help="CPU threads")
    add_trial_files(parser, os.environ.get("MIMIC_CHECKPOINT_SECONDS", "20"))
    args = parser.parse_args(argv)
    crop = parse_settings(CropSettings, args.crop, "--crop")
    settings = parse_settings(TrainingSettings, args.training, "--training")
    hyperparameters, round_index = read_proposal(
        args.proposals, args.trial, "teachers", list(TeacherSpace.model_fields)
    )
    # Before a GPU is waited for: a wrong file is said at once.
    dataset = read_dataset(args.dataset)
    net = teacher_of(hyperparameters, len(dataset.class_names))
    claim_mb = training_claim_mb(
        count_parameters(net), count_activations(net), settings.batch_size, dataset.images
    )
    with gpu_place(f"train_teacher {args.trial}", claim_mb):
        _train(args, crop, settings, hyperparameters, round_index, dataset)


def _train(args, crop, settings, hyperparameters, round_index, dataset):
    """Train the trial on the device that there is, and write its files."""
    device = choose_device(settings.precision, settings.channels_last, args.threads)
    data, n_classes = on_device(dataset, device), len(dataset.class_names)
    trial_seed = derive(args.seed, "teachers", args.trial)
    provenance = provenance_of(
        "train_teacher",
        {"crop": crop.model_dump(), "training": settings.model_dump()},
        trial_seed,
        of_stage(STAGE),
        dataset=dataset.digest,
    )
    print(f"teacher {args.trial}: {device.describe()}", file=sys.stderr)
    with Report("epoch", settings.max_epochs) as report:
        checkpoint = trial_checkpoint(
            args,
            device,
            report,
            provenance=provenance,
            study="teachers",
            hyperparameters=hyperparameters,
            architecture=to_json_value(teacher_of(hyperparameters, n_classes)),
        )
        net, result = train_teacher(
            hyperparameters,
            crop,
            settings,
            data,
            n_classes,
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
        study="teachers",
        trial=args.trial,
        round=round_index,
        seed=trial_seed,
        loss="cross_entropy",
        family="teacher",
        budget=None,
        architecture=notation(net.architecture),
        n_parameters=count_parameters(net.architecture),
        hyperparameters=hyperparameters,
        seconds=seconds,
    )
    checkpoint.remove()


if __name__ == "__main__":
    sys.exit(run_stage(main))
