"""A wrong config is refused in one line that names the key."""

import copy
import math

import pytest
from pydantic import ValidationError

from mimic.cli import InputError
from mimic.config.base import Range, WidthRange
from mimic.config.families import parse_budget
from mimic.config.search import SearchSettings
from mimic.config.whole import load

MISSING = object()


def changed(values, key, value):
    """A copy with one key changed, added or (MISSING) left out."""
    values = copy.deepcopy(values)
    *path, last = [int(part) if part.isdigit() else part for part in key.split("/")]
    place = values
    for part in path:
        place = place[part]
    if value is MISSING:
        del place[last]
    else:
        place[last] = value
    return values


def refusal(values):
    with pytest.raises(InputError) as error:
        load(values, "config.yaml")
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("config.yaml: ")
    return message


def test_the_config_of_the_project_is_accepted(paper):
    config = load(paper)
    assert config.teachers.search.trials == 129
    assert config.ensemble.n_members == 16
    with pytest.raises(ValidationError):
        config.seed = 3


@pytest.mark.parametrize(
    "output", ["a b", "../shared/x", "/scratch/me", "it's", "ergebnisse-für-$5;*", "a:b"]
)
def test_any_plain_folder_may_be_written_to(paper, output):
    assert load(changed(paper, "output", output)).output == output


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        # unknown
        ("sed", 3, "sed: unknown key"),
        ("data/n_trian", 3, "data.n_trian: unknown key"),
        ("teachers/search_space/learning_rate/lo", 3, "teachers.search_space.learning_rate.lo: unknown key"),
        ("students/width_bounds/cnn9", {}, "students.width_bounds.cnn9"),
        # missing
        ("seed", MISSING, "seed: Field required"),
        ("epochs/hsv/hue_shift", MISSING, "epochs.hsv.hue_shift: Field required"),
        ("teachers/training/stop_patience", MISSING, "teachers.training.stop_patience: Field required"),
        # wrong type
        ("seed", "2017", "seed: Input should be a valid integer, got '2017'"),
        ("seed", 1.5, "seed: "),
        ("seed", True, "seed: "),
        ("output", 3, "output: "),
        ("data/download", "yes", "data.download: "),
        ("students/families", "cnn1", "students.families: "),
        ("students/budgets", [1], "students.budgets.0: "),
        ("teachers/training/max_epochs", 10.0, "teachers.training.max_epochs: "),
        ("epochs", None, "epochs: "),
        # out of range
        ("seed", -1, "seed: Input should be greater than or equal to 0, got -1"),
        ("output", "", "output: "),
        ("output", "a{b}", "output: expected a folder without braces, < > and control characters, found '{'"),
        ("output", "a<b>", "output: expected a folder without braces"),
        (
            "output",
            "a\0b",
            "output: expected a folder without braces, < > and control characters, found '\\x00'",
        ),
        ("output", "a\nb", "output: expected a folder without braces"),
        ("output", "-rf", "output: expected a folder whose name does not start with - or ~, got '-rf'"),
        ("output", "~/results", "output: expected a folder whose name does not start with - or ~"),
        ("output", "./results", "output: expected a folder of its own, written plainly, such as results"),
        ("output", "results/", "output: expected a folder of its own, written plainly, such as results"),
        ("output", "s3://bucket/x", "output: expected a folder of its own, written plainly"),
        ("output", "/", "output: expected a folder of its own, written plainly, such as results, got '/'"),
        ("output", ".", "output: expected a folder of its own"),
        ("data/n_train", 0, "data.n_train: "),
        ("epochs/crop/crop_min", 33, "epochs.crop.crop_min: "),
        ("epochs/crop/crop_min", 3, "epochs.crop.crop_min: "),
        ("epochs/crop/mirror_probability", 1.01, "epochs.crop.mirror_probability: "),
        ("epochs/hsv/hue_shift", 0.51, "epochs.hsv.hue_shift: "),
        ("epochs/hsv/hue_shift", math.nan, "epochs.hsv.hue_shift: "),
        ("epochs/n_epochs", 0, "epochs.n_epochs: "),
        ("logits/dtype", "float64", "logits.dtype: "),
        ("logits/precision", "half", "logits.precision: "),
        ("students/weight_decay", math.inf, "students.weight_decay: "),
        ("students/width_multiple", 0, "students.width_multiple: "),
        ("teachers/training/stop_reduction", 1, "teachers.training.stop_reduction: "),
        ("students/families", ["cnn5"], "students.families.0: "),
        ("students/hard_label/families", ["mlp1"], "students.hard_label.families.0: "),
        # of a search space
        ("students/search_space/momentum/low", 0.99, "low 0.99 exceeds high 0.97"),
        ("students/search_space/momentum/low", 0.0, "a log scale needs low > 0, got 0.0"),
        ("students/search_space/momentum/scale", "cubic", "students.search_space.momentum.scale: "),
        ("teachers/search_space/filters_conv1/low", 97, "low 97 exceeds high 96"),
        ("teachers/search_space/filters_conv1/low", 0, "teachers.search_space.filters_conv1.low: "),
        ("teachers/search_space/filters_conv1/high", 10**7, "teachers.search_space.filters_conv1.high: "),
        ("students/width_bounds/cnn2/10M/conv1/low", 351, "low 351 exceeds high 350"),
        # ranges whose nets could not be built or trained
        ("teachers/search_space/dropout_conv1/low", -0.1, "teachers.search_space.dropout_conv1: "),
        ("teachers/search_space/dropout_fc2/high", 1.0, "teachers.search_space.dropout_fc2: "),
        ("teachers/search_space/hue_shift/high", 0.6, "teachers.search_space.hue_shift: "),
        ("teachers/search_space/saturation_scale/high", 11, "teachers.search_space.saturation_scale: "),
        ("teachers/search_space/value_shift/low", -0.1, "teachers.search_space.value_shift: "),
        ("teachers/search_space/momentum/high", 1.0, "teachers.search_space.momentum: "),
        ("teachers/search_space/weight_decay/low", -1, "teachers.search_space.weight_decay: "),
        ("teachers/search_space/init_coefficient/low", -1, "teachers.search_space.init_coefficient: "),
        ("students/search_space/input_scale/low", 0, "students.search_space.input_scale: "),
        ("students/search_space/width_constant/high", 1.5, "students.search_space.width_constant: "),
        ("students/search_space/width_constant/low", -0.5, "students.search_space.width_constant: "),
        ("students/search_space/hidden_ratio/low", 0, "students.search_space.hidden_ratio: "),
        ("students/hard_label/search_space/dropout_fc1/high", 1, "search_space.dropout_fc1: "),
        # budgets
        ("students/budgets", ["10m"], "students.budgets.0: expected a budget such as 316k, 3.16M or 10M"),
        ("students/budgets", ["0M"], "students.budgets.0: expected a whole, positive number"),
        ("students/budgets", ["1.0001k"], "students.budgets.0: expected a whole, positive number"),
        ("students/budgets", ["1M", "10M", "1M"], "budgets names something twice"),
        ("students/budgets", ["1M", "1000k"], "budgets names something twice"),
        ("students/families", ["cnn1", "cnn1"], "families names something twice"),
        ("students/width_bounds/cnn2/ten", {}, "width_bounds.cnn2.ten: expected a budget"),
        # together
        ("ensemble/n_members", 130, "ensemble.n_members is 130, more than teachers.search.trials 129"),
    ],
)
def test_a_mistake_is_named_in_one_line(paper, key, value, expected):
    assert expected in refusal(changed(paper, key, value))


