"""``mimic schema --markdown``: every key of config.yaml as a page, out of the models and the file's comments.

Type, range and meaning come from the pydantic models; the value and where it comes from (a section of the
paper, or why it was chosen) from config.yaml itself, so that the page can say nothing that the code does not.
"""

import json
import re
from pathlib import Path

import yaml

from mimic.console.plan import check_config
from mimic.console.schema import config_schema

HEAD = """\
# Keys of config.yaml

Written by `mimic schema --markdown`; edit the models in `pipeline_src/mimic/config/` or the comments of
`config.yaml` instead. Numbers such as 2.7 are sections of Urban et al., ICLR 2017. An overlay
(`--configfile`) may set any of these keys; there are no others, and none has a hidden default.
"""
#: Models that stand in one row, not a row a key.
RANGES = ("Range", "WidthRange")


def page_text(config):
    """The page.

    Parameters
    ----------
    config : path
        A whole config, whose values and comments are shown.

    Returns
    -------
    str
    """
    check_config(config)
    text = Path(config).read_text(encoding="utf-8")
    rows = list(rows_of(config_schema(), yaml.safe_load(text), comments_of(text)))
    parts, section = [HEAD], None
    for row in rows:
        path = row["key"].split(".")
        if path[0] != section and (len(path) > 1 or section is None):
            section = path[0] if len(path) > 1 else "seed"
            title = f"`{section}`" if len(path) > 1 else "The run"
            about = row["section"] if len(path) > 1 else ""
            parts.append(f"\n## {title}\n\n{about}\n\n".replace("\n\n\n", "\n"))
            parts.append("| key | type and range | value | where it comes from | meaning |\n")
            parts.append("| --- | --- | --- | --- | --- |\n")
        words = [_plain(row[key]) for key in ("type", "comment", "meaning")]
        cells = (f"`{row['key']}`", words[0], _code(row["value"]), *words[1:])
        parts.append(f"| {' | '.join(map(_cell, cells))} |\n")
    return "".join(parts)


def rows_of(schema, values, comments):
    """A dict a key: ``key``, ``type``, ``value``, ``comment``, ``meaning``, and the ``section`` in words."""
    models = schema["$defs"]

    def walk(model, values, path, section):
        for name, field in model["properties"].items():
            key = (*path, name)
            reference = field.get("$ref", "").rpartition("/")[2]
            if reference and reference not in RANGES:
                nested = models[reference]
                about = section or _one_line(nested["description"])
                yield from walk(nested, values[name], key, about)
                continue
            named = _model_by_name(field)
            if named and named not in RANGES:
                # one model a name: its keys once, with the values of the first
                yield from walk(models[named], next(iter(values[name].values())), (*key, "NAME"), section)
                continue
            yield {
                "key": ".".join(key),
                "type": type_in_words(field, models),
                "value": values[name],
                "comment": _comment(comments, key),
                "meaning": field.get("description", ""),
                "section": section,
            }

    yield from walk(schema, values, (), "")


def _model_by_name(field):
    """Model of the values of a dict with names for keys; empty where it is no such dict."""
    others = [field.get("additionalProperties"), *field.get("patternProperties", {}).values()]
    found = [other["$ref"] for other in others if isinstance(other, dict) and "$ref" in other]
    return found[0].rpartition("/")[2] if found else ""


def type_in_words(field, models):
    """``whole number, >= 1`` of a property of the JSON schema."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        if name == "WidthRange":
            low = models[name]["properties"]["low"]
            return f"{{low, high}}: whole numbers, {low['minimum']:,} to {low['maximum']:,}"
        ends = f", both {field['ends']}" if "ends" in field else ""
        return f"{{low, high, scale: linear or log}}: numbers{ends}"
    if "anyOf" in field:
        return " or ".join(type_in_words(option, models) for option in field["anyOf"])
    if "enum" in field:
        return ", ".join(map(str, field["enum"]))
    kind = field["type"]
    if "prefixItems" in field:
        kinds = {type_in_words(item, models) for item in field["prefixItems"]}
        return f"list of {len(field['prefixItems'])}: {' and '.join(sorted(kinds))}"
    if kind == "array":
        least = f", at least {field['minItems']}" if field.get("minItems") else ""
        return f"list of {type_in_words(field['items'], models)}{least}"
    if kind == "object":
        return "family -> budget -> layer -> {low, high}: whole numbers"
    names = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    limits = [f"{sign} {field[limit]:,}" for limit, sign in signs.items() if limit in field]
    if "pattern" in field:
        limits.append(f"`{field['pattern']}`")
    return ", ".join([names.get(kind, kind), *limits])


def comments_of(text):
    """Comment at the end of each key's line, by the key's path; none for keys without one."""
    lines, found = text.splitlines(), {}

    def walk(node, path):
        if not isinstance(node, yaml.MappingNode):
            return
        for name, value in node.value:
            key = (*path, name.value)
            line = lines[name.start_mark.line]
            alone = name.start_mark.column == len(line) - len(line.lstrip())
            if alone and " #" in line:
                found[key] = line.split(" #", 1)[1].strip()
            walk(value, key)

    walk(yaml.compose(text, Loader=yaml.SafeLoader), ())
    return found


def _comment(comments, key):
    """A key's own comment, or that of the nearest key around it."""
    for length in range(len(key), 0, -1):
        if key[:length] in comments:
            return comments[key[:length]]
    return ""


def _one_line(text):
    return " ".join(text.split())


def _code(value):
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text}`" if len(text) <= 120 else "see config.yaml"


def _plain(text):
    """Text in which no sign means anything to Markdown."""
    return re.sub(r"([*<>\[\]])", r"\\\1", text)


def _cell(text):
    return _one_line(text).replace("|", "\\|")
