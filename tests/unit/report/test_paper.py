"""The published numbers that come with the package, against the printed paper."""

from mimic.config.families import FAMILIES
from mimic.report import paper


def test_rows_of_table_2_stand_in_the_papers_order_under_its_names():
    printed = {
        "mlp1": "Bottleneck, 1 hidden layer",
        "mlp2": "2 hidden layers",
        "mlp3": "3 hidden layers",
        "mlp4": "4 hidden layers",
        "mlp5": "5 hidden layers",
        "cnn1": "1 conv. layer, 1 max-pool, Bottleneck",
        "cnn2": "2 conv. layers, 2 max-pool",
        "cnn3": "3 conv. layers, 3 max-pool",
        "cnn4": "4 conv. layers, 3 max-pool",
    }
    assert paper.table2_names() == {family: printed.get(family, family) for family in FAMILIES}
    assert [family for family in FAMILIES if family in printed] == list(printed)


def test_table_2_has_36_accuracies_and_not_the_row_of_ba_and_caruana():
    accuracies = paper.table2_accuracies()
    assert len(accuracies) == 36
    assert accuracies["mlp1", 1_000_000] == 65.8
    assert accuracies["mlp2", 31_600_000] == 74.3
    assert accuracies["cnn4", 10_000_000] == 92.6
    assert ("cnn1", 70_000_000) not in accuracies


def test_table_1_has_hard_label_nets_at_10m_only():
    assert paper.hard_label("cnn4", 10_000_000).accuracy_pct == 91.75
    assert paper.hard_label("cnn1", 10_000_000).accuracy_pct == 84.6
    assert paper.hard_label("cnn4", 1_000_000) is None
    assert paper.hard_label("mlp4", 10_000_000) is None


def test_table_1_has_three_teachers_and_one_ensemble_of_16():
    assert [paper.teacher(rank).accuracy_pct for rank in range(3)] == [92.78, 92.77, 92.67]
    assert paper.ensemble(16) == paper.Published(83_400_000, 93.8)
    assert paper.ensemble(4) is None
