"""Select the ensemble among the teacher trials on validation accuracy (Urban 2.7)."""

import sys
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mimic.artifact import read_json, write_json
from mimic.cli import InputError, parse_settings, run_stage, stage_parser, validation_message
from mimic.config.base import Fraction
from mimic.config.ensemble import EnsembleSettings
from mimic.data.store import read_dataset
from mimic.ensemble.greedy import accuracy_and_loss, select_greedily
from mimic.ensemble.store import FORMAT
from mimic.training.predictions import read_predictions

STAGE = "mimic.ensemble.select_ensemble"


def select_ensemble(validation_logits, test_logits, labels, n_members):
    """The members and how the ensemble does as it grows; test accuracy is reported and chooses nothing.

    Parameters
    ----------
    validation_logits, test_logits : dict of int to float32 array, shape (n, n_classes)
        By trial.
    labels : dict of str to int64 array
        By split.
    n_members : int

    Returns
    -------
    list of dict
        One a step: n_members, trial added, validation_accuracy, validation_loss, test_accuracy.
    """
    chosen = select_greedily(validation_logits, labels["validation"], n_members)
    steps = []
    for n, trial in enumerate(chosen, start=1):
        mean = {
            split: np.mean([logits[t].astype(np.float64) for t in chosen[:n]], axis=0)
            for split, logits in (("validation", validation_logits), ("test", test_logits))
        }
        validation_accuracy, validation_loss = accuracy_and_loss(mean["validation"], labels["validation"])
        steps.append(
            {
                "n_members": n,
                "trial": trial,
                "validation_accuracy": validation_accuracy,
                "validation_loss": validation_loss,
                "test_accuracy": accuracy_and_loss(mean["test"], labels["test"])[0],
            }
        )
    return steps


class Candidate(BaseModel):
    """What the ensemble needs of a trial's ``metrics.json``, which may come from elsewhere."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)

    trial: int = Field(ge=0)
    status: Literal["finished", "diverged"]
    seed: int
    n_parameters: int = Field(ge=1)
    validation_accuracy: Fraction | None
    test_accuracy: Fraction | None

    @model_validator(mode="after")
    def _complete(self):
        if self.status == "finished" and None in (self.validation_accuracy, self.test_accuracy):
            raise ValueError("a finished trial needs validation_accuracy and test_accuracy")
        return self


def read_candidate(path):
    """A trial from its ``metrics.json``; an `InputError` names the file and the key that is wrong."""
    try:
        return Candidate.model_validate(read_json(path, "mimic.trial"))
    except ValidationError as error:
        raise InputError(validation_message(error, path)) from None


def main(argv=None):
    parser = stage_parser(__doc__, STAGE)
    parser.add_argument("--settings", required=True, help="section `ensemble` of the config, as JSON")
    parser.add_argument("--dataset", required=True, help="dataset.h5")
    parser.add_argument("--metrics", nargs="+", required=True, help="metrics.json of every trial")
    parser.add_argument("--predictions", nargs="+", required=True, help="predictions.h5, in the same order")
    parser.add_argument("--members", required=True, help="file to write")
    args = parser.parse_args(argv)
    settings = parse_settings(EnsembleSettings, args.settings)
    if len(args.metrics) != len(args.predictions):
        raise InputError(f"--predictions: expected {len(args.metrics)} files, got {len(args.predictions)}")
    dataset = read_dataset(args.dataset, splits=("validation", "test"))
    trials, seen = {}, set()
    for metrics_path, predictions_path in zip(args.metrics, args.predictions, strict=True):
        metrics = read_candidate(metrics_path)
        if metrics.trial in seen:
            raise InputError(f"{metrics_path}: trial {metrics.trial} comes twice")
        seen.add(metrics.trial)
        if metrics.status != "finished":
            continue
        logits, digest = read_predictions(predictions_path, len(dataset.class_names), metrics.seed)
        if digest != dataset.digest:
            raise InputError(
                f"{predictions_path}: made from another dataset: expected digest {dataset.digest[:16]}, "
                f"got {digest[:16]}"
            )
        for split, values in logits.items():
            if len(values) != len(dataset.labels[split]):
                raise InputError(
                    f"{predictions_path}: {split}: expected {len(dataset.labels[split])} rows, "
                    f"got {len(values)}"
                )
        trials[metrics.trial] = (metrics, logits)
    if len(trials) < settings.n_members:
        raise InputError(
            f"ensemble.n_members: expected at least {settings.n_members} finished trials, got {len(trials)} "
            f"of {len(args.metrics)} (the others diverged); lower it, or raise teachers.search.trials"
        )
    steps = select_ensemble(
        {trial: logits["validation"] for trial, (_, logits) in trials.items()},
        {trial: logits["test"] for trial, (_, logits) in trials.items()},
        dataset.labels,
        settings.n_members,
    )
    members = [step["trial"] for step in steps]
    chosen = [trials[trial][0] for trial in members]
    final = {key: steps[-1][key] for key in ("validation_accuracy", "validation_loss", "test_accuracy")}
    mean = {
        f"mean_member_{key}": float(np.mean([getattr(metrics, key) for metrics in chosen]))
        for key in ("validation_accuracy", "test_accuracy")
    }
    write_json(
        args.members,
        {
            "format": FORMAT,
            "members": members,
            "steps": steps,
            "n_parameters": sum(metrics.n_parameters for metrics in chosen),
            **final,
            **mean,
        },
    )
    print(
        f"{len(members)} members: validation {final['validation_accuracy']:.2%}, "
        f"mean member {mean['mean_member_validation_accuracy']:.2%}",
        file=sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(run_stage(main))
