"""A results folder with a teachers' search and a study, written by the functions that training uses."""

import os
from pathlib import Path

import pytest

from mimic.console.overlays import merged_config
from mimic.search.propose import sobol_points
from mimic.students.families import parse_study
from mimic.students.space import student_space
from mimic.teachers.space import teacher_space
from mimic.training.loop import EpochRecord, Fit
from mimic.training.trial import write_history, write_metrics

CONFIG = Path(__file__).parents[3] / "config.yaml"
ENDED = 1_700_000_000.0


def write_trial(folder, study, number, hyperparameters, status="finished", n_epochs=3, **facts):
    """One trial's metrics and history."""
    place = Path(folder, "teachers" if study == "teachers" else f"students/{study}", "trials")
    place = place / f"{number:03d}"
    place.mkdir(parents=True)
    history = [
        EpochRecord(epoch, 0.01 / epoch, 2.0 / epoch, 2.5 / epoch, 0.2 * epoch + number / 100, 1.5, 1000.0)
        for epoch in range(1, n_epochs + 1)
    ]
    write_history(place / "history.csv", history)
    scores = {"validation": (0.2 * n_epochs + number / 100, 0.8), "test": (0.5, 0.9)}
    facts = {
        "study": study,
        "trial": number,
        "round": 0,
        "seed": 7,
        "loss": "cross_entropy",
        "family": "teacher",
        "budget": None,
        "architecture": "32c-mp-8fc",
        "n_parameters": 1234,
        "hyperparameters": hyperparameters,
        "seconds": 4.5,
        "device": "cpu",
    } | facts
    write_metrics(place / "metrics.json", Fit(status, "", history, n_epochs), scores, **facts)
    os.utime(place / "metrics.json", (ENDED, ENDED))
    return place


@pytest.fixture
def results(tmp_path):
    """Five teachers, of which one diverged and one still runs, and one student of two."""
    config, folder = merged_config([CONFIG]), tmp_path / "results"
    for number, point in enumerate(sobol_points(teacher_space(config.teachers.search_space), 4, 1)):
        status = "diverged" if number == 2 else "finished"
        write_trial(folder, "teachers", number, point, status)
    (folder / "teachers" / "trials" / "004").mkdir()
    (folder / "teachers" / "trials" / "004" / "checkpoint.safetensors").write_bytes(b"half")
    study = parse_study("cnn2-10M")
    point = sobol_points(student_space(study, config.students.search_space), 1, 1)[0]
    write_trial(folder, study.name, 1, point, family="cnn2", budget="10M", loss="logit_l2")
    return folder
