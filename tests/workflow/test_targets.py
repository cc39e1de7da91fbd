"""A target that the config does not have is refused in one line that says what there is."""

import pytest

from tests.workflow.test_bad_input import one_error_line


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (
            "teachers/trials/129/metrics.json",
            "teachers/trials/129: there is no trial 129; the config has 000 to 128",
        ),
        ("teachers/trials/0001/metrics.json", "there is no trial 0001; the config has 000 to 128"),
        (
            "teachers/round-15/proposals.json",
            "teachers/round-15: there is no round 15; the config has 00 to 14",
        ),
        (
            "students/cnn2-1M/trials/048/weights.safetensors",
            "students/cnn2-1M/trials/048: there is no trial 048",
        ),
        ("students/cnn2-1M/round-05/proposals.json", "students/cnn2-1M/round-05: there is no round 05"),
        (
            "students/cnn2-5M/trials.csv",
            "students/cnn2-5M: the config has no such study; it has 40, such as cnn2-1M",
        ),
        ("students/cnn9/trials/000/metrics.json", "students/cnn9: the config has no such study"),
        ("students/cnn2-5M/round-00/proposals.json", "students/cnn2-5M: the config has no such study"),
        ("logits/members/129.h5", "there is no trial 129; the config has 000 to 128"),
        ("epochs/16.h5", "epochs/16.h5: there is no shard 16; the config has 00 to 15"),
        ("students/cnn9-10M/trials.csv", "it has 40, such as cnn4-10M"),
        ("tabel2.csv", "no rule makes it; did you mean results/table2.csv?"),
        ("teachers", "is a folder, of 532 files; name a file, such as results/teachers/"),
        ("demo/table2.csv", "writes to results; name the overlay that writes there: --configfile"),
    ],
)
def test_a_target_that_the_config_does_not_have_is_refused_in_one_line(snakemake, target, said):
    line = one_error_line(snakemake("-n", f"results/{target}"))
    assert line.startswith("error: results/")
    assert said in line


def test_the_last_trial_round_and_shard_are_planned(snakemake):
    targets = ("teachers/trials/128/metrics.json", "students/cnn2-1M/round-04/proposals.json", "epochs/15.h5")
    run = snakemake("-n", *(f"results/{target}" for target in targets))
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_rule_of_many_jobs_asks_for_one_of_its_files(snakemake):
    line = one_error_line(snakemake("--cores", "1", "train_student"))
    assert line.startswith(
        "error: train_student: this rule makes a file for each of many jobs; name one of them"
    )
    assert "such as results/students/mlp1-1M/trials/000/" in line


def test_with_an_overlay_the_base_s_targets_are_refused(snakemake):
    line = one_error_line(snakemake("-n", "results/table2.csv", preset="demo"))
    assert line.endswith("this config writes to results/demo; leave out --configfile for results")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--list",),
        ("--list", "xyzzy"),
        ("-n", "table_of_nothing", "--list-target-rules"),
        ("-n", "results/demo/table1.csv", "./results/demo/figure1.svg", "tabulate_table1", "all"),
        ("-n", "results/demo/students/cnn2-30k/trials/001/history.csv"),
        ("--summary", "results/demo/table1.csv"),
    ],
)
def test_valid_targets_and_other_questions_are_answered_as_ever(snakemake, arguments):
    run = snakemake(*arguments, preset="demo")
    assert run.returncode == 0, run.stdout + run.stderr
