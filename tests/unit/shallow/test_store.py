import re

import pytest
from tests.unit.shallow.group_files import make_group, write_group_file

from mimic.cli import InputError
from mimic.shallow import store


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """Function that writes a group's file whose attributes say something else; gives its path."""

    def write(changes=None, axes=None, sizes=None):
        group = make_group()
        sealed = store.write_sealed

        def altered(path, name, version, attributes, arrays, rows_per_checksum):
            settings = {**attributes["settings"], **(sizes or {})}
            settings["axes"] = {
                key: v for key, v in {**settings["axes"], **(axes or {})}.items() if v is not None
            }
            attributes = {**attributes, "settings": settings, **(changes or {})}
            sealed(path, name, version, attributes, arrays, rows_per_checksum)

        monkeypatch.setattr(store, "write_sealed", altered)
        return write_group_file(tmp_path, group)

    return write


def test_a_group_is_read_as_it_was_written(stranger):
    group = store.read_group(stranger())
    assert (group.name, group.dataset, len(group.settings.nets())) == ("mnist-L2-F1-K3", "mnist", 4)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"axes": {"padding": None}}, "settings: axes.padding"),
        ({"axes": {"layout": ["diagonal"]}}, "settings: axes.layout"),
        ({"axes": {"activation": ["__class__"]}}, "settings: axes.activation"),
        ({"axes": {"stride": [1]}}, "settings: axes.stride"),
        ({"axes": {"seed": []}}, "settings: axes.seed"),
        (
            {"sizes": {"n_layers": 3}},
            "attribute group: expected a name that says 3 layers and 1 filters",
        ),
        ({"changes": {"group": "../../x"}}, "attribute group: expected a name that says 2 layers"),
        ({"changes": {"dataset": ["mnist"]}}, "attribute group: expected a name that says 2 layers"),
        ({"changes": {"image_shape": [1, 28]}}, "attribute image_shape: expected three sizes"),
        ({"changes": {"n_classes": 0}}, "attribute n_classes: expected a number"),
        ({"changes": {"seconds": "long"}}, "attribute seconds: expected seconds"),
        ({"axes": {"seed": list(range(3))}}, "train_loss"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(stranger, change, expected):
    path = stranger(**change)
    with pytest.raises(InputError, match=f"^{re.escape(path)}: .*{re.escape(expected)}") as caught:
        store.read_group(path)
    assert "\n" not in str(caught.value)
