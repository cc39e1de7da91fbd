"""The paper with fixed hyperparameters in one process: how long does one GPU take, and what bounds it?

    python benchmarks/paper_on_one_gpu.py --work FOLDER [--scale 0.01] [--out benchmarks/results]

16 teachers for 100 epochs, the ensemble, 160 augmented epochs, the members' logits on all of them, 36
students for 160 epochs, 4 nets on hard labels, Tables 1 and 2: the steps of the workflow by the workflow's
functions, with one trial a study (every hyperparameter in the middle of its range; teachers take the three
published architectures in turn) and several nets trained side by side: ``--together``, on which the numbers
depend a little, since teachers of a group see the same augmented epochs. Images are those of an image folder,
``MIMIC_IMAGES`` or ``MIMIC_TEST_DATA`` in the environment, or the embedded ones.

FOLDER gets the files that the workflow would write. A run that was stopped goes on with the first unit
that is missing: a group of nets that were trained together, the logits, a table. Seconds and operations of
finished units are kept beside them, so that the times add up over several runs; the share is that of a
large matrix product on the same machine. ``--scale`` shrinks images, epochs, teachers and parameters.
"""

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from types import SimpleNamespace

import cost
import fixed_nets
import torch
from recording import claim, hardware_name, header, positive, write_result
from torch.nn.functional import cross_entropy

from mimic.artifact import provenance_of, write_json
from mimic.augment.render import Renderer
from mimic.data.prepare_dataset import main as prepare_dataset
from mimic.data.store import read_dataset
from mimic.ensemble.select_ensemble import main as select_ensemble
from mimic.epochs.generate_epochs import generate_epochs
from mimic.epochs.store import StoredEpochs, write_shard
from mimic.logits.average_logits import main as average_logits
from mimic.logits.record_logits import main as record_logits
from mimic.logits.store import TARGETS_FORMAT, StoredLogits
from mimic.models.architecture import count_parameters, notation
from mimic.models.weights import read_weights, write_weights
from mimic.report.tabulate_table1 import main as tabulate_table1
from mimic.report.tabulate_table2 import main as tabulate_table2
from mimic.report.tabulate_trials import main as tabulate_trials
from mimic.seeding import derive
from mimic.students.families import Study, student_architecture, study_settings
from mimic.students.losses import LOSSES
from mimic.students.space import student_space
from mimic.students.train_student import student_training
from mimic.teachers.space import hsv_of, teacher_of, teacher_space
from mimic.teachers.train_teacher import augmented_epochs, teacher_training
from mimic.training.devices import choose_device
from mimic.training.loop import fit_together
from mimic.training.trial import on_device, record_trial

# A queue of its own for each net's stream; read when the first work reaches the GPU.
os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")
CONFIG, SEED = fixed_nets.CONFIG, fixed_nets.CONFIG.seed
TEACHERS = [(76, 126, 148, 1200), (96, 171, 128, 512), (54, 158, 189, 1044)]  # Urban 2.7, Table 1
FILES = {"metrics": "metrics.json", "history": "history.csv", "predictions": "predictions.h5"}


