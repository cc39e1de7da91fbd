import safetensors.torch
import torch
from tests.unit.win.nets_of_others import Blocks

from mimic.console.main import main
from mimic.win.store import write_state


def test_weights_of_a_thin_net_are_verified(tmp_path, capsys):
    path = tmp_path / "weights.safetensors"
    digest = write_state(path, "net", {"width": 4}, Blocks().state_dict())
    assert main(["verify", str(path)]) == 0
    assert f"weights of kind net: digest {digest[:16]} of 11 tensors fits" in capsys.readouterr().out
    assert main(["inspect", str(path)]) == 0
    assert "mimic.win" in capsys.readouterr().out


def test_weights_that_were_changed_are_refused(tmp_path, capsys):
    path = tmp_path / "weights.safetensors"
    write_state(path, "net", {"width": 4}, Blocks().state_dict())
    with safetensors.safe_open(path, "pt") as file:
        metadata = file.metadata()
    state = safetensors.torch.load_file(path)
    state["head.bias"] += torch.tensor(1.0)
    path.write_bytes(safetensors.torch.save(state, metadata))
    assert main(["verify", str(path)]) == 1
    error = capsys.readouterr().err.strip()
    assert f"{path}: was changed after it was written" in error
    assert "\n" not in error
