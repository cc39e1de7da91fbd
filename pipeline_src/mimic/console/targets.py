"""Targets that no rule makes: one line with the nearest names, where Snakemake would end in an exception."""

import difflib
import os
import sys
from pathlib import Path

#: As many neighbours are named.
MAX_NAMED = 3
#: How alike a name must be, from 0 to 1.
LIKENESS = 0.75


def asked_for(argv):
    """Targets of a command line of Snakemake's; none where it asks for no files, or is another program's.

    Parameters
    ----------
    argv : list of str
        With the program's name.

    Returns
    -------
    list of str
    """
    program = Path(argv[0])
    if "snakemake" not in (program.name, program.parent.name):
        return []
    from snakemake.cli import get_argument_parser

    try:
        args, _ = get_argument_parser().parse_known_args(argv[1:])
    except SystemExit:
        return []
    no_files = (args.lint, args.list_rules, args.list_target_rules, args.default_storage_provider)
    return [] if any(no_files) else [target for target in args.targets if "://" not in target]


def check_targets(workflow, config, is_shared):
    """The refusal of the first target of the command line that no rule makes, or None.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        All of its rules read.
    config : mimic.config.whole.Config
    is_shared : bool
        Students learn from an unpacked file's targets.

    Returns
    -------
    str or None
    """
    for target in asked_for(sys.argv):
        if workflow.is_rule(target):
            if workflow.get_rule(target).has_wildcards():
                return rule_with_wildcards(target, config, is_shared)
        elif not any(rule.is_producer(os.path.normpath(target)) for rule in workflow.rules):
            return refusal(target, known_names(workflow.rules, config, is_shared), config, workflow.basedir)
    return None


def known_names(rules, config, is_shared):
    """Files that rules make for a config, and the rules that may be asked for by name.

    Parameters
    ----------
    rules : iterable of snakemake.rules.Rule
    config : mimic.config.whole.Config
    is_shared : bool

    Returns
    -------
    list of str
    """
    from mimic.status.jobs import plan_of

    names = [str(file) for rule in rules if not rule.has_wildcards() for file in (rule.name, *rule.output)]
    names += [file for job in plan_of(config, is_shared).jobs for file in job.outputs]
    return list(dict.fromkeys(names))


def rule_with_wildcards(rule, config, is_shared):
    """One line on a rule that makes many files, none of which was named."""
    from mimic.status.jobs import plan_of

    files = [file for job in plan_of(config, is_shared).jobs if job.rule == rule for file in job.outputs]
    example = f", such as {files[0]}" if files else ""
    return f"{rule}: this rule makes a file for each of many jobs; name one of them{example}"


def refusal(target, names, config, folder):
    """One line: what is wrong with a target, and which names are near.

    Parameters
    ----------
    target : str
        That no rule makes.
    names : list of str
        Files and rules that there are.
    config : mimic.config.whole.Config
    folder : path
        Of the Snakefile; presets are looked for below it.

    Returns
    -------
    str
    """
    path = os.path.relpath(target) if os.path.isabs(target) else os.path.normpath(target)
    shown = target if target.isprintable() else repr(target)
    elsewhere = _config_of(path, config.output, folder)
    if elsewhere:
        return f"{shown}: this config writes to {config.output}; {elsewhere}"
    if path in names:
        return f"{shown}: name it as the rules do: {path}"
    below = [name for name in names if name.startswith(f"{path}/")]
    if below:
        return f"{shown}: is a folder, of {len(below):,} files; name a file, such as {below[0]}"
    near = nearest(path, names, config.output)
    if near:
        return f"{shown}: no rule makes it; did you mean {_either(near)}?"
    return f"{shown}: no rule makes it; files lie in {config.output}/, `snakemake --list` names the rules"


def _config_of(path, output, folder):
    """Which config has the results that a path belongs to, in words, where it is not the config at hand."""
    from mimic.console.overlays import outputs_of_presets

    presets = outputs_of_presets(folder)
    fits = [where for where in (output, *presets) if path == where or path.startswith(f"{where}/")]
    longest = max(fits, key=len, default=output)  # results/demo is below results
    if longest == output:
        return None
    if Path(presets[longest]).name == "config.yaml":
        return f"leave out --configfile for {longest}"
    return f"name the overlay that writes there: --configfile {presets[longest]}"


def nearest(path, names, output):
    """Names that are most like a path: the same or a like file of the results first, then a like path.

    Parameters
    ----------
    path : str
    names : list of str
    output : str
        The config's.

    Returns
    -------
    list of str
        At most `MAX_NAMED`, the likest first.
    """
    if f"{output}/{path}" in names:
        return [f"{output}/{path}"]
    if "/" not in path:
        by_end = {}
        for name in names:
            by_end.setdefault(os.path.basename(name), []).append(name)
        if 0 < len(by_end.get(path, [])) <= MAX_NAMED:
            return by_end[path]
        return [by_end[end][0] for end in _alike(path, by_end)]
    first = path.split("/", 1)[0]
    tails = {name[name.find(f"/{first}/") + 1 :]: name for name in names if f"/{first}/" in name}
    return (
        _alike(path, names)
        or _alike(f"{output}/{path}", names)
        or [tails[tail] for tail in _alike(path, tails, 0.5)]
        or _same_beginning(path, names)
    )


def _alike(text, names, least=LIKENESS):
    """Those that are like a text, and about as much so as the likest."""
    near = difflib.get_close_matches(text, names, MAX_NAMED, least)
    ratios = [difflib.SequenceMatcher(None, name, text).ratio() for name in near]
    return [name for name, ratio in zip(near, ratios, strict=True) if ratio >= ratios[0] - 0.04]


def _same_beginning(path, names):
    """The first names below the deepest folder that a path shares with any."""
    parts = path.split("/")
    for length in range(len(parts) - 1, 1, -1):
        beginning = "/".join(parts[:length]) + "/"
        found = [name for name in names if name.startswith(beginning)]
        if found:
            return found[:MAX_NAMED]
    return []


def _either(names):
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