class Paper:
    """The experiment at a scale, in a folder."""

    def __init__(self, arguments):
        scale = arguments.scale
        self.folder, self.together = arguments.work, arguments.together
        self.device = choose_device("auto", "auto", arguments.threads)
        self.n_images = {"train": 40_000, "validation": 10_000, "test": 10_000}
        self.n_images = {split: max(200, round(scale * n)) for split, n in self.n_images.items()}
        self.n_teachers = max(2, round(16 * scale))
        self.width_scale = max(scale, 0.03) ** 0.5
        self.n_teacher_epochs, self.n_epochs = (max(2, round(scale * n)) for n in (100, 160))
        # Below 30,000 parameters the families have no room within their bounds.
        budgets = [max(scale, 0.03) * budget for budget in (1, 3.16, 10, 31.6)]
        self.budgets = [f"{round(budget, 3):g}M" for budget in budgets]
        self.families = arguments.families
        self.studies = [Study(family, budget, False) for budget in self.budgets for family in self.families]
        hard_budget = self.budgets[2]
        self.hard_studies = [
            Study(family, hard_budget, True)
            for family in CONFIG.students.hard_label.families
            if family in self.families
        ]
        self.ledger = cost.Ledger(self.folder / "ledger.json")
        self.data, self._pixels = None, {}

    def path(self, *parts):
        return str(Path(self.folder, *parts))

    # Step data

    def prepare(self, source, images):
        """dataset.h5, and its images on the device."""
        path = self.path("data", "dataset.h5")
        settings = CONFIG.data.model_copy(
            update={"source": source, "path": str(images), "download": False}
            | {f"n_{split}": n for split, n in self.n_images.items()}
        )
        with self.ledger.unit("data", "dataset", path, n_flop=0) as wanted:
            if wanted:
                prepare_dataset(
                    ["--settings", settings.model_dump_json(), "--seed", str(SEED), "--out", path]
                )
        self.dataset = read_dataset(path)
        self.data, self.n_classes = on_device(self.dataset, self.device), len(self.dataset.class_names)

    # Step teachers

    def train_teachers(self):
        """Groups of teachers side by side; those of a group see the same augmented epochs."""
        middle = fixed_nets.middle_of(teacher_space(CONFIG.teachers.search_space))
        settings = CONFIG.teachers.training.model_copy(update={"max_epochs": self.n_teacher_epochs})
        for group in self._groups(range(self.n_teachers)):
            chosen = {trial: {**middle, **self._teacher_widths(trial)} for trial in group}
            architectures = [teacher_of(h, self.n_classes) for h in chosen.values()]
            metrics = self.path("teachers", "trials", f"{group[-1]:03d}", "metrics.json")
            with self.ledger.unit("teachers", f"{group[0]}-{group[-1]}", metrics) as wanted:
                if not wanted:
                    continue
                seeds = {trial: derive(SEED, "teachers", trial) for trial in group}
                trainings = [
                    teacher_training(h, self.n_classes, seeds[trial], self.device)
                    for trial, h in chosen.items()
                ]
                hsv, crop = hsv_of(middle), CONFIG.teachers.crop
                load_epoch = augmented_epochs(*self.data["train"], hsv, crop, seeds[group[0]], self.device)
                fits = self._fit(trainings, load_epoch, cross_entropy, settings, architectures)
                for trial, training, fit in zip(group, trainings, fits, strict=True):
                    facts = {"study": "teachers", "family": "teacher", "budget": None, "trial": trial}
                    facts |= {"loss": "cross_entropy", "seed": seeds[trial]}
                    self._record("teachers", training.net, fit, chosen[trial], **facts)

    def _teacher_widths(self, trial):
        widths = [max(4, round(self.width_scale * width)) for width in TEACHERS[trial % len(TEACHERS)]]
        names = ("filters_conv1", "filters_conv2", "filters_conv3", "hidden_units")
        return dict(zip(names, widths, strict=True))

    # Steps ensemble, epochs, logits

    def select(self):
        """All teachers are members."""
        path, trials = self.path("ensemble", "members.json"), range(self.n_teachers)
        with self.ledger.unit("ensemble", "members", path, n_flop=0) as wanted:
            if wanted:
                arguments = ["--settings", json.dumps({"n_members": self.n_teachers}), "--members", path]
                arguments += ["--dataset", self.path("data", "dataset.h5")]
                for option, file in (("--metrics", "metrics"), ("--predictions", "predictions")):
                    arguments += [option, *(self._trial_file("teachers", t, file) for t in trials)]
                select_ensemble(arguments)
        self.members = json.loads(Path(path).read_text(encoding="utf-8"))["members"]

    def draw_epochs(self):
        """The recipes of all epochs, and where they will be rendered."""
        path = self.path("epochs", "00.h5")
        images, renderer = self.data["train"][0], Renderer(self.device.torch_device)
        settings = CONFIG.epochs.model_copy(update={"store": "recipe"})
        with self.ledger.unit("epochs", "recipes", path, n_flop=0) as wanted:
            if wanted:
                recipes = generate_epochs(len(images), range(self.n_epochs), settings, SEED)
                provenance = provenance_of("generate_epochs", settings.model_dump(), SEED, "benchmark")
                write_shard(
                    path,
                    recipes,
                    lambda recipe: renderer.render(images, recipe).cpu().numpy(),
                    False,
                    self.dataset.digest,
                    provenance,
                )
        self.epochs = StoredEpochs([path], self.dataset.digest, images, renderer)

    def pixels(self, epoch):
        """Images of an epoch: rendered once where all epochs fit the device's memory, else every time."""
        if epoch in self._pixels:
            return self._pixels[epoch]
        images = self.epochs.images(epoch)
        on_gpu = self.device.torch_device.type == "cuda"
        free = torch.cuda.mem_get_info()[0] if on_gpu else 2e9
        if images.numel() * (self.n_epochs - len(self._pixels)) < free / 2:
            self._pixels[epoch] = images
        return images

    def label(self):
        """All members on all epochs in one pass, then their mean."""
        paths = {trial: self.path("logits", "members", f"{trial:03d}.h5") for trial in self.members}
        files = [self._trial_file("teachers", trial, "weights") for trial in self.members]
        with self.ledger.unit("logits", "members", paths[self.members[-1]]) as wanted:
            if wanted:
                settings = CONFIG.logits.model_copy(update={"batch_size": 2048})
                arguments = [
                    "--settings",
                    settings.model_dump_json(),
                    "--epochs",
                    self.path("epochs", "00.h5"),
                ]
                arguments += ["--dataset", self.path("data", "dataset.h5")]
                arguments += ["--trials", *map(str, paths), "--weights", *files, "--logits", *paths.values()]
                record_logits([*arguments, "--threads", str(torch.get_num_threads())])
                n_images = self.n_epochs * self.epochs.n_images
                nets = [read_weights(file).architecture for file in files]
                self.ledger.count(sum(cost.inference_flop(net, n_images) for net in nets))
        targets = self.path("logits", "targets.h5")
        with self.ledger.unit("logits", "targets", targets, n_flop=0) as wanted:
            if wanted:
                arguments = ["--dtype", "float16", "--members", self.path("ensemble", "members.json")]
                average_logits([*arguments, "--logits", *paths.values(), "--targets", targets])

    # Step students

    def train_students(self):
        """Groups of studies side by side, first those that mimic, then those on hard labels."""
        targets_path = self.path("logits", "targets.h5")
        stored = StoredLogits(targets_path, TARGETS_FORMAT, self.epochs.digests, self.epochs.n_images)
        labels, place = self.data["train"][1], self.device.torch_device
        targets = [torch.from_numpy(stored.epoch(epoch)).to(place) for epoch in range(self.n_epochs)]

        def mimic(epoch):
            return self.pixels(epoch), targets[epoch].float()

        def hard(epoch):
            order = torch.from_numpy(self.epochs.recipe(epoch).image_index).long().to(labels.device)
            return self.pixels(epoch), labels[order]

        for step, studies, load_epoch in (
            ("students", self.studies, mimic),
            ("hard-label nets", self.hard_studies, hard),
        ):
            for group in self._groups(studies):
                metrics = self._trial_file(f"students/{group[-1].name}", 0, "metrics")
                with self.ledger.unit(step, f"{group[0].name} to {group[-1].name}", metrics) as wanted:
                    if wanted:
                        self._train_studies(group, load_epoch)

    def _train_studies(self, studies, load_epoch):
        """One group, whose nets share loss and weight decay."""
        trainings, chosen, loss = [], [], "cross_entropy" if studies[0].hard_label else "logit_l2"
        for study in studies:
            group = CONFIG.students.hard_label if study.hard_label else CONFIG.students
            hyperparameters = fixed_nets.middle_of(student_space(study, group.search_space))
            settings = study_settings(CONFIG.students, study)
            architecture = student_architecture(study, settings, hyperparameters, self.n_classes)
            seed = derive(SEED, "students", study.name, 0)
            trainings.append(student_training(architecture, hyperparameters, settings, seed, self.device))
            chosen.append((hyperparameters, seed, settings))
        training = settings.training.model_copy(update={"max_epochs": self.n_epochs})
        architectures = [each.net.architecture for each in trainings]
        fits = self._fit(trainings, load_epoch, LOSSES[loss], training, architectures)
        for study, each, fit, (hyperparameters, seed, settings) in zip(
            studies, trainings, fits, chosen, strict=True
        ):
            facts = {"study": study.name, "family": study.family, "budget": study.budget_label, "trial": 0}
            facts |= {"loss": loss, "seed": seed, "width_bounds": settings.bounds_source}
            self._record(f"students/{study.name}", each.net, fit, hyperparameters, **facts)

    # Step report

    def tabulate(self):
        """Tables 1 and 2 by the workflow's stages."""
        folders = ["teachers", *(f"students/{study.name}" for study in [*self.studies, *self.hard_studies])]
        trials = {folder: [0] for folder in folders} | {"teachers": range(self.n_teachers)}
        with self.ledger.unit("report", "tables", self.path("table2_long.csv"), n_flop=0) as wanted:
            if not wanted:
                return
            for folder, numbers in trials.items():
                metrics = [self._trial_file(folder, trial, "metrics") for trial in numbers]
                tabulate_trials(["--metrics", *metrics, "--out", self.path(folder, "trials.csv")])
            written = {
                n: ["--out", self.path(f"table{n}.csv"), "--long", self.path(f"table{n}_long.csv")]
                for n in (1, 2)
            }
            hard = [self.path("students", study.name, "trials.csv") for study in self.hard_studies]
            rows = ["--hard-studies", *hard, "--teachers", self.path("teachers", "trials.csv")]
            rows += ["--ensemble", self.path("ensemble", "members.json")]
            tabulate_table1([*rows, *written[1], "--compare"])
            studies = [self.path("students", study.name, "trials.csv") for study in self.studies]
            rows = ["--studies", *studies, "--families", *self.families]
            tabulate_table2([*rows, "--budgets", *self.budgets, *written[2], "--compare"])

    # What the steps share

    def _groups(self, items):
        items = list(items)
        return [items[start : start + self.together] for start in range(0, len(items), self.together)]

    def _trial_file(self, folder, trial, file):
        name = "weights.safetensors" if file == "weights" else FILES[file]
        return self.path(folder, "trials", f"{trial:03d}", name)

    def _fit(self, trainings, load_epoch, loss_function, settings, architectures):
        fits = fit_together(
            trainings, load_epoch, loss_function, settings, self.data["validation"], self.device
        )
        for fit, architecture in zip(fits, architectures, strict=True):
            n_epochs = len(fit.history)
            self.ledger.count(cost.training_flop(architecture, n_epochs * self.n_images["train"]))
            self.ledger.count(cost.inference_flop(architecture, n_epochs * self.n_images["validation"]))
        return fits

    def _record(self, folder, net, fit, hyperparameters, **facts):
        """A trial's files, as its stage would write them; metrics last, which say that it is done."""
        paths = {file: self._trial_file(folder, facts["trial"], file) for file in (*FILES, "weights")}
        write_weights(paths.pop("weights"), net)
        provenance = provenance_of("benchmark", {}, facts["seed"], "benchmark", dataset=self.dataset.digest)
        facts |= {"round": 0, "hyperparameters": hyperparameters, "architecture": notation(net.architecture)}
        facts |= {"n_parameters": count_parameters(net.architecture)}
        facts |= {"seconds": sum(record.seconds for record in fit.history)}
        record_trial(SimpleNamespace(**paths), net, fit, self.data, self.device, provenance, **facts)


