"""``mimic schema``: the config's models as JSON schema, which editors use to complete and check keys."""

import json

from mimic.config.whole import Config
from mimic.data.sources import SOURCES


def config_schema():
    """The schema of the whole config, as a dict."""
    schema = Config.model_json_schema()
    schema["$defs"]["DataSettings"]["properties"]["source"]["enum"] = list(SOURCES)
    return schema


def schema_text():
    """The schema as text; `workflow/schemas/config.schema.json` is a copy that a test keeps in step."""
    return json.dumps(config_schema(), indent=1) + "\n"