@pytest.mark.parametrize("values", [None, [], "seed: 3", 7])
def test_what_is_no_config_at_all_is_refused(values):
    assert "(top level)" in refusal(values)


def test_further_mistakes_are_counted(paper):
    paper = changed(changed(paper, "seed", -1), "output", "")
    assert refusal(paper).endswith("(and 1 more)")


def test_a_whole_number_is_a_number(paper):
    assert load(changed(paper, "epochs/crop/mirror_probability", 1)).epochs.crop.mirror_probability == 1.0


@pytest.mark.parametrize(
    ("label", "count"),
    [("316k", 316_000), ("3.16M", 3_160_000), ("31.6M", 31_600_000), ("10M", 10**7), ("0.001k", 1)],
)
def test_budgets_are_read_without_rounding(label, count):
    assert parse_budget(label) == count


@pytest.mark.parametrize(
    "label", ["", "10", "10 M", "M", "-1M", "1e3k", "1_000k", "\u0663M", "1M\n", "9999999M", None]
)
def test_what_is_no_budget_is_refused(label):
    with pytest.raises(ValueError, match="expected a"):
        parse_budget(label)


def test_a_range_of_one_value_is_a_range():
    assert Range(low=0.5, high=0.5, scale="log").low == 0.5
    assert WidthRange(low=3, high=3).high == 3


def test_the_paper_s_search_has_a_first_round_of_17_and_fourteen_of_8():
    search = SearchSettings(trials=129, first_round=17, round_size=8)
    assert search.n_rounds() == 15
    assert [len(search.trials_of_round(i)) for i in range(15)] == [17] + [8] * 14
    assert search.trials_of_round(14) == range(121, 129)
    assert [search.round_of_trial(t) for t in (0, 16, 17, 24, 25, 128)] == [0, 0, 1, 1, 2, 14]


def test_a_round_or_trial_that_is_none_is_refused():
    search = SearchSettings(trials=5, first_round=8, round_size=2)
    assert search.n_rounds() == 1
    assert search.trials_of_round(0) == range(5)
    for wrong in (-1, 1):
        with pytest.raises(ValueError, match=r"expected a round in 0\.\.0"):
            search.trials_of_round(wrong)
    for wrong in (-1, 5):
        with pytest.raises(ValueError, match=r"expected a trial in 0\.\.4"):
            search.round_of_trial(wrong)
