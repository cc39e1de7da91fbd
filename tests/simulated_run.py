"""A results folder as a run leaves it, of any size, without training: real formats, invented numbers.

Histories rise to their trial's accuracy, logits are right as often as the metrics say. Predictions are
written of the teachers and of the best student of a study: those of 2,500 trials would take 2 GB.
"""

import math
import os
from pathlib import Path

import numpy as np
import yaml

from mimic.artifact import provenance_of, read_json, write_json, write_text
from mimic.config.families import parse_budget
from mimic.config.whole import load
from mimic.data.store import make_dataset, write_dataset
from mimic.epochs.generate_epochs import generate_epochs
from mimic.epochs.store import write_shard
from mimic.report import paper
from mimic.training.predictions import write_predictions

ROOT = Path(__file__).resolve().parents[1]
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
#: Few trials of few nets, all parts of the page.
SMALL = {
    "data": {"source": "shapes", "path": None, "download": False}
    | {"n_train": 60, "n_validation": 40, "n_test": 400},
    "teachers": {"search": {"trials": 5, "first_round": 3, "round_size": 2}},
    "ensemble": {"n_members": 3},
    "epochs": {"n_epochs": 4, "shard_size": 2},
    "students": {
        "families": ["mlp1", "mlp2", "cnn1", "cnn2"],
        "budgets": ["1M", "10M"],
        "search": {"trials": 6, "first_round": 4, "round_size": 2},
        "hard_label": {
            "families": ["cnn1", "cnn2"],
            "budgets": ["10M"],
            "search": {"trials": 2, "first_round": 2, "round_size": 1},
        },
    },
}


