import os

import numpy as np
import pytest

from mimic.cli import InputError
from mimic.config.data import DataSettings
from mimic.data.source import folder_of, from_arrays


def settings(path):
    return DataSettings(source="mnist", path=path, download=False, n_train=1, n_validation=1, n_test=1)


def test_a_variable_in_the_path_is_taken_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("IMAGES", str(tmp_path))
    assert folder_of(settings("${IMAGES}/a")) == tmp_path / "a"


def test_a_variable_that_is_not_set_is_named(monkeypatch):
    monkeypatch.delenv("NO_SUCH_PLACE", raising=False)
    with pytest.raises(InputError, match=r"data\.path: .*NO_SUCH_PLACE, it is not set"):
        folder_of(settings("${NO_SUCH_PLACE}/images"))


def test_an_empty_variable_does_not_point_at_the_root(monkeypatch):
    monkeypatch.setenv("EMPTY_PLACE", "")
    with pytest.raises(InputError, match="EMPTY_PLACE"):
        folder_of(settings("${EMPTY_PLACE}/images"))


def test_a_value_is_not_expanded_again(monkeypatch):
    monkeypatch.setenv("OUTER", "/x/${INNER}")
    monkeypatch.setenv("INNER", "never")
    assert str(folder_of(settings("${OUTER}"))) == "/x/${INNER}"


def test_a_relative_path_starts_at_the_working_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert folder_of(settings("data/../b")) == tmp_path / "b"


def test_a_tilde_is_the_home_folder():
    assert str(folder_of(settings("~/images"))) == os.path.join(os.path.expanduser("~"), "images")


def test_rows_are_read_in_the_order_asked_for():
    images = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 32, 32), np.uint8)
    source = from_arrays(["a"], {"train": images}, {"train": np.zeros(4, np.int64)})
    assert source.read_images("train", np.array([2, 0, 2]))[:, 0, 0, 0].tolist() == [2, 0, 2]
