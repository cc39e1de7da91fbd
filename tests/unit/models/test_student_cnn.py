import pytest

from mimic.config.families import CNN_FAMILIES, SHAPES
from mimic.models.architecture import layer_table, notation
from mimic.models.student_cnn import cnn_architecture

WIDTHS = {"conv1": 1, "conv2": 2, "conv3": 3, "conv4": 4, "bottleneck": 5, "hidden": 6}


@pytest.mark.parametrize(
    ("family", "text", "planes"),
    [
        # 32 / 3 = 10, then flat; halved from there on
        ("cnn1", "1c-mp-5lfc-6fc", [(1, 32, 32), (1, 10, 10)]),
        ("cnn2", "1c-mp-2c-mp-6fc", [(1, 32, 32), (1, 16, 16), (2, 16, 16), (2, 8, 8)]),
        (
            "cnn3",
            "1c-mp-2c-mp-3c-mp-6fc",
            [(1, 32, 32), (1, 16, 16), (2, 16, 16), (2, 8, 8), (3, 8, 8), (3, 4, 4)],
        ),
        (
            "cnn4",
            "1c-mp-2c-3c-mp-4c-mp-6fc",
            [(1, 32, 32), (1, 16, 16), (2, 16, 16), (3, 16, 16), (3, 8, 8), (4, 8, 8), (4, 4, 4)],
        ),
    ],
)
def test_families_have_the_shapes_of_the_paper(family, text, planes):
    net = cnn_architecture(family, WIDTHS, 10)
    assert notation(net) == text
    rows = layer_table(net)
    assert [row.output_shape for row in rows if len(row.output_shape) == 3] == planes
    assert all("5x5" in row.name for row in rows if "conv" in row.name)


@pytest.mark.parametrize("family", CNN_FAMILIES)
def test_students_have_no_dropout_and_hard_label_nets_have_one_a_pool_and_one_more(family):
    n_pools = SHAPES[family].n_pools()
    assert not [row for row in layer_table(cnn_architecture(family, WIDTHS, 10)) if "dropout" in row.name]
    rates = [0.11, 0.22, 0.33][:n_pools]
    names = [row.name for row in layer_table(cnn_architecture(family, WIDTHS, 10, rates, 0.44))]
    after_pools = [names[i + 1] for i, name in enumerate(names) if "max-pool" in name]
    assert after_pools == [f"dropout {rate}" for rate in rates]
    assert names[-3:] == ["6 dense", "dropout 0.44", "10 logits"]
