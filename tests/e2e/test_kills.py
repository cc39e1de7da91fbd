"""The pipeline is killed at random instants, jobs and all, and ends with the bytes of an undisturbed run."""

import random

import pytest
import yaml

from tests.benchmark_results import importer
from tests.e2e.conftest import OVERLAY

script = pytest.fixture(importer)
N_KILLS = 6


def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bytes(script, finished_run, tmp_path):
    """Few kills; ``benchmarks/kills.py`` does fifty."""
    kills = script("kills")
    config = tmp_path / "overlay.yaml"
    config.write_text(yaml.safe_dump(OVERLAY))
    killed = kills.Pipeline(tmp_path / "killed", [config], 2)
    told = kills.run_with_kills(killed, N_KILLS, 16.0, 3.0, random.Random(3))
    # A fast machine may be done before the last kill.
    assert len(told) >= N_KILLS // 2
    assert len({stage for row in told for stage in row["stages"]}) > 1, told
    expected = kills.Pipeline(finished_run, [config], 2).files()
    assert {
        "out/table2.csv",
        "out/logits/targets.h5",
        "out/figure1.png",
        "out/figure1.csv",
    } <= expected.keys()
    assert kills.compare(expected, killed.files()) == []
    assert not list(killed.folder.rglob(".*.part"))
    assert not list(killed.folder.rglob("checkpoint.safetensors"))


def test_other_bytes_are_told(script, tmp_path):
    kills = script("kills")
    for name, content in (("a", b"1"), ("b", b"2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.h5").write_bytes(content)
        (tmp_path / name / "metrics.json").write_bytes(content)
        (tmp_path / name / f"{name}.csv").write_bytes(content)
    found = [kills.Pipeline(tmp_path / name, [], 1).files() for name in "ab"]
    assert kills.compare(*found) == ["a.csv", "b.csv", "x.h5"]
