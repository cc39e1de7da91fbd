from pathlib import Path

import pytest
import yaml

from mimic.config.whole import load
from mimic.models.architecture import notation
from mimic.search.propose import sobol_points
from mimic.teachers.space import hsv_of, teacher_of, teacher_space

CONFIG = load(
    yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text(encoding="utf-8"))
).teachers
SPACE = teacher_space(CONFIG.search_space)


def test_a_teacher_has_eighteen_hyperparameters():
    assert len({dimension.name for dimension in SPACE}) == len(SPACE) == 18
    integers = [dimension.name for dimension in SPACE if dimension.integer]
    assert integers == ["filters_conv1", "filters_conv2", "filters_conv3", "hidden_units"]


ENDS = [{dimension.name: getattr(dimension, end) for dimension in SPACE} for end in ("low", "high")]


@pytest.mark.parametrize("point", [*ENDS, *sobol_points(SPACE, 2, 1)], ids=["low", "high", "one", "other"])
def test_a_point_is_the_net_that_it_describes(point):
    net = teacher_of(point, 10)
    widths = [point[name] for name in ("filters_conv1", "filters_conv2", "filters_conv3", "hidden_units")]
    assert notation(net) == "{}c^2-mp-{}c^2-mp-{}c^4-mp-{}fc^2".format(*widths)
    rates = [layer.rate for layer in net.layers if layer.kind == "dropout"]
    names = ["dropout_conv1", "dropout_conv2", "dropout_conv3", "dropout_fc1", "dropout_fc2"]
    assert rates == [point[name] for name in names]
    hsv = hsv_of(point)
    assert all(getattr(hsv, name) == point[name] for name in type(hsv).model_fields)


def test_every_proposal_is_a_net_and_a_colour_jitter():
    for point in sobol_points(SPACE, 64, 3):
        layers = teacher_of(point, 10).layers
        widths = [layer.filters for layer in layers if layer.kind == "conv"]
        assert widths == [
            *[point["filters_conv1"]] * 2,
            *[point["filters_conv2"]] * 2,
            *[point["filters_conv3"]] * 4,
        ]
        assert hsv_of(point).hue_shift == point["hue_shift"]
