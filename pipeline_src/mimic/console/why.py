"""``mimic why``: in words, why a file would be made again, or that it would not."""

import json
import textwrap
import time
from pathlib import Path

from mimic.console.plan import plan, shortened
from mimic.console.reasons import reasons_of

WIDTH = 100
#: Longest value that is shown, in characters.
MAX_VALUE = 34
#: More files or modules than this are counted, not named.
MAX_NAMED = 3
LOCKED = (
    "note: the folder is locked. A run is at work in it (see mimic status), and files that it makes just now "
    "are told as unfinished; or it was killed: snakemake --unlock"
)


def explain(targets, snakefile=None, directory=None, configfiles=(), as_json=False):
    """Print why targets would be made again, or that they are up to date.

    Parameters
    ----------
    targets : sequence of str
        Files, folders or rules; none for the workflow's default.
    snakefile, directory : str, optional
    configfiles : sequence of str
    as_json : bool
        Machine-readable.

    Raises
    ------
    InputError
        In one line, where the workflow cannot be planned.
    """
    planned = plan(targets, snakefile, directory, configfiles)
    output = Path(directory or ".", planned["output"] or ".")
    reasons = [reasons_of(job, output) for job in planned["jobs"]]
    if as_json:
        print(json.dumps(_answer(planned, reasons), indent=1))
        return
    if planned["locked"]:
        print("\n".join(_wrapped(LOCKED, "")))
    told = [_worth_telling(found) for found in reasons]
    for name in planned["targets"]:
        print("\n".join(_paragraph(name, planned, told)))


def _worth_telling(reasons):
    """All reasons; but where nothing was made yet, that earlier jobs run too goes without saying."""
    return [reason for reason in reasons if reason["kind"] != "follows"] if _is_new(reasons) else reasons


def _answer(planned, reasons):
    """What ``--json`` prints: targets with their state, jobs with their reasons."""
    targets = {
        name: {
            "rule": target["rule"],
            "up_to_date": not _jobs_of(target, planned),
            "files": {file: planned["files"][file] for file in target["files"]},
        }
        for name, target in planned["targets"].items()
    }
    keys = ("rule", "wildcards", "outputs")
    jobs = [
        {**{key: job[key] for key in keys}, "reasons": found}
        for job, found in zip(planned["jobs"], reasons, strict=True)
    ]
    return {"locked": planned["locked"], "targets": targets, "jobs": jobs}


def _jobs_of(target, planned):
    """Jobs that would make a target's files, by their indices."""
    places = [planned["files"][file]["job"] for file in target["files"]]
    return list(dict.fromkeys(place for place in places if place is not None))


def _paragraph(name, planned, reasons):
    """Lines on one target: its own jobs first, then those that they wait for."""
    target, jobs = planned["targets"][name], planned["jobs"]
    first = _jobs_of(target, planned)
    if not first:
        return [*_wrapped(f"{name}: up to date; {_made(target, planned)}", "")]
    files = target["files"]
    again = sum(planned["files"][file]["job"] is not None for file in files)
    if len(files) == 1:
        head = f"{name} would be made {_again(first, reasons)}:"
    elif again == len(files):
        head = f"{name}: its {again} files would be made {_again(first, reasons)}:"
    else:
        head = f"{name}: {again} of its {len(files)} files would be made {_again(first, reasons)}:"
    lines = [*_wrapped(head, "")]
    for group in _groups(first, jobs, reasons):
        lines += _wrapped(_title([jobs[place] for place in group]), "  ")
        for reason in _together(group, reasons):
            for text in _words(reason, group, jobs):
                lines += _wrapped(f"- {text}", "    ")
    return lines


def _together(group, reasons):
    """Reasons of the jobs of a group, which are the same but for the names of files."""
    for same in zip(*(reasons[place] for place in group), strict=True):
        reason = dict(same[0])
        if "files" in reason:
            reason["files"] = sorted({file for one in same for file in one["files"]})
        yield reason


