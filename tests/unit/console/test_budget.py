import json
from pathlib import Path

import pytest
import torch
import yaml

from mimic.console.main import main
from mimic.models.net import Net
from mimic.students.families import Study, architecture_at

CONFIG = str(Path(__file__).parents[3] / "config.yaml")


def as_json(capsys, *arguments):
    assert main(["budget", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_says_what_the_torch_net_is(capsys):
    value = as_json(capsys, "cnn4", "1M", "--filters", "32", "40", "48", "56")
    architecture = architecture_at(Study("cnn4", "1M", False), [32, 40, 48, 56], 10)
    net, seen = Net(architecture), []
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear | torch.nn.MaxPool2d):
            module.register_forward_hook(lambda m, i, o: seen.append((m, list(o.shape[1:]))))
    net(torch.zeros(1, 3, 32, 32))
    assert value["n_parameters"] == sum(p.numel() for p in net.parameters()) <= value["budget"] == 1_000_000
    assert value["architecture"].startswith("32c-mp-40c-48c-mp-56c-mp-")
    assert [row["output_shape"] for row in value["layers"]] == [shape for _, shape in seen]
    counts = [sum(p.numel() for p in module.parameters()) for module, _ in seen]
    assert [row["n_parameters"] for row in value["layers"]] == counts
    assert sum(row["n_multiply_adds"] for row in value["layers"]) == value["n_multiply_adds"]


@pytest.mark.parametrize("family", yaml.safe_load(Path(CONFIG).read_text())["students"]["families"])
def test_every_family_has_a_net_at_the_middle_of_its_bounds(capsys, family):
    value = as_json(capsys, family, "1M", "--config", CONFIG)
    assert 0.9 * 1_000_000 < value["n_parameters"] <= 1_000_000
    assert value["family"] == family


def test_more_classes_cost_parameters(capsys):
    ten, hundred = (
        as_json(capsys, "cnn2", "1M", "--filters", "20", "20", "--classes", n) for n in ("10", "100")
    )
    assert hundred["layers"][-1]["output_shape"] == [100]
    assert hundred["layers"][-2]["output_shape"] < ten["layers"][-2]["output_shape"]


def test_the_table_holds_the_numbers_of_the_json(capsys):
    arguments = ["mlp3", "1M", "--filters", "200", "150"]
    value = as_json(capsys, *arguments)
    assert main(["budget", *arguments]) == 0
    table = capsys.readouterr().out
    assert value["architecture"] in table
    for row in value["layers"]:
        assert row["name"] in table
        assert f"{row['n_parameters']:,}" in table
        assert f"{row['n_multiply_adds']:,}" in table
    assert f"{value['n_parameters']:,}" in table
    assert f"{1_000_000 - value['n_parameters']:,} parameters below the budget of 1,000,000" in table
    assert "as given" in table


def test_the_table_says_where_its_bounds_come_from(capsys):
    main(["budget", "cnn2", "5M", "--config", CONFIG])
    words = " ".join(capsys.readouterr().out.split())
    assert "middle of the bounds: interpolated between 3,160,000 and 10,000,000 parameters" in words


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["cnn9", "1M"], "family: expected one of mlp1, "),
        (["cnn2", "1"], "budget: expected a budget such as"),
        (["cnn2", "1M", "--filters", "20"], "cnn2: expected 2 widths (conv1 conv2), got 1"),
        (["cnn2", "1M", "--filters", "20", "0"], "--filters: expected widths from 1 to 1000000"),
        (["cnn2", "1M", "--filters", "20", "-4"], "--filters: expected widths from 1 to 1000000"),
        (["cnn2", "1M", "--filters", "20", "9999999"], "--filters: expected widths from 1 to 1000000"),
        (["cnn2", "1M", "--filters", "900", "900"], "study cnn2-1M: the smallest net has"),
        (["cnn1", "1000M", "--filters", "1", "1"], "study cnn1-1000M: the largest net"),
        (["mlp1", "999999M", "--config", CONFIG], "study mlp1-999999M: the largest net"),
        (["mlp1", "1k", "--config", CONFIG], "study mlp1-1k: the smallest net"),
        (["cnn2", "1M", "--classes", "1"], "--classes: expected 2 to 100000, got 1"),
        (["cnn2", "1M", "--config", "none.yaml"], "none.yaml: no such file"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_1(capsys, arguments, expected):
    assert main(["budget", *arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert expected in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a: [", "not YAML"),
        (b"\xff", "not YAML"),
        (b"", "expected keys of config.yaml"),
        (b"seed: 1", "Field required"),
    ],
)
def test_a_config_that_is_none_is_one_line(capsys, tmp_path, text, expected):
    path = tmp_path / "config.yaml"
    path.write_bytes(text)
    assert main(["budget", "cnn2", "1M", "--config", str(path)]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"error: {path}: ")
    assert expected in err
    assert err.count("\n") == 1


def test_an_overlay_stands_on_the_whole_config(capsys):
    demo = str(Path(CONFIG).parent / "workflow" / "presets" / "demo.yaml")
    value = as_json(capsys, "cnn2", "30k", "--config", CONFIG, "--configfile", demo)
    assert value["n_parameters"] <= 30_000
    assert main(["budget", "cnn2", "30k", "--config", demo]) == 1
    line = capsys.readouterr().err
    assert f"--config config.yaml --configfile {demo}" in line
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    ("family", "budget", "said"),
    [
        ("10M", "cnn4", "family: expected one of mlp1, "),
        ("cnn2", "10Q", "budget: expected a budget such as 316k, 3.16M or 10M, got '10Q'"),
        ("cnn2", "0k", "budget: expected a whole, positive number of parameters, got '0k'"),
    ],
)
def test_the_word_that_is_wrong_is_named(capsys, family, budget, said):
    assert main(["budget", family, budget]) == 1
    assert said in capsys.readouterr().err
