"""``mimic win``: a user's own thin net imitates a wider one, block by block, and is merged back."""

import contextlib
import inspect
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from mimic.artifact import digest_file, digest_json
from mimic.cli import InputError
from mimic.console.overlays import merged_config
from mimic.data.store import read_dataset
from mimic.seeding import derive
from mimic.training.devices import choose_device
from mimic.win.distributed import Processes
from mimic.win.exact import check_exact
from mimic.win.finetune import finetune
from mimic.win.folder import FolderImages, open_folder
from mimic.win.imitate_block import imitate_block
from mimic.win.imitation import ImitationNet
from mimic.win.loading import DeviceImages, as_tensors
from mimic.win.merge import N_COMPARED, merge
from mimic.win.nets import BuilderSpec
from mimic.win.objectives import scores
from mimic.win.settings import FolderStage
from mimic.win.stage import Place, n_parameters, train
from mimic.win.store import (
    METRICS,
    WEIGHTS,
    load_plain_state,
    load_state,
    read_metrics,
    write_metrics,
    write_state,
)
from mimic.win.train_wide import train_wide


@dataclass(frozen=True)
class _Stage:
    """Settings of a stage as its function takes them."""

    training: object
    schedule: object


@dataclass(frozen=True)
class _Files:
    """Where a stage writes, as `mimic.win.stage.train` takes it."""

    out: Path
    checkpoint_seconds: float = 20.0


class Imitator:
    """All stages for two nets, each in a folder of its own; one that is done is not done again.

    Parameters
    ----------
    settings : mimic.config.win.WinSettings
    student, teacher : mimic.win.nets.BuilderSpec
    blocks : (tuple of str, tuple of str)
        Of the student and of the teacher.
    place : mimic.win.stage.Place
    seed : int
    out : path
    teacher_weights : path or None
        Of a trained teacher, in safetensors; it is trained here otherwise.
    """

    def __init__(self, settings, student, teacher, blocks, place, seed, out, teacher_weights=None):
        self.settings, self.place, self.seed, self.out = settings, place, seed, Path(out)
        self.specs, self.blocks = {"student": student, "teacher": teacher}, blocks
        self.teacher_weights = teacher_weights
        self.teacher = self._built("teacher")
        self.student = self._built("student")
        self._check_classes()
        self.net = self._imitation()
        check_exact(self.net, self.student, place.images.image_shape)

    def _imitation(self):
        """An imitation net, with the last layer that the teacher has now."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(self.seed, "win", "pairs"))
            net = ImitationNet(
                self.student,
                self.teacher,
                *self.blocks,
                self.place.images.image_shape,
                self.settings.pairs,
                self.settings.classifier == "teacher",
            )
        return self.place.device.place(net)

    def _built(self, role):
        spec = self.specs[role]
        return self.place.device.place(spec.build(derive(self.seed, "win", role, spec.builder)))

    def _check_classes(self):
        """Refuse nets that do not give a logit for each class."""
        images = torch.zeros((2, *self.place.images.image_shape), device=self.place.device.torch_device)
        for role in ("teacher", "student"):
            net, builder = getattr(self, role), self.specs[role].builder
            try:
                with torch.no_grad():
                    found = tuple(net.eval()(images).shape)
            except RuntimeError as error:
                words = " ".join(str(error).split())[:200]
                raise InputError(
                    f"--{role} {builder}: does not take images of {self.place.images.image_shape}: {words}"
                ) from None
            if found != (2, self.place.n_classes):
                raise InputError(
                    f"--{role} {builder}: expected outputs (n, {self.place.n_classes}), a logit a class, "
                    f"got {('n', *found[1:])}"
                )

    def run(self):
        """Do what is left; returns the metrics of the merged net."""
        if self.teacher_weights is None:
            stage = _Stage(self.settings.training, self.settings.train_wide)
            self._stage("teacher", self.teacher, lambda: train_wide(self.teacher, stage, self.place), {})
            teacher = self._digest("teacher")
        else:
            teacher = load_plain_state(self.teacher_weights, self.teacher)
        self.teacher.requires_grad_(False).eval()
        self.net = self._imitation()  # anew: the first one has the last layer of an untrained teacher
        made_from = {"teacher": teacher}
        stage = _Stage(self.settings.training, self.settings.imitate_block)
        for block in range(1, 1 + len(self.blocks[0])):

            def imitate(block=block):
                return imitate_block(self.net, block, self.teacher, self.blocks[1], stage, self.place)

            self._stage(f"block{block}", self.net, imitate, made_from)
            made_from = {"teacher": teacher, "before": self._digest(f"block{block}")}
        stage = _Stage(self.settings.training, self.settings.finetune)
        self._stage(
            "finetuned", self.net, lambda: finetune(self.net, self.teacher, stage, self.place), made_from
        )
        return self._merge()

    def _digest(self, name):
        return read_metrics(self.out / name / METRICS)["weights"]

    def _said(self, name, made_from):
        """What a stage's files are made from."""
        return {
            "stage": name,
            "settings": json.loads(
                self.settings.model_dump_json(exclude={"data", "folder", "nets", "widen"})
            ),
            "nets": {role: spec.builder for role, spec in self.specs.items()},
            "code": {role: code_of(spec, net) for role, (spec, net) in self._nets().items()},
            "blocks": [list(blocks) for blocks in self.blocks],
            "images": self.place.digest,
            "seed": self.seed,
            "made_from": made_from,
        }

    def _nets(self):
        return {role: (spec, getattr(self, role)) for role, spec in self.specs.items()}

    def _stage(self, name, net, start, made_from):
        """Train, or read what was trained from the same."""
        folder, said = self.out / name, self._said(name, made_from)
        kind = "net" if name == "teacher" else "imitation"
        if (folder / METRICS).exists():
            found = read_metrics(folder / METRICS)
            if found.get("made_from") != said:
                raise InputError(
                    f"{folder}: made with other settings, nets or images; delete it and the folders of later "
                    "stages, or name another --out"
                )
            load_state(folder / WEIGHTS, kind, net)
            print(f"{name}: done before", file=sys.stderr)
            return
        run = start()
        words = f"{name} ({n_parameters(run.module):,} parameters)"
        checkpoint = train(run, _Files(folder), self.place, said, words)
        digest = write_state(folder / WEIGHTS, kind, said, net.state_dict())
        write_metrics(
            folder / METRICS,
            {"made_from": said, "weights": digest, "seconds": checkpoint.seconds(), **run.history[-1].judged},
        )
        checkpoint.remove()

    def _merge(self):
        images, _ = next(self.place.images.tests(N_COMPARED))
        error = merge(self.net, self.student, images)
        found = scores(self.student, self.place)
        said = self._said("merged", {"finetuned": self._digest("finetuned")})
        digest = write_state(self.out / "merged" / WEIGHTS, "net", said, self.student.state_dict())
        metrics = {"made_from": said, "weights": digest, "n_parameters": n_parameters(self.student), **found}
        metrics["merging_error"] = error
        write_metrics(self.out / "merged" / METRICS, metrics)
        return metrics


