"""The demo's config, and times of it that are easy to reckon with."""

from pathlib import Path

import pytest

from mimic.console.overlays import read_config
from mimic.rehearsal.jobs import TEACHERS
from mimic.rehearsal.times import MeasuredTrial, StageTimes, facts_of
from mimic.students.families import studies_of

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "workflow" / "presets" / "demo.yaml"
LIGHT = ("prepare_dataset", "select_ensemble", "average_logits", "tabulate_trials", "tabulate_table1")


@pytest.fixture(scope="session")
def demo():
    return read_config(ROOT / "Snakefile", [DEMO])


@pytest.fixture
def change(demo):
    """Function that gives the demo's config with other values, by dotted keys."""

    def make(**values):
        changed = demo.model_dump()
        for key, value in values.items():
            *sections, name = key.split("__")
            section = changed
            for part in sections:
                section = section[part]
            section[name] = value
        return type(demo).model_validate(changed)

    return make


@pytest.fixture
def times(demo):
    """Trial i of each study took 10 + i seconds; starts 2, other jobs 1, later proposals 3."""
    studies = {
        name: [MeasuredTrial(trial=i, seconds=10.0 + i, epochs=4, multiply_adds=1000) for i in range(2)]
        for name in (TEACHERS, *(study.name for study in studies_of(demo.students)))
    }
    report = ("tabulate_table2", "plot_figure1", "plot_figure2", "publish_report")
    rules = {rule: [1.0] for rule in (*LIGHT, *report)}
    rules |= {
        "propose_teachers first": [1.0],
        "propose_students first": [1.0],
        "propose_teachers later": [3.0],
    }
    rules |= {"generate_epochs": [6.0], "record_logits": [12.0]}
    starts = {"train_teacher": 2.0, "train_student": 2.0}
    return StageTimes(machine={}, facts=facts_of(demo), stage_start=starts, studies=studies, rules=rules)
