"""The page about families and a source that are not the paper's."""

import json
import re

from mimic.report.page import figures, words


def test_added_families_and_sources_are_on_the_page(extended_page):
    data = json.loads(re.search(r'id="data">(.*?)</script>', extended_page)[1])
    assert {row["family"] for row in data["figure2"]} == {"mlp1", "4deep12", "cnn1", "vgg"}
    assert {row["family"] for row in data["paper"]} <= {
        "mlp1",
        "mlp2",
        "mlp3",
        "mlp4",
        "mlp5",
        "cnn1",
        "cnn2",
        "cnn3",
        "cnn4",
        None,
    }
    assert (data["depths"]["vgg"], data["depths"]["4deep12"]) == (2, 6)
    assert "deep convolutional nets on tiles?" in extended_page
    assert "vgg, 10M, on hard labels" in extended_page


def test_the_papers_families_keep_their_marks_and_others_get_free_ones(extended):
    found = figures.styles()
    assert [found[f"cnn{n}"] for n in range(1, 5)] == [1, 2, 3, 4]
    assert [found[f"mlp{n}"] for n in range(1, 6)] == [1, 2, 3, 4, 5]
    assert (found["vgg"], found["4deep12"]) == (5, 6)


def test_depths_are_those_of_the_layers(extended):
    counted = {"mlp1": 1, "mlp5": 5, "cnn1": 1, "cnn4": 4, "vgg": 2, "4deep12": 6}
    assert {family: words.depth_of(family) for family in counted} == counted


def test_the_answer_tells_the_depth_of_an_added_family(extended_results):
    told = words.answer(extended_results)
    assert "the best student, with 2 convolutions, classifies" in told
    assert "one with 1 convolution " in told
