"""The schema that editors read is the one that the config is checked by."""

import json

import yaml
from jsonschema import Draft202012Validator

from mimic.console.schema import schema_text
from tests.workflow.conftest import ROOT


def test_the_committed_schema_is_in_step_with_the_models():
    # `mimic schema > workflow/schemas/config.schema.json` writes it anew
    assert (ROOT / "workflow" / "schemas" / "config.schema.json").read_text() == schema_text()


def test_the_config_is_valid_by_the_schema_and_a_typo_is_not():
    validator = Draft202012Validator(json.loads(schema_text()))
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert list(validator.iter_errors(config)) == []
    config["studens"] = config.pop("students")
    assert len(list(validator.iter_errors(config))) == 2  # one key too many, one too few
