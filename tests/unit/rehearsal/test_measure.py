"""Times of a made-up finished run: metrics, Snakemake's records, logs."""

import base64
import json

import pytest

from mimic.artifact import write_json
from mimic.cli import InputError
from mimic.models.architecture import count_multiply_adds
from mimic.rehearsal.measure import measure, read_spans
from mimic.rehearsal.times import read_times, write_times
from mimic.teachers.space import teacher_of, teacher_space

OUT = "results/demo"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The run's working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def record(place):
    """Function that writes one of Snakemake's records."""

    def write(output, rule, log, start, end, cut=200, out=OUT):
        code = base64.urlsafe_b64encode(f"{out}/{output}".encode()).decode()
        parts = [code[i : i + cut] for i in range(0, len(code), cut)]
        path = place.joinpath(".snakemake/metadata", *(f"@{part}" for part in parts[:-1]), parts[-1])
        path.parent.mkdir(parents=True, exist_ok=True)
        value = {"rule": rule, "log": [f"{OUT}/logs/{log}.log"], "starttime": start, "endtime": end}
        path.write_text(json.dumps(value))
        return path

    return write


@pytest.fixture
def teacher(place, demo):
    """Function that writes a teacher's metrics, and returns its net."""
    space = {item.name: item.low for item in teacher_space(demo.teachers.search_space)}

    def write(trial, seconds, **changes):
        metrics = {"format": "mimic.trial", "trial": trial, "seconds": seconds, "epochs": 12}
        metrics |= {"hyperparameters": space, "device": "cpu", **changes}
        write_json(_made(place / OUT / f"teachers/trials/{trial:03d}/metrics.json"), metrics)
        return teacher_of(space, 10)

    return write


def _made(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def trial_record(record, trial, start, end, **changes):
    for name in ("metrics.json", "weights.safetensors"):
        path = f"teachers/trials/{trial:03d}/{name}"
        record(path, "train_teacher", f"train_teacher/{trial:03d}", start, end, **changes)
        end -= 0.25  # the last output counts


def test_a_run_tells_its_trials_their_start_and_its_other_jobs(demo, teacher, record):
    net = teacher(0, 20.0)
    teacher(1, 30.0)
    trial_record(record, 0, 100, 122)
    trial_record(record, 1, 100, 134, cut=20)  # a name that is cut into folders
    record("teachers/round-00/proposals.json", "propose_teachers", "propose_teachers/00", 90, 91.5)
    record("teachers/round-01/proposals.json", "propose_teachers", "propose_teachers/01", 140, 144)
    times = measure(demo, OUT, ".snakemake")
    (first, second) = times.studies["teachers"]
    assert (first.seconds, first.epochs, second.seconds) == (20, 12, 30)
    assert first.multiply_adds == count_multiply_adds(net)
    assert times.stage_start == {"train_teacher": 3.0}  # of 2 and 4
    assert times.rules == {"propose_teachers first": [1.5], "propose_teachers later": [4.0]}
    assert times.machine["devices"] == "cpu"
    assert set(times.studies) == {"teachers"}


def test_times_are_read_as_they_were_written(demo, teacher, record, place):
    teacher(0, 20.0)
    trial_record(record, 0, 100, 122)
    times = measure(demo, OUT, ".snakemake")
    write_times(place / "times.json", times)
    assert read_times(place / "times.json") == times


@pytest.mark.parametrize(
    ("start", "on_cluster"),
    [(100, True), (700, False), (700, True)],  # of the submission, or of the poll that saw the end
)
def test_of_a_run_on_a_cluster_submitted_jobs_are_read_from_metrics_and_logs(
    demo, teacher, record, place, start, on_cluster
):
    teacher(0, 20.0)
    trial_record(record, 0, start, 500)
    for trial in (0, 1):
        record(f"logits/members/{trial:03d}.h5", "record_logits", f"record_logits/{trial:03d}", start, 650)
    log = _made(place / OUT / "logs/record_logits/000.log")
    log.write_text("epoch 7/8  2.8 s, at most 0.4 s left\nepoch 8/8  3.2 s, at most 0.0 s left\n")
    record("ensemble/members.json", "select_ensemble", "select_ensemble", 510, 511)
    times = measure(demo, OUT, ".snakemake", on_cluster)
    assert times.studies["teachers"][0].seconds == 20
    assert times.stage_start == {}
    assert times.rules == {"record_logits": [3.2], "select_ensemble": [1.0]}


def test_records_that_tell_no_times_or_are_of_other_results_are_left_out(record, place):
    record("data/dataset.h5", "prepare_dataset", "prepare_dataset", 1, 3)
    record("epochs/00.h5", "generate_epochs", "generate_epochs/00", None, 3)
    record("epochs/01.h5", "generate_epochs", "generate_epochs/01", 1, 3).write_text('{"rule": ')
    record("data/dataset.h5", "prepare_dataset", "other", 1, 3, out="results")
    (place / ".snakemake/metadata/no base64").write_text("{}")
    (place / ".snakemake/metadata/bm8gcmVjb3Jk").write_text("[]")
    spans = read_spans(place / ".snakemake/metadata", OUT)
    assert spans == {("prepare_dataset", f"{OUT}/logs/prepare_dataset.log"): (1, 3)}


def test_a_run_without_records_or_trials_is_refused(demo, teacher, record):
    teacher(0, 20.0)
    with pytest.raises(
        InputError, match=r"\.snakemake/metadata: expected Snakemake's records of results/demo"
    ):
        measure(demo, OUT, ".snakemake")
    record("data/dataset.h5", "prepare_dataset", "prepare_dataset", 1, 3)
    with pytest.raises(InputError, match=r"expected Snakemake's records of elsewhere, found none"):
        measure(demo, "elsewhere", ".snakemake")


def test_metrics_of_another_config_are_refused_by_their_name(demo, teacher, record):
    teacher(0, 20.0, hyperparameters={})
    trial_record(record, 0, 100, 122)
    with pytest.raises(InputError, match=r"trials/000/metrics.json: expected the metrics of a trial"):
        measure(demo, OUT, ".snakemake")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("rules", {"record_logits": [-1.0]}, "record_logits: expected seconds from 0 upwards"),
        ("rules", {"record_logits": []}, "record_logits: expected seconds from 0 upwards"),
        ("stage_start", {"train_student": -2.0}, "train_student: expected seconds from 0 upwards"),
        ("studies", {"teachers": [{"trial": 0}]}, "studies.teachers.0.seconds: Field required"),
    ],
)
def test_a_file_of_wrong_times_is_refused_by_its_key(times, place, key, value, said):
    write_json("times.json", {"format": "mimic.stage_times", **times.model_dump(), key: value})
    with pytest.raises(InputError, match=f"times.json: {said}"):
        read_times("times.json")
