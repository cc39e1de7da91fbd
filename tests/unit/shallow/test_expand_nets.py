"""The stage that expands a group's nets: which nets, which images, what it refuses."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.unit.shallow.group_files import make_group, write_group_file

from mimic.cli import InputError
from mimic.data.store import make_dataset, write_dataset
from mimic.shallow import expand_nets
from mimic.shallow.grid import group_digest
from mimic.shallow.nets import ResidualNet, tensor_shapes
from mimic.shallow.rows import OrderRow, columns_of, read_table
from mimic.shallow.store import read_nets


def digits(n):
    """Grey images within a black border, as those of MNIST are stored."""
    generator = np.random.default_rng(n)
    grey = generator.integers(0, 256, (n, 1, 28, 28), dtype=np.uint8)
    padded = np.repeat(np.pad(grey, ((0, 0), (0, 0), (2, 2), (2, 2))), 3, axis=1)
    return padded, np.arange(n, dtype=np.int64) % 10, grey


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    """A dataset file, its digest, and the test images that it holds."""
    parts = {"train": digits(4), "validation": digits(0), "test": digits(12)}
    images = {split: part[0] for split, part in parts.items()}
    labels = {split: part[1] for split, part in parts.items()}
    rows = {split: np.arange(len(part[1])) for split, part in parts.items()}
    dataset = make_dataset(images, labels, tuple("abcdefghij"), rows)
    path = tmp_path_factory.mktemp("data") / "mnist.h5"
    write_dataset(path, dataset, {})
    return str(path), dataset.digest, parts["test"][2], parts["test"][1]


@pytest.fixture
def expand(tmp_path, mnist):
    """Writes a group and expands it; gives the table."""

    def run(group, n_nets=5, n_images=8, max_order=2):
        path = write_group_file(tmp_path, group)
        out = str(tmp_path / "expansion.csv")
        sizes = ["--n-nets", str(n_nets), "--n-images", str(n_images), "--max-order", str(max_order)]
        expand_nets.main(["--group-file", path, "--dataset", mnist[0], *sizes, "--out", out])
        return read_table(out, OrderRow)

    return run


def test_whole_and_first_order_are_the_nets_of_the_file_on_the_first_test_images(expand, tmp_path, mnist):
    _, digest, images, labels = mnist
    group = make_group(n_layers=3, digest=digest)
    table = expand(group)
    assert list(table["order"]) == ["0", "1", "2", "rest"] * 2
    assert list(table["net"]) == [0] * 4 + [1] * 4
    assert set(table["n_images"]) == {8}
    assert set(table["layout"]) == {"sequential"}
    _, nets = read_nets(tmp_path / group.name / "nets.h5", [0, 1], tensor_shapes)
    pixels = torch.from_numpy(images[:8]).double() / 255
    for layout, order in (("sequential", "rest"), ("parallel", "1")):
        for row, tensors in enumerate(nets):
            net = ResidualNet(group.shape, layout).double()
            net.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
            loss = F.cross_entropy(net(pixels), torch.from_numpy(labels[:8])).item()
            found = table[(table["net"] == row) & (table["order"] == order)]
            assert found["cross_entropy"].item() == pytest.approx(loss, rel=1e-12)


def test_only_the_first_sequential_nets_that_did_not_diverge_are_expanded(expand, mnist):
    group = make_group(seed=[0, 1, 2, 3], digest=mnist[1])
    group.history["validation_loss"][0, -1] = np.nan
    group.history["train_loss"][2, -1] = np.inf
    assert list(dict.fromkeys(expand(group, n_nets=2)["net"])) == [1, 3]
    assert list(dict.fromkeys(expand(group, n_nets=1)["net"])) == [1]


def test_rows_say_what_the_net_is(expand, mnist):
    table = expand(make_group(digest=mnist[1], learning_rate=[0.5, 0.25], seed=[7], activation=["tanh"]))
    rows = table.drop_duplicates("net")[
        ["dataset", "group", "n_layers", "activation", "learning_rate", "seed"]
    ]
    assert rows.values.tolist() == [
        ["mnist", "mnist-L2-F1-K3", 2, "tanh", 0.5, 7],
        ["mnist", "mnist-L2-F1-K3", 2, "tanh", 0.25, 7],
    ]


@pytest.mark.parametrize(("layouts", "n_nets"), [(["parallel"], 5), (["sequential", "parallel"], 0)])
def test_where_nothing_is_to_be_expanded_the_table_is_its_header(expand, tmp_path, layouts, n_nets):
    assert expand(make_group(layout=layouts), n_nets=n_nets).empty
    assert (tmp_path / "expansion.csv").read_text() == ",".join(columns_of(OrderRow)) + "\n"


def test_orders_above_the_layers_do_not_occur(expand, mnist):
    assert list(expand(make_group(n_layers=1, seed=[0], digest=mnist[1]), max_order=5)["order"]) == [
        *("0", "1", "rest")
    ]


def test_the_number_of_substacks_is_said_before_the_work(expand, mnist, capsys):
    expand(make_group(n_layers=3, digest=mnist[1]))
    first = capsys.readouterr().err.splitlines()[0]
    assert first == "mnist-L3-F1-K3: 2 nets, 6 sub-stacks of up to 2 of 3 layers, 8 images"


def test_too_many_substacks_are_refused_by_the_key_of_the_config(expand, mnist):
    message = (
        r"shallow\.expansion\.max_order: expected at most 2,000,000 .* got 4,194,303 for orders up to 30"
    )
    with pytest.raises(InputError, match=message):
        expand(make_group(n_layers=22, digest=mnist[1]), max_order=30)


def test_another_dataset_than_that_of_the_training_is_refused(expand):
    with pytest.raises(InputError, match=r"expected the dataset of mnist-L2-F1-K3, digest d1g3st, got"):
        expand(make_group(digest="d1g3st"))
    with pytest.raises(InputError, match="expected the dataset"):
        expand(dataclasses.replace(make_group(), provenance={"sources": 3}))


def test_a_group_that_is_not_the_configs_is_refused(tmp_path, mnist):
    path = write_group_file(tmp_path, make_group(digest=mnist[1]))
    sizes = ["--n-nets", "1", "--n-images", "8", "--max-order", "1"]
    common = ["--group-file", path, "--dataset", mnist[0], *sizes, "--out", str(tmp_path / "expansion.csv")]
    own = make_group().settings
    expand_nets.main([*common, "--digest", group_digest("mnist-L2-F1-K3", own, 7)])
    other = own.model_copy(update={"training": own.training.model_copy(update={"rho": 0.5})})
    with pytest.raises(InputError, match="expected the settings and seed of the config"):
        expand_nets.main([*common, "--digest", group_digest("mnist-L2-F1-K3", other, 7)])


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"n_nets": -1}, "at least 0, got -1"),
        ({"n_images": 0}, "at least 1, got 0"),
        ({"max_order": 0}, "got 0"),
    ],
)
def test_sizes_that_cannot_be_are_refused(expand, mnist, capsys, sizes, said):
    with pytest.raises(SystemExit):
        expand(make_group(digest=mnist[1]), **sizes)
    assert said in capsys.readouterr().err


def test_fewer_test_images_than_asked_for_are_all_passed(expand, mnist):
    assert set(expand(make_group(digest=mnist[1]), n_images=1000)["n_images"]) == {12}
