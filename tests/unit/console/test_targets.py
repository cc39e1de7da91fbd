"""Which names are near a target; that the workflow says so is tested in tests/workflow/test_targets.py."""

from pathlib import Path

import pytest

from mimic.console.overlays import merged_config
from mimic.console.targets import asked_for, nearest, refusal
from mimic.status.jobs import plan_of

ROOT = Path(__file__).parents[3]
CONFIG = merged_config([ROOT / "config.yaml"])
NAMES = ["all", "tabulate_table2", *(file for job in plan_of(CONFIG, False).jobs for file in job.outputs)]


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("results/tabel2.csv", "results/table2.csv"),
        ("results/table2.cvs", "results/table2.csv"),
        ("table2.csv", "results/table2.csv"),
        ("tabel2.csv", "results/table2.csv"),
        ("tabulate_tabel2", "tabulate_table2"),
        ("students/cnn2-10M/trials.csv", "results/students/cnn2-10M/trials.csv"),
        ("results/students/cnn2-10M/trails.csv", "results/students/cnn2-10M/trials.csv"),
        ("results/logits/target.h5", "results/logits/targets.h5"),
    ],
)
def test_the_nearest_name_comes_first(path, first):
    assert nearest(path, NAMES, "results")[0] == first


def test_a_trial_that_does_not_exist_has_others_as_neighbours():
    for path in ("trials/999", "results/teachers/trials/999/metrics.jsn"):
        found = nearest(path, NAMES, "results")
        assert 1 <= len(found) <= 3
        assert all("/trials" in name for name in found)
    assert nearest("xyzzy", NAMES, "results") == []


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("xyzzy", "no rule makes it; files lie in results/, `snakemake --list` names the rules"),
        ("results/demo/table2.csv", "name the overlay that writes there: --configfile"),
        (
            "results/teachers/trials/",
            "is a folder, of 516 files; name a file, such as results/teachers/",
        ),
        (str(Path.cwd() / "results/table2.csv"), "name it as the rules do: results/table2.csv"),
        ("results/tab\nle2.csv", "did you mean results/table2.csv?"),
    ],
)
def test_a_refusal_is_one_line_with_what_to_do(target, said):
    line = refusal(target, NAMES, CONFIG, ROOT)
    assert said in line
    assert "\n" not in line


def test_with_an_overlay_the_paper_s_files_are_those_without():
    demo = merged_config([ROOT / "config.yaml", ROOT / "workflow" / "presets" / "demo.yaml"])
    line = refusal("results/table2.csv", ["results/demo/table2.csv"], demo, ROOT)
    assert (
        line == "results/table2.csv: this config writes to results/demo; leave out --configfile for results"
    )


@pytest.mark.parametrize(
    ("argv", "targets"),
    [
        (["/bin/snakemake", "-n", "a", "b", "--configfile", "c", "d"], ["a", "b"]),
        (["/x/snakemake/__main__.py", "--cores", "2", "a"], ["a"]),
        (["/bin/snakemake", "--profile", "slurm"], []),
        (["/bin/snakemake", "--list", "a"], []),
        (["/bin/snakemake", "--lint"], []),
        (["/bin/snakemake", "--", "a"], ["a"]),
        (["/bin/snakemake", "s3://bucket/a"], []),
        (["/x/mimic/console/plan.py", "{}", "out"], []),
        (["/bin/pytest", "a"], []),
    ],
)
def test_targets_are_those_that_snakemake_is_asked_for(argv, targets):
    assert asked_for(argv) == targets
