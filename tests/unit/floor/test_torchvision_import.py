import subprocess
import sys

import pytest

from mimic import torchvision_import


def test_datasets_and_models_work_in_a_fresh_process():
    code = (
        "from mimic.torchvision_import import import_torchvision as load\n"
        "import torch\n"
        "net = load('models').resnet18()\n"
        "n_outputs = net.eval()(torch.zeros(1, 3, 32, 32)).shape[1]\n"
        "print(n_outputs, load('datasets').MNIST.__name__, load().__name__)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["1000", "MNIST", "torchvision"]


def test_another_fault_of_torchvision_is_not_hidden(monkeypatch):
    def fail(name):
        raise RuntimeError("torchvision is broken in another way")

    monkeypatch.setattr(torchvision_import.importlib, "import_module", fail)
    with pytest.raises(RuntimeError, match="broken in another way"):
        torchvision_import.import_torchvision("datasets")


def test_no_schema_is_declared_where_the_operators_load(monkeypatch):
    monkeypatch.setattr(torchvision_import, "_declared", None)
    monkeypatch.setattr(torchvision_import.importlib, "import_module", lambda name: name)
    assert torchvision_import.import_torchvision("datasets.mnist") == "torchvision.datasets.mnist"
    assert torchvision_import._declared is None
