"""The benchmarks run at a tiny scale, and the table says what their results say."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tests.benchmark_results import FOLDER, check_form, importer, only_result

script = pytest.fixture(importer)


@pytest.fixture
def recording(script):
    return script("recording")


def test_entries_take_turns_after_a_warm_up(recording):
    calls, ticks = [], iter(range(100))
    runs = {name: lambda name=name: calls.append(name) for name in "ab"}
    wall, processor = recording.alternate(runs, 3, clock=lambda: next(ticks) ** 2)
    assert calls == list("ab" * 4)
    assert wall == {"a": [1, 9, 17], "b": [5, 13, 21]}  # between (2k)^2 and (2k + 1)^2
    assert processor.keys() == wall.keys()
    assert all(len(seconds) == 3 and min(seconds) >= 0 for seconds in processor.values())


@pytest.mark.parametrize(("less_is_better", "expected"), [(False, (2, 1, 4)), (True, (0.5, 0.25, 1))])
def test_a_ratio_above_one_means_that_ours_is_better(recording, less_is_better, expected):
    claim = recording.claim("x", "s", [4.0, 6.0, 8.0], "peer", [1.0, 3.0, 8.0], less_is_better)
    assert (claim["ours"], claim["peer_value"], claim["n_rounds"]) == (6, 3, 3)
    assert (claim["ratio"], claim["ratio_low"], claim["ratio_high"]) == expected


def test_code_from_elsewhere_has_no_commit(recording, monkeypatch, tmp_path):
    monkeypatch.setenv("MIMIC_COMMIT", "abc1234")
    monkeypatch.setattr(recording, "CHECKOUT", tmp_path)
    assert recording.commit() is None


def test_a_copy_without_history_has_the_commit_it_is_told(recording, monkeypatch, tmp_path):
    monkeypatch.setenv("MIMIC_COMMIT", "abc1234")
    monkeypatch.setattr(recording, "CHECKOUT", tmp_path)
    monkeypatch.setattr(recording.mimic, "__file__", str(tmp_path / "pipeline_src/mimic/__init__.py"))
    monkeypatch.setattr(recording, "_output_of", lambda *command: None)
    assert recording.commit() == "abc1234"


@pytest.mark.parametrize(("changes", "expected"), [("", "1234567"), (" M x.py", "1234567 dirty")])
def test_changed_code_is_told_from_its_commit(recording, monkeypatch, changes, expected):
    checkout = Path(recording.mimic.__file__).resolve().parents[2]
    monkeypatch.setattr(recording, "CHECKOUT", checkout)
    monkeypatch.setattr(recording, "_output_of", lambda *c: "1234567" if "rev-parse" in c else changes)
    assert recording.commit() == expected


def test_a_result_is_named_after_the_gpu_that_it_tells(recording, monkeypatch, tmp_path):
    properties = SimpleNamespace(name="NVIDIA X1", total_memory=1 << 30)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    header = recording.header()
    recording.write_result(tmp_path, "reading", header)
    result = only_result(tmp_path, "reading")
    assert (result["gpu"]["name"], result["gpu"]["memory_bytes"]) == ("NVIDIA X1", 1 << 30)
    assert {"driver", "cuda", "cudnn"} <= result["gpu"].keys()
    assert [path.name for path in tmp_path.iterdir()] == [f"{header['date']}-reading-nvidia-x1.json"]


@pytest.fixture
def reading_result(script, tmp_path):
    """Folder with the result of a tiny run of reading.py."""
    options = ["--images", "40", "--epochs", "2", "--samples", "5", "--rounds", "2"]
    script("reading").main([*options, "--out", str(tmp_path / "results")])
    return tmp_path / "results"


def test_reading_claims_speed_and_size_against_every_peer(reading_result):
    result = only_result(reading_result, "reading")
    check_form(result, 2)
    assert [claim["unit"] for claim in result["claims"]] == ["images/s"] * 3 + ["bytes an image"] * 3
    assert list(result["n_images_read"].values()) == [80, 80, 80, 5]
    assert min(result["bytes_an_image_on_disk"].values()) > 0


def test_a_folder_of_images_is_read_by_every_entry(script, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    options = [
        "--images",
        "8",
        "--batch-size",
        "4",
        "--threads",
        "1",
        "--rounds",
        "1",
        "--out",
        str(tmp_path),
    ]
    script("folder").main(options)
    result = only_result(tmp_path, "folder")
    check_form(result, 1)
    assert [claim["unit"] for claim in result["claims"]] == ["images/s"] * 3
    assert 50_000 < result["bytes_a_file"] < 250_000  # ImageNet's have 110 kB on average
    assert result["images_per_second_of_filling"] > 0


def test_an_entry_that_reads_something_else_is_refused(script, monkeypatch, tmp_path):
    reading = script("reading")
    read = reading.Memmap.read
    monkeypatch.setattr(reading.Memmap, "read", lambda self, epoch: read(self, 0))
    with pytest.raises(ValueError, match=r"memmap.*epoch 1 is not what was written"):
        reading.write_all(tmp_path, 10, 2, 3)


def test_augmentation_leaves_out_a_peer_that_does_not_import(script, monkeypatch, tmp_path, capsys):
    augmentation = script("augmentation")

    def broken(images, recipe):
        raise ImportError("needs another\nversion")

    entries = {name: augmentation.ENTRIES[name] for name in (augmentation.OURS, augmentation.REFERENCE)}
    for name in (augmentation.OURS_EAGER, augmentation.OURS_IN_TRAINING):
        entries[name] = augmentation.ENTRIES[name]
    entries["OpenCV, per image"] = (broken, 100, False)
    monkeypatch.setattr(augmentation, "ENTRIES", entries)
    augmentation.main(["--images", "128", "--rounds", "2", "--out", str(tmp_path)])
    result = only_result(tmp_path, "augmentation")
    check_form(result, 2)
    assert len(result["claims"]) == 3
    assert result["left_out"] == {"OpenCV, per image": "needs another version"}
    assert "OpenCV, per image: left out: needs another version\n" in capsys.readouterr().out
    assert result["ours_against_scipy"]["largest_levels"] <= 1


def test_a_changed_number_does_not_pass_the_check(script, reading_result, tmp_path, capsys):
    tabulate_results = script("tabulate_results")
    table = tmp_path / "README.md"
    options = ["--results", str(reading_result), "--out", str(table)]
    assert tabulate_results.main([*options, "--check"]) == 1
    assert tabulate_results.main(options) == 0
    assert tabulate_results.main([*options, "--check"]) == 0
    (path,) = reading_result.iterdir()
    result = json.loads(path.read_text(encoding="utf-8"))
    rows = [line for line in table.read_text(encoding="utf-8").splitlines() if result["date"] in line]
    assert len(rows) == len(result["claims"])
    assert all(claim["peer"] in line for claim, line in zip(result["claims"], rows, strict=True))
    result["claims"][0]["ours"] *= 2
    path.write_text(json.dumps(result), encoding="utf-8")
    capsys.readouterr()
    assert tabulate_results.main([*options, "--check"]) == 1
    assert f"-{rows[0]}" in capsys.readouterr().err


def test_the_newest_result_of_each_machine_is_shown(script, tmp_path, capsys):
    tabulate_results, recording = script("tabulate_results"), script("recording")
    machine = {"processor": "X", "n_cores": 2, "commit": None}
    for name, date, gpu, value in (
        ("a", "2026-02-01", None, 512.0),
        ("b", "2026-01-31", None, 256.0),
        ("c", "2026-01-01", {"name": "G"}, 1024.0),
    ):
        claims = [recording.claim("x", "images/s", [value], "p", [2.0])]
        content = {"benchmark": "reading", "date": date, "gpu": gpu, "claims": claims, **machine}
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    (tmp_path / "old.json").write_text('{"benchmark": "reading"}', encoding="utf-8")
    rows = tabulate_results.render(tabulate_results.read_results(tmp_path), FOLDER).splitlines()[-2:]
    assert rows == [
        "| x | 1,020 images/s | p | 2 | 512x | 1 | G | 2026-01-01 | not known |",
        "| x | 512 images/s | p | 2 | 256x | 1 | X, 2 cores | 2026-02-01 | not known |",
    ]
    assert capsys.readouterr().err == "old.json: skipped, it has no claims\n"


def test_the_table_is_what_the_results_say(script):
    assert script("tabulate_results").main(["--check"]) == 0
