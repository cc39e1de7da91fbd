"""What tests of the benchmarks share: a script as a module, its result, the form of its claims."""

import importlib
import json
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "benchmarks"
CLAIM = {"what", "unit", "ours", "peer", "peer_value", "ratio", "ratio_low", "ratio_high", "n_rounds"}
HEADER = {"benchmark", "date", "commit", "processor", "n_cores", "n_threads", "memory_bytes", "gpu"}
HEADER |= {"load_average_before", "python", "versions", "claims"}


def importer(monkeypatch):
    """Yields the function that imports a script of the folder; forgets all of them at the end."""
    monkeypatch.syspath_prepend(FOLDER)
    yield importlib.import_module
    for path in FOLDER.glob("*.py"):
        sys.modules.pop(path.stem, None)


def only_result(folder, benchmark):
    """The one result of a benchmark in a folder."""
    (path,) = folder.glob(f"*-{benchmark}-*.json")
    return json.loads(path.read_text(encoding="utf-8"))


def check_form(result, n_rounds):
    """Header and claims are complete and make sense."""
    assert result.keys() >= HEADER
    assert result["claims"]
    for claim in result["claims"]:
        assert claim.keys() == CLAIM
        assert 0 < claim["ratio_low"] <= claim["ratio_high"]
        assert claim["n_rounds"] in (1, n_rounds)
        assert claim["ours"] > 0
        assert claim["peer_value"] > 0
