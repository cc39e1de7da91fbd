"""Why one job of a plan would run: what differs from the record that Snakemake kept of the last time.

A reason is a dict with ``kind`` and what belongs to it:

============  ==============================================================================================
kind          further keys
============  ==============================================================================================
missing       files: outputs that are needed and not there; all: true where none of the job's is there;
              made: true where there is a record of them
incomplete    files: outputs that a killed run left
config        key, old, new: a key as in ``config.yaml``, and its values; None where it was or is not there
code          old, new: fingerprints; changed, added, removed: modules and tables, None where not known
command       nothing: the rule's command line was edited
inputs        added, removed: files
newer         files: inputs that changed since the outputs were made
software      nothing: the rule's environment changed
follows       jobs: indices of the jobs whose files this one reads, and which run
============  ==============================================================================================
"""

import ast
import difflib
import json
import re
from collections import Counter
from pathlib import Path

from mimic import fingerprint
from mimic.artifact import read_json
from mimic.cli import InputError
from mimic.console.stages import all_stages

#: Section of ``config.yaml`` that a rule's parameter is a slice of; ``{group}`` is the study's, "" all of it.
SECTIONS = {
    ("prepare_dataset", "contents"): "data",
    ("prepare_dataset", "images"): "digest of the images",
    ("unpack_targets", "digest"): "shared.digest",
    ("unpack_targets", "folder"): "output",
    ("propose_teachers", "search_space"): "teachers.search_space",
    ("propose_teachers", "trials"): "teachers.search, trials of the round",
    ("train_teacher", "crop"): "teachers.crop",
    ("train_teacher", "training"): "teachers.training",
    ("select_ensemble", "settings"): "ensemble",
    ("generate_epochs", "settings"): "epochs",
    ("generate_epochs", "epochs"): "epochs.n_epochs and shard_size, epochs of the shard",
    ("record_logits", "settings"): "logits",
    ("average_logits", "dtype"): "logits.dtype",
    ("propose_students", "search_space"): "{group}.search_space",
    ("propose_students", "trials"): "{group}.search, trials of the round",
    ("train_student", "settings"): "{group}",
    ("tabulate_table1", "compare"): "report.compare_with_paper",
    ("tabulate_table2", "compare"): "report.compare_with_paper",
    ("tabulate_table2", "families"): "students.families",
    ("tabulate_table2", "budgets"): "students.budgets",
    ("publish_report", "config"): "",
    ("publish_report", "grid"): "digests of the tables of the grid",
    ("publish_report", "win"): "digests of the tables of the third paper",
    ("publish_grid_report", "config"): "",
    ("prepare_shallow_dataset", "contents"): "shallow.datasets",
    ("prepare_shallow_dataset", "images"): "digest of the images",
    ("train_group", "settings"): "shallow",
    ("expand_nets", "n_nets"): "shallow.expansion.n_nets",
    ("expand_nets", "n_images"): "shallow.expansion.n_images",
    ("expand_nets", "max_order"): "shallow.expansion.max_order",
    ("tabulate_intervals", "q_edges"): "shallow.q_edges",
    ("plot_losses", "q_edges"): "shallow.q_edges",
    ("plot_expansion", "n_nets"): "shallow.expansion.n_nets",
    ("plot_expansion", "layouts"): "shallow.grid.layout",
    ("prepare_win_dataset", "contents"): "win.data",
    ("prepare_win_dataset", "images"): "digest of the images",
    ("cache_images", "settings"): "win.folder, images of the shard",
    ("train_wide", "settings"): "win, its part for the net",
    ("train_wide", "images"): "digest of the images",
    ("train_vanilla", "settings"): "win, its part for the net",
    ("train_vanilla", "images"): "digest of the images",
    ("train_kd", "settings"): "win, its part for the net",
    ("train_kd", "images"): "digest of the images",
    ("imitate_block", "settings"): "win, its part for the net",
    ("imitate_block", "images"): "digest of the images",
    ("finetune", "settings"): "win, its part for the net",
    ("finetune", "images"): "digest of the images",
    ("merge", "settings"): "win, its part for the net",
    ("merge", "images"): "digest of the images",
    ("tabulate_sizes", "nets"): "win.nets",
    ("tabulate_sizes", "widen"): "win.widen",
    ("tabulate_sizes", "stem"): "win.nets.stem",
    ("tabulate_sizes", "images"): "win.data",
    ("tabulate_sizes", "compare"): "win.data.source",
    ("tabulate_methods", "compare"): "win.data.source",
    ("tabulate_widths", "compare"): "win.data.source",
    ("publish_win_report", "config"): "",
}
#: Parameters that are functions of `input`: Snakemake neither records nor compares them.
NOT_COMPARED = ("versions", "whereabouts", "where")
#: Digests of what the inputs must hold: they change where the jobs that make the inputs run, for a reason of
#: their own.
OF_INPUTS = {("expand_nets", "digest"), ("tabulate_losses", "digests")}
#: Keys of a group's settings as in ``config.yaml``; the others are named alike.
_GROUP_KEYS = re.compile(r"shallow\.(axes\.)?(?!training\.)")
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_MISSING = object()