def _wrapped(text, indent):
    # names and values come from files: nothing of them may steer the terminal
    return textwrap.wrap(
        "".join(sign if sign.isprintable() else " " for sign in text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def _is_new(reasons):
    return any(reason["kind"] == "missing" and reason["all"] and not reason["made"] for reason in reasons)


def _again(places, reasons):
    return "for the first time" if all(_is_new(reasons[place]) for place in places) else "again"


def _made(target, planned):
    """When and by which rule an existing target was made."""
    records = [planned["files"][file] for file in target["files"]]
    rules = sorted({record["rule"] for record in records if record["rule"]})
    if not rules:
        return (
            "there is no record of how it was made, so that changes of the config or the code go unnoticed "
            "(copied here, or no rule makes it)"
        )
    made = _date(max(record["made_at"] or 0 for record in records))
    files = "made" if len(records) == 1 else f"{len(records)} files, the last one made"
    return f"{files} {made} by {_listed(rules)}"


def _date(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _groups(first, jobs, reasons):
    """Jobs of one rule and with the same reasons together, in the order in which they cause each other."""
    waiting, seen, groups = list(first), set(), {}
    while waiting:
        place = waiting.pop(0)
        if place in seen:
            continue
        seen.add(place)
        waiting += jobs[place]["needs"]
        groups.setdefault((jobs[place]["rule"], _shared(reasons[place], jobs)), []).append(place)
    return list(groups.values())


def _shared(reasons, jobs):
    """What two jobs of a rule must share to be told in one line: all reasons, but for the names of files."""
    words = []
    for reason in reasons:
        if reason["kind"] == "follows":
            words.append(sorted({jobs[place]["rule"] for place in reason["jobs"]}))
        elif reason["kind"] == "missing":
            words.append([reason["all"], reason["made"], [] if reason["all"] else _names(reason["files"])])
        elif "files" in reason:
            words.append([reason["kind"], _names(reason["files"])])
        else:
            words.append(reason)
    return json.dumps(words, sort_keys=True, default=str)


def _title(jobs):
    """``train_student: 48 trials of cnn2-1M``."""
    rule = jobs[0]["rule"]
    values = {
        name: list(dict.fromkeys(job["wildcards"][name] for job in jobs)) for name in jobs[0]["wildcards"]
    }
    studies = values.pop("study", None) or values.pop("study_folder", [])
    of = [study.removeprefix("students/") for study in studies]
    of = _listed(of) if len(of) <= MAX_NAMED else f"{len(of)} studies"
    if not values:
        return f"{rule}: {of}" if studies else rule
    if len(jobs) == 1:
        what = ", ".join(f"{name} {value}" for name, (value,) in values.items())
    else:
        what = f"{len(jobs):,} {next(iter(values)) if len(values) == 1 else 'job'}s"
    return f"{rule}: {what} of {of}" if studies else f"{rule}: {what}"


def _words(reason, group, jobs):
    """A reason in words, one string or more."""
    kind = reason["kind"]
    if kind == "missing":
        yield _missing(reason)
    elif kind == "incomplete":
        yield f"a killed run left {_files(reason['files'], 'file')} unfinished"
    elif kind == "config":
        yield f"{reason['key']}: {_value(reason['old'])} -> {_value(reason['new'])}"
    elif kind == "code":
        yield _code(reason)
    elif kind == "command":
        yield "the command line of the rule was edited"
    elif kind == "inputs":
        if reason["added"]:
            yield f"it reads {_files(reason['added'], 'file')} that it did not read before"
        if reason["removed"]:
            yield f"it no longer reads {_files(reason['removed'], 'file')}"
    elif kind == "newer":
        verb = "is" if len(reason["files"]) == 1 else "are"
        yield f"{_files(reason['files'], 'input')} {verb} newer than what was made from it"
    elif kind == "software":
        yield "the rule's environment changed"
    elif kind == "follows":
        places = {place for member in group for place in jobs[member]["needs"]}
        counts = {}
        for place in sorted(places):
            counts[jobs[place]["rule"]] = counts.get(jobs[place]["rule"], 0) + 1
        named = [rule if n == 1 else f"{rule} ({n:,} jobs)" for rule, n in counts.items()]
        yield f"its inputs are made anew by {_listed(named, 8)}"


def _missing(reason):
    if reason["all"]:
        return "its outputs were deleted" if reason["made"] else "not made yet"
    names = sorted(set(_names(reason["files"])))
    return f"{_listed(names)} {'is' if len(names) == 1 else 'are'} missing"


def _names(files):
    return [Path(file).name for file in files]


def _files(files, word):
    if len(files) <= MAX_NAMED:
        return _listed(files)
    return f"{len(files)} {word}s ({files[0]} and others)"


def _listed(names, most=MAX_NAMED):
    """``a, b and c``, or the first ones and how many more."""
    names = list(names)
    if len(names) < 2:
        return "".join(names)
    if len(names) > most:
        names = [*names[:most], f"{len(names) - most:,} more"]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _value(value):
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = value if isinstance(value, str) else json.dumps(value)
    return shortened(text, MAX_VALUE)


def _code(reason):
    if reason["changed"] is None:
        old, new = reason["old"] or "none", reason["new"]
        return f"code: changed, fingerprint {old} -> {new}; which modules was not recorded"
    parts = [
        f"{_listed(reason[key])} {words}"
        for key, words in (("changed", "changed"), ("added", "added"), ("removed", "no longer imported"))
        if reason[key]
    ]
    return f"code: {'; '.join(parts)}"
