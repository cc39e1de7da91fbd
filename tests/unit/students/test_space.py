from pathlib import Path

import pytest
import yaml

from mimic.config.whole import load
from mimic.models.architecture import count_parameters
from mimic.students.families import parse_study, student_architecture, studies_of, study_settings
from mimic.students.space import student_space

REPOSITORY = Path(__file__).parents[3]
CONFIG = load(yaml.safe_load((REPOSITORY / "config.yaml").read_text(encoding="utf-8"))).students


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("mlp1-1M", "learning_rate momentum input_scale init_scale C1"),
        ("mlp3-1M", "learning_rate momentum input_scale init_scale ratio1 ratio2 ratio3"),
        ("cnn2-1M", "learning_rate momentum input_scale init_scale C1 C2"),
        ("cnn1-10M-hard", "learning_rate momentum dropout_conv1 dropout_fc1 C1 C2"),
        (
            "cnn4-10M-hard",
            "learning_rate momentum dropout_conv1 dropout_conv2 dropout_conv3 dropout_fc1 C1 C2",
        ),
    ],
)
def test_a_study_searches_over_what_the_paper_says(name, names):
    study = parse_study(name)
    space = student_space(study, (CONFIG.hard_label if study.hard_label else CONFIG).search_space)
    assert [dimension.name for dimension in space] == names.split()


def test_ranges_are_those_of_the_study_s_group():
    for name, low in (("cnn2-10M", 0.0013), ("cnn2-10M-hard", 0.0015)):
        study = parse_study(name)
        space = student_space(study, (CONFIG.hard_label if study.hard_label else CONFIG).search_space)
        rate = space[0]
        assert (rate.low, rate.log) == (low, True)
        assert all(0 <= d.low <= d.high <= 1 for d in space if d.name in ("C1", "C2"))


@pytest.mark.parametrize("study", studies_of(CONFIG), ids=lambda study: study.name)
def test_every_corner_of_the_space_is_a_net(study):
    space = student_space(study, (CONFIG.hard_label if study.hard_label else CONFIG).search_space)
    settings = study_settings(CONFIG, study)
    for end in ("low", "high"):
        point = {dimension.name: getattr(dimension, end) for dimension in space}
        count = count_parameters(student_architecture(study, settings, point, 10))
        assert 0.9 * study.budget < count <= study.budget