def reasons_of(job, output):
    """Why a job would run.

    Parameters
    ----------
    job : dict
        Of a plan; see `mimic.console.plan`.
    output : path
        The results' folder, where the records of fingerprints lie.

    Returns
    -------
    list of dict
        See the module's docstring; the job's own reasons before those that come from other jobs.
    """
    reason, record = job["reason"], job["record"]
    found = []
    if reason["missing"]:
        missing = {"kind": "missing", "files": reason["missing"]}
        found.append({**missing, "all": reason["none"], "made": record is not None})
    if reason["incomplete"]:
        found.append({"kind": "incomplete", "files": reason["incomplete"]})
    if record:
        if job["params"] is not None:
            found += _changed_params(job, record["params"] or [], output)
        if record["code"] is not None and record["code"] != job["command"]:
            found.append({"kind": "command"})
        if job["inputs"] is not None and record["input"] is not None:
            added = sorted(set(job["inputs"]) - set(record["input"]))
            removed = sorted(set(record["input"]) - set(job["inputs"]))
            if added or removed:
                found.append({"kind": "inputs", "added": added, "removed": removed})
    if reason["newer"]:
        found.append({"kind": "newer", "files": reason["newer"]})
    if reason["software"]:
        found.append({"kind": "software"})
    if job["needs"]:
        found.append({"kind": "follows", "jobs": job["needs"]})
    return found


def _changed_params(job, old_values, output):
    compared = {name: value for name, value in job["params"].items() if name not in NOT_COMPARED}
    for name, old, new in matched(old_values, compared):
        if (job["rule"], name) in OF_INPUTS:
            continue
        if name == "fingerprint":
            yield _changed_code(job["rule"], old, new, output)
        else:
            yield from _changed_keys(job, name, old, new)


def matched(old_values, params):
    """Old and new values of the parameters that changed; the record has no names.

    Parameters
    ----------
    old_values : list of str
        Reprs.
    params : dict of str to str
        Reprs by name.

    Returns
    -------
    list of (str, object, object)
        Name, old value, new value, `_MISSING` where there is none; a value that no parameter takes after
        has the name "".
    """
    left = Counter(old_values)
    changed = {}
    for name, new in params.items():
        if left[new]:
            left[new] -= 1
        else:
            changed[name] = _value_of(new)
    left = [_value_of(old) for old in left.elements()]
    pairs = []
    likeness = {(i, name): _likeness(old, new) for i, old in enumerate(left) for name, new in changed.items()}
    for (i, name), score in sorted(likeness.items(), key=lambda item: (-item[1], item[0])):
        if score and left[i] is not _MISSING and name in changed:
            pairs.append((name, left[i], changed.pop(name)))
            left[i] = _MISSING
    pairs += [(name, _MISSING, new) for name, new in changed.items()]
    pairs += [("", old, _MISSING) for old in left if old is not _MISSING]
    order = list(params)
    return sorted(pairs, key=lambda pair: order.index(pair[0]) if pair[0] else len(order))