def _scale(text):
    scale = float(text)
    if not 0 < scale <= 1:
        raise argparse.ArgumentTypeError(f"expected above 0, at most 1, got {text}")
    return scale


def _refuse_another_run(arguments, machine):
    """The units of a folder belong to one experiment, on one machine, by one state of the code."""
    path = arguments.work / "run.json"
    run = {key: getattr(arguments, key) for key in ("scale", "families", "together", "threads")}
    run |= {"source": [str(part) for part in fixed_nets.image_folder()], "commit": machine["commit"]}
    run["hardware"] = hardware_name(machine)
    if not path.exists():
        write_json(path, run)
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = "no JSON"
    if found != run:
        sys.exit(f"error: {path}: expected {run}, got {found}: give another --work")


def main(argv=None):
    """Run what is missing, print a table, write a dated JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder of the run")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder")
    parser.add_argument("--scale", type=_scale, default=1.0, help="of images, epochs, teachers, parameters")
    families = CONFIG.students.families
    parser.add_argument("--families", nargs="+", choices=families, default=families, help="of students")
    on_gpu = torch.cuda.is_available()
    parser.add_argument("--together", type=positive, default=8 if on_gpu else 1, help="nets side by side")
    parser.add_argument("--threads", type=positive, help="CPU threads")
    arguments = parser.parse_args(argv)
    machine = header()
    _refuse_another_run(arguments, machine)
    paper = Paper(arguments)
    source, images = fixed_nets.image_folder()
    matrix = [cost.matrix_rate(paper.device, 1) for _ in range(5)]
    print(f"{paper.device.describe()}; matrix product {statistics.median(matrix) / 1e12:.2f} TFLOP/s")
    paper.prepare(source, images)
    paper.train_teachers()
    paper.select()
    paper.draw_epochs()
    paper.label()
    paper.train_students()
    paper.tabulate()
    steps = paper.ledger.by_step()
    total = (sum(seconds for seconds, _ in steps.values()), sum(flop for _, flop in steps.values()))
    claims = []
    print(f"{'step':18}{'seconds':>10}{'TFLOP':>12}{'TFLOP/s':>10}{'share':>8}")
    for step, (seconds, flop) in {**steps, "all": total}.items():
        share = flop / seconds / statistics.median(matrix)
        print(
            f"{step:18}{seconds:10.1f}{flop / 1e12:12,.2f}{flop / seconds / 1e12:10.2f}"
            + (f"{share:8.1%}" if flop else "")
        )
        if flop:
            what = f"the paper at scale {arguments.scale:g}, {step}: {seconds:,.0f} s"
            rate = [flop / seconds / 1e12] * len(matrix)
            claims.append(claim(what, "TFLOP/s", rate, "a matrix product alone", [m / 1e12 for m in matrix]))
    for table in ("table1.csv", "table2.csv"):
        print(f"\n{table}\n{Path(paper.path(table)).read_text(encoding='utf-8')}")
    result = {
        **machine,
        "device": paper.device.describe(),
        "source": source,
        "options": {key: str(value) for key, value in vars(arguments).items() if key not in ("out", "work")},
        "steps": {step: {"seconds": seconds, "flop": flop} for step, (seconds, flop) in steps.items()},
        "matrix_rate": matrix,
        **{n: Path(paper.path(f"{n}.csv")).read_text(encoding="utf-8") for n in ("table1", "table2")},
    }
    write_result(arguments.out, "paper_on_one_gpu", result, claims)


if __name__ == "__main__":
    main()
