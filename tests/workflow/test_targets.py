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
            "students/cnn2-5M: the config has no such study; it has 40, such as mlp1-1M",
        ),
        ("students/cnn9/trials/000/metrics.json", "students/cnn9: the config has no such study"),
        ("students/cnn2-5M/round-00/proposals.json", "students/cnn2-5M: the config has no such study"),
        ("logits/members/129.h5", "there is no trial 129; the config has 000 to 128"),
        ("epochs/16.h5", "epochs/16.h5: there is no shard 16; the config has 00 to 15"),
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
