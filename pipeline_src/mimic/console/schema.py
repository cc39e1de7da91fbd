"""``mimic schema``: the config's models as JSON schema, which editors use to complete and check keys."""

import json

from mimic.config.whole import Config


def schema_text():
    """The schema as text; `workflow/schemas/config.schema.json` is a copy that a test keeps in step."""
    return json.dumps(Config.model_json_schema(), indent=1) + "\n"
