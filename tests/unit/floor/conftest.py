from pathlib import Path

import pytest
import yaml

CONFIG = Path(__file__).parents[3] / "config.yaml"


@pytest.fixture
def paper():
    """``config.yaml`` as dictionaries, a new copy for every test."""
    return yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