def _value_of(text):
    """Value of a repr, sections of the config as dicts; what cannot be read back stays text."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _likeness(old, new):
    """How much two values look like values of one parameter: 0 for not at all, up to 3."""
    if type(old) is not type(new):
        return 0
    if isinstance(old, dict):
        return 1 + len(old.keys() & new.keys()) / max(1, len(old.keys() | new.keys()))
    if isinstance(old, str) and (_is_fingerprint(old) or _is_fingerprint(new)):
        return 2 * (_is_fingerprint(old) and _is_fingerprint(new))
    if isinstance(old, list) and any(item in new for item in old):
        return 3  # a list that grew or shrank, not another list of the same type
    return 1 + difflib.SequenceMatcher(None, repr(old)[:200], repr(new)[:200]).ratio()


def _is_fingerprint(value):
    return bool(_FINGERPRINT.fullmatch(value))


def _changed_keys(job, name, old, new):
    """One reason for each key of the config that changed."""
    if not name:
        yield {"kind": "config", "key": f"a parameter of rule {job['rule']}", "old": old, "new": None}
        return
    section = SECTIONS.get((job["rule"], name), "seed" if name == "seed" else f"{job['rule']}.params.{name}")
    study = job["wildcards"].get("study", "")
    group = "students.hard_label" if study.endswith("-hard") else "students"
    section = section.format(group=group)
    if name == "compare":
        old, new = (value if value is _MISSING else value == "--compare" for value in (old, new))
    old_keys, new_keys = _flat(old, section), _flat(new, section)
    for key in [*new_keys, *(key for key in old_keys if key not in new_keys)]:
        before, now = old_keys.get(key), new_keys.get(key)
        if before != now:
            bounds = key.removeprefix(f"{group}.bounds")
            if key != bounds:
                # widths at this study's budget, from what the config tabulates
                key = f"{group}.width_bounds, at {study}: {bounds.strip('._')}"
            if job["rule"] == "train_group":
                key = _GROUP_KEYS.sub("shallow.grid.", key)
            yield {"kind": "config", "key": key, "old": before, "new": now}


def _flat(value, prefix):
    """Dotted keys of nested dicts and their values."""
    if value is _MISSING:
        return {}
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        key: leaf
        for name, item in value.items()
        for key, leaf in _flat(item, f"{prefix}.{name}".lstrip(".")).items()
    }


def _changed_code(rule, old, new, output):
    """Which modules differ, where the records of both fingerprints are known."""
    reason = {"kind": "code", "old": None if old is _MISSING else old, "new": new}
    reason |= {"changed": None, "added": None, "removed": None}
    stage = next((f"mimic.{step}.{name}" for step, name in all_stages() if name == rule), None)
    before, now = (read_record(output, value) for value in (old, new))
    if now is None and stage is not None and fingerprint.of_stage(stage) == new:
        now = _parts(fingerprint.record_of(stage))
    if before is not None and now is not None:
        reason["changed"] = sorted(name for name in before.keys() & now.keys() if before[name] != now[name])
        reason["added"] = sorted(now.keys() - before.keys())
        reason["removed"] = sorted(before.keys() - now.keys())
    return reason


def _parts(record):
    tables = {f"table {path}": digest for path, digest in record["tables"].items()}
    return record["modules"] | tables


def read_record(output, value):
    """Digests of the parts of a fingerprint, or None where no sound record of it is kept.

    Parameters
    ----------
    output : path
    value : str
        The fingerprint; anything else has no record.

    Returns
    -------
    dict of str to str
        By module, or by ``table`` and its path.
    """
    if not isinstance(value, str) or not _is_fingerprint(value):
        return None
    try:
        record = read_json(Path(output, "fingerprints", f"{value}.json"), fingerprint.FORMAT)
        if fingerprint.digest_of(record["modules"], record["tables"]) != value:
            return None
        return _parts(record)
    except (InputError, OSError, KeyError, TypeError, AttributeError):
        return None