def code_of(spec, net):
    """Digest of what a user's net is: its modules, and the file with the function that builds it."""
    path = inspect.getsourcefile(sys.modules[spec.builder.partition(":")[0]])
    source = digest_file(path) if path else ""
    return digest_json({"modules": repr(net), "source": source})


def imitate(args):
    """Run all stages for the nets that the command line names."""
    config = merged_config([args.config, *args.configfile])
    blocks = (tuple(args.blocks), tuple(args.teacher_blocks or args.blocks))
    specs = [_spec(name, getattr(args, name)) for name in ("student", "teacher")]
    settings, seed = config.win, derive(config.seed, "win", "own")
    training = settings.training
    device = choose_device(training.precision, training.channels_last, args.threads)
    with contextlib.ExitStack() as opened:
        read = _small_images if args.dataset else _folder_images
        images, n_classes, digest = read(args, settings, seed, device, opened)
        place = Place(device, Processes(), images, n_classes, digest)
        metrics = Imitator(settings, *specs, blocks, place, config.seed, args.out, args.teacher_weights).run()
    path = Path(args.out) / "merged" / WEIGHTS
    print(f"{path}: {metrics['n_parameters']:,} parameters, test accuracy {metrics['test_accuracy']:.2%}")


def _small_images(args, settings, seed, device, opened):
    """Images, number of classes and digest of a dataset."""
    dataset = read_dataset(args.dataset)
    splits = [as_tensors(dataset, split, device.torch_device) for split in ("train", "test")]
    images = DeviceImages(*splits, seed, settings.training.batch_size)
    return images, len(dataset.class_names), dataset.digest


def _folder_images(args, settings, seed, device, opened):
    """The same of a folder of files."""
    sizes = FolderStage(
        image_size=settings.folder.image_size, test_size=settings.folder.test_size, cache_size=None
    )
    source = opened.enter_context(open_folder(args.images, None, sizes, args.threads))
    images = FolderImages(source, sizes.image_size, seed, settings.training.batch_size, device)
    return images, source.n_classes, source.digest


def _spec(role, builder):
    try:
        return BuilderSpec(builder=builder)
    except ValueError:
        raise InputError(f"--{role}: expected module:function, got {builder!r}") from None