def paper_config(**sections):
    """The paper's config with some keys changed, given as nested dicts."""
    return load(_merged(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")), sections))


def _merged(below, above):
    merged = dict(below)
    for key, value in above.items():
        merged[key] = _merged(merged.get(key, {}), value) if isinstance(value, dict) else value
    return merged


class SimulatedRun:
    """Fills a results folder step by step; each step may be left out.

    Parameters
    ----------
    folder : path
        The config's ``output``.
    config : mimic.config.whole.Config
    class_names : sequence of str
    n_epochs : int
        Of a training.
    """

    def __init__(self, folder, config, class_names=CLASSES, n_epochs=12):
        self.folder, self.config, self.class_names, self.n_epochs = (
            Path(folder),
            config,
            class_names,
            n_epochs,
        )
        self.generator = np.random.default_rng(0)
        self.labels, self.digest, self.clock = {}, None, 1_800_000_000.0
        self.members = []

    def write_all(self):
        """All steps, in their order."""
        self.write_dataset()
        self.write_teachers()
        self.write_ensemble()
        self.write_epochs()
        self.write_students()
        return self

    def write_dataset(self):
        """Images of noise."""
        images, rows = {}, {}
        for split in ("train", "validation", "test"):
            n = getattr(self.config.data, f"n_{split}")
            images[split] = self.generator.integers(0, 256, (n, 3, 32, 32), np.uint8)
            self.labels[split] = np.arange(n) % len(self.class_names)
            rows[split] = np.arange(n)
        dataset = make_dataset(images, self.labels, self.class_names, rows)
        self.digest = dataset.digest
        write_dataset(self.folder / "data" / "dataset.h5", dataset, self._provenance("prepare_dataset"))
        self._log("prepare_dataset", 3.0)

    def write_teachers(self, n_trials=None):
        """The teachers' trials, or the first of them."""
        search = self.config.teachers.search
        space = self.config.teachers.search_space
        architecture = "76c^2-mp-126c^2-mp-148c^4-mp-1200fc^2"
        facts = {"family": "teacher", "budget": None, "loss": "cross_entropy", "architecture": architecture}
        facts |= {"study": "teachers", "n_parameters": 5_339_350}
        for trial in range(search.trials if n_trials is None else n_trials):
            values = {name: self._draw(bounds) for name, bounds in space}
            self._trial("teachers", trial, search, facts, 0.92, values, with_predictions=True)

    def write_ensemble(self):
        """The first finished teachers as members."""
        finished = [trial for trial in range(self.config.teachers.search.trials) if trial % 17 != 11]
        self.members = finished[: self.config.ensemble.n_members]
        steps = []
        for n, trial in enumerate(self.members):
            accuracy = 0.925 + 0.013 * (1 - math.exp(-n / 4))
            step = {"n_members": n + 1, "trial": trial, "validation_loss": 0.2}
            steps.append(step | {"validation_accuracy": accuracy + 0.002, "test_accuracy": accuracy})
        last = {key: steps[-1][key] for key in ("validation_accuracy", "validation_loss", "test_accuracy")}
        value = {"format": "mimic.ensemble", "members": self.members, "steps": steps, **last}
        value["n_parameters"] = 5_339_350 * len(self.members)
        write_json(self.folder / "ensemble" / "members.json", value)
        self._log("select_ensemble", 4.0)

    def write_epochs(self, n_shards=None):
        """Shards of recipes, or the first of them."""
        settings, n_train = self.config.epochs, self.config.data.n_train
        for shard in range(settings.n_shards() if n_shards is None else n_shards):
            recipes = generate_epochs(n_train, settings.epochs_of_shard(shard), settings, self.config.seed)
            path = self.folder / "epochs" / f"{shard:02d}.h5"
            provenance = self._provenance("generate_epochs")
            write_shard(path, recipes, self._probe, False, self.digest, provenance)
            self._log("generate_epochs", 20.0, f"{shard:02d}")

    @staticmethod
    def _probe(recipe):
        return np.zeros((len(recipe), 3, 32, 32), np.uint8)

    def write_students(self, n_studies=None):
        """All studies, or the first of them."""
        students = self.config.students
        studies = [(students, False, f, b) for f in students.families for b in students.budgets]
        hard = students.hard_label
        studies += [(hard, True, f, b) for f in hard.families for b in hard.budgets]
        for group, is_hard, family, budget in studies[:n_studies]:
            self.write_study(group, is_hard, family, budget)

    def write_study(self, group, is_hard, family, budget):
        """One study, around the paper's accuracy where it tells one."""
        name = f"{family}-{budget}" + ("-hard" if is_hard else "")
        published = paper.table2_accuracies().get((family, parse_budget(budget)), 80.0)
        facts = {"family": family, "budget": budget, "study": name, "architecture": "60c-mp-40c-mp-1200fc"}
        facts |= {
            "loss": "cross_entropy" if is_hard else "logit_l2",
            "n_parameters": parse_budget(budget) - 7,
        }
        for trial in range(group.search.trials):
            names = ("learning_rate", "momentum")
            values = {key: self._draw(getattr(group.search_space, key)) for key in names}
            values |= {f"C{i}": float(self.generator.random()) for i in (1, 2)}
            accuracy = published / 100 - 0.02 * is_hard
            self._trial(f"students/{name}", trial, group.search, facts, accuracy, values, False)
        if is_hard:
            return
        # whichever is best, its answers are shown
        best = self._best(self.folder / "students" / name, group.search.trials)
        self._predictions(best / "predictions.h5", published / 100, 1, True)

    @staticmethod
    def _best(folder, n_trials):
        trials = [folder / "trials" / f"{trial:03d}" for trial in range(n_trials)]
        return max(trials, key=lambda path: read_json(path / "metrics.json")["validation_accuracy"] or 0)

    def _draw(self, bounds):
        if getattr(bounds, "scale", None) is None:
            return int(self.generator.integers(bounds.low, bounds.high + 1))
        if bounds.scale == "log":
            low, high = math.log(bounds.low), math.log(bounds.high)
            return math.exp(low + self.generator.random() * (high - low))
        return bounds.low + self.generator.random() * (bounds.high - bounds.low)

    def _trial(self, place, trial, search, facts, accuracy, values, with_predictions):
        folder = self.folder / place / "trials" / f"{trial:03d}"
        diverged = trial % 17 == 11
        validation = float(np.clip(accuracy - abs(self.generator.normal(0, 0.02)), 0, 1))
        test = float(np.clip(validation - self.generator.normal(0.002, 0.003), 0, 1))
        finished = {
            "validation_accuracy": validation,
            "validation_loss": 1 - validation,
            "test_accuracy": test,
        }
        seconds = float(self.generator.uniform(200, 900))
        metrics = {
            **{"format": "mimic.trial", "status": "diverged" if diverged else "finished"},
            **{"trial": trial, "round": search.round_of_trial(trial), "seed": 1000 + trial},
            **{"epochs": self.n_epochs, "best_epoch": self.n_epochs, "seconds": seconds},
            **{"hyperparameters": values, "device": "cpu, bfloat16, channels_last on"},
            **(dict.fromkeys(finished) if diverged else finished),
            **facts,
        }
        if with_predictions:
            self._predictions(
                folder / "predictions.h5", 0.0 if diverged else test, 1000 + trial, not diverged
            )
        write_text(folder / "history.csv", self._history(validation))
        write_json(folder / "metrics.json", metrics)
        rule = "train_teacher" if place == "teachers" else "train_student"
        self._log(rule, seconds, "/".join([*place.split("/")[1:], f"{trial:03d}"]))

    def _history(self, accuracy):
        lines = [
            "epoch,learning_rate,train_loss,validation_loss,validation_accuracy,seconds,images_per_second"
        ]
        noise = self.generator.normal(0, 0.01, self.n_epochs).tolist()
        for epoch in range(1, self.n_epochs + 1):
            risen = accuracy * (1 - math.exp(-8 * epoch / self.n_epochs)) + noise[epoch - 1]
            value = min(max(risen, 0.0), accuracy)
            lines.append(f"{epoch},0.01,{2.3 - 2 * value!r},{1 - value!r},{value!r},1.5,2000.0")
        return "\n".join(lines) + "\n"

    def _predictions(self, path, accuracy, seed, finished):
        logits = {}
        for split in ("validation", "test"):
            labels = self.labels[split] if finished else self.labels[split][:0]
            n = len(labels)
            answers = np.where(
                self.generator.random(n) < accuracy,
                labels,
                (labels + self.generator.integers(1, 4, n)) % len(self.class_names),
            )
            values = self.generator.normal(0, 0.5, (n, len(self.class_names)))
            values[np.arange(n), answers] += 6
            logits[split] = values.astype(np.float32)
        write_predictions(path, logits, self._provenance("train", seed))

    def _provenance(self, stage, seed=None):
        return provenance_of(stage, {}, seed, "0123456789abcdef", dataset=self.digest)

    def _log(self, rule, seconds, name=None):
        place = self.folder / "logs" / (f"{rule}.log" if name is None else f"{rule}/{name}.log")
        write_text(place, f"a line of progress\ndone in {seconds:.1f} s, memory 512 MB at most\n")
        self.clock += seconds / 2  # two jobs at once
        os.utime(place, (self.clock, self.clock))
