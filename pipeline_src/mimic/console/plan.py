"""What Snakemake would run for some targets, with what it recorded when it made them last.

A dry run in a process of its own, so that nothing of it (working folder, logging, the workflow's imports)
stays in ours. Snakemake prints its reasons as text in which parameters have no names, and says nothing of
changes in jobs that run anyway because an earlier one does; so the child reads them from Snakemake's own
objects, and writes JSON. It writes nothing else but what a dry run writes.

A plan is a dict:

=============  =====================================================================================
output         the config's key ``output``
locked         a run is at work on some of these files, or was killed
targets        name as given -> what it stands for: {"rule": name or None, "files": [path, ...]}
files          target file -> {"job": index into jobs or None, "rule", "made_at"}: the job that would make it,
               the rule and the time that are recorded (None without a record); seconds since 1970
jobs           jobs that would run: {"rule", "wildcards", "inputs", "outputs", "params" (name -> repr),
               "command" (the rule's, with its braces), "reason", "needs" (indices of jobs), "record"}
=============  =====================================================================================

``reason`` has ``none`` (true where no output is there), the lists of files ``missing`` (needed and not
there), ``incomplete`` and ``newer`` (changed since the outputs were made), and ``software`` (true where the
rule's environment changed). ``record`` is what Snakemake kept when the outputs were made, or None: ``rule``,
``code`` (the command with its braces), ``input``, ``params`` (reprs, sorted and without names). ``inputs``
and ``params`` are None where a checkpoint must run first.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from mimic.cli import InputError

#: Longest message of Snakemake that is passed on, in characters.
MAX_MESSAGE = 240


def plan(targets, snakefile=None, directory=None, configfiles=()):
    """Plan targets in a child process.

    Parameters
    ----------
    targets : sequence of str
        Files, folders (all files below them that the default target needs) or rules; none for the default.
    snakefile, directory : str, optional
        As Snakemake's options.
    configfiles : sequence of str

    Returns
    -------
    dict
        See the module's docstring.

    Raises
    ------
    InputError
        In one line, where Snakemake cannot plan them: an unknown target, a broken workflow or config, a lock.
    """
    for path in configfiles:
        check_config(path)
    if directory is not None and not Path(directory).is_dir():
        raise InputError(f"{directory}: no such folder; give the run's by --directory")
    request = {
        "targets": list(targets),
        "snakefile": snakefile,
        "directory": directory,
        "configfiles": list(configfiles),
    }
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "plan.json"
        command = [sys.executable, "-m", "mimic.console.plan", json.dumps(request), str(answer)]
        run = subprocess.run(command, capture_output=True, text=True)
        if not answer.exists():
            raise InputError(_one_line(run.stdout + run.stderr))
        value = json.loads(answer.read_text(encoding="utf-8"))
    if "error" in value:
        raise InputError(value["error"])
    return value


def check_config(path):
    """Refuse what is no YAML file by its name: Snakemake's message has none."""
    if not Path(path).is_file():
        hint = "presets are workflow/presets/*.yaml"
        if Path(path).name == "config.yaml":
            hint = "run this beside the Snakefile, or name it (--snakefile, --config)"
        raise InputError(f"{path}: no such config file; {hint}")
    try:
        value = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(value, dict):
        raise InputError(
            f"{path}: expected keys of config.yaml, got {type(value).__name__}; --configfile takes "
            "all names that follow it: write targets before it"
        )


def _one_line(printed):
    """The workflow's own error line, or what was printed last."""
    lines = [line for line in printed.splitlines() if line.strip()]
    ours = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return _joined((ours or lines[-1:] or ["Snakemake ended without a word"])[:1])


def _joined(lines):
    """One line of many, no longer than `MAX_MESSAGE`."""
    lines = [" ".join(line.split()) for line in lines]
    text = " ".join(line for line in lines if line not in ("", "None", "Error:", "WorkflowError:"))
    text = text.removeprefix("Error: ").split(" Traceback:")[0]
    return text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE - 3]}..."


def shortened(text, limit):
    """Text of at most `limit` characters, its middle left out where it is longer."""
    if len(text) <= limit:
        return text
    half = (limit - 3) // 2
    return f"{text[:half]}...{text[len(text) - half :]}"


def _order(job):
    return job.rule.name, list(map(str, job.output))


class _Planner:
    """Snakemake's dry run of one request; lives in the child."""

    def __init__(self, request):
        self.request = request

    def run(self):
        """The plan, or {"error": one line}."""
        from snakemake.exceptions import MissingRuleException

        named, files_of = {}, None
        try:
            for target in self.request["targets"]:
                if self._is_folder(target):
                    files_of = files_of or self._outputs_of_default()
                    named[target] = self._below(target, files_of)
                else:
                    named[target] = [self._relative(target)]
            return self._plan(named)
        except MissingRuleException as error:
            return {"error": self._unknown(error.args[0].removeprefix("No rule to produce ").split(" (")[0])}
        except InputError as error:
            return {"error": str(error)}
        except Exception as error:
            # whatever the workflow, its config or Snakemake raise: their message is the answer
            return {"error": self._message(error)}

    def _unknown(self, target):
        """What the workflow itself says of a target that no rule makes."""
        from mimic.config.whole import load
        from mimic.console.targets import known_names, refusal
        from mimic.shared.places import Unpacked

        try:
            config = load(self.workflow.config)
        except InputError:  # a workflow of another kind
            return f"no rule makes {target}"
        is_shared = config.shared.pack is not None or Unpacked.in_results(config.output).marker.exists()
        names = known_names(self.workflow.rules, config, is_shared)
        return refusal(target, names, config, self.workflow.basedir)

    def _message(self, error):
        from snakemake.exceptions import format_exception_to_string

        store = getattr(self, "workflow", None)
        text = format_exception_to_string(error, store.linemaps if store else {})
        lines = text.strip().splitlines()
        return _joined(lines[-1:] if lines[0].startswith("Traceback") else lines)

    def _relative(self, target):
        """A target as rules name it: relative to the working folder, also where it was given whole."""
        folder = Path(self.request["directory"] or ".").resolve()
        path = Path(target)
        if path.is_absolute() and path.is_relative_to(folder):
            path = path.relative_to(folder)
        return str(path)

    def _is_folder(self, target):
        path = Path(self.request["directory"] or ".", self._relative(target))
        return (
            target.endswith("/") or path.is_dir() or ("/" in target and not path.suffix and not path.exists())
        )

    def _build(self, targets, use):
        """Plan targets as a dry run does, and return what `use` makes of the workflow."""
        from snakemake.api import SnakemakeApi
        from snakemake.settings.enums import Quietness
        from snakemake.settings.types import (
            ConfigSettings,
            DAGSettings,
            OutputSettings,
            ResourceSettings,
        )

        request = self.request
        quiet = {Quietness.RULES, Quietness.PROGRESS}
        with SnakemakeApi(OutputSettings(dryrun=True, quiet=quiet, nocolor=True)) as api:
            workflow_api = api.workflow(
                resource_settings=ResourceSettings(cores=1),
                config_settings=ConfigSettings(configfiles=[Path(path) for path in request["configfiles"]]),
                snakefile=Path(request["snakefile"]) if request["snakefile"] else None,
                workdir=Path(request["directory"]) if request["directory"] else None,
            )
            self.workflow = workflow_api._workflow
            # what a killed run left half made is made again: explained, not refused as `snakemake -n` does
            settings = DAGSettings(targets=set(targets), force_incomplete=True)
            workflow_api.dag(dag_settings=settings).execute_workflow(executor="dryrun")
            return use(self.workflow)

    def _outputs_of_default(self):
        return self._build([], lambda workflow: {str(f) for job in workflow.dag.jobs for f in job.output})

    def _below(self, target, files):
        folder = self._relative(target).rstrip("/")
        found = sorted(file for file in files if file == folder or file.startswith(f"{folder}/"))
        if not found and folder != ".":
            raise InputError(self._unknown(target))
        return found or sorted(files)

    def _plan(self, named):
        targets = [file for files in named.values() for file in files]
        return self._build(targets, lambda workflow: self._described(workflow, named))

    def _described(self, workflow, named):
        dag = workflow.dag
        # in an order of their own: that of Snakemake's sets changes from run to run
        jobs = sorted((job for job in dag.jobs if dag.needrun(job)), key=_order)
        place = {job: index for index, job in enumerate(jobs)}
        makers = {str(file): job for job in dag.jobs for file in job.output}
        persistence = workflow.persistence
        if not named:
            named = {workflow.default_target: [workflow.default_target]}
        targets, files = {}, {}
        for name, members in named.items():
            rule = members[0] if workflow.is_rule(members[0]) else None
            if rule:
                job = next(job for job in dag.jobs if job.rule.name == rule)
                members = [str(file) for file in job.output or job.input]
            targets[name] = {"rule": rule, "files": members}
            for file in members:
                maker = makers.get(file)
                record = self._record_of(persistence, maker.output if maker else [])
                files[file] = {
                    "job": place.get(maker),
                    "rule": record and record.rule,
                    "made_at": record and record.endtime,
                }
        return {
            "output": workflow.config.get("output"),
            "locked": persistence.locked,
            "targets": targets,
            "files": files,
            "jobs": [self._describe(job, workflow, place, files) for job in jobs],
        }

    def _record_of(self, persistence, outputs):
        """The record of the first output that has one."""
        return next(filter(None, (persistence.metadata(file) for file in outputs)), None)

    def _describe(self, job, workflow, place, targets):
        dag, persistence = workflow.dag, workflow.persistence
        reason = dag.reason(job)
        # nothing else is forced here: see `force_incomplete`
        incomplete = workflow.async_run(persistence.incomplete(job)) if reason.forced else []
        # Snakemake looks for a target's files only where it has no other reason yet
        asked = {str(file) for file in job.output if str(file) in targets and not Path(file).exists()}
        record = self._record_of(persistence, job.output)
        # before a checkpoint has run, what depends on it is not known: nothing to compare
        known = not any(file.flags.get("checkpoint_target") for file in job.input)
        return {
            "rule": job.rule.name,
            "wildcards": dict(job.wildcards_dict or {}),
            "inputs": sorted(map(str, job.input)) if known else None,
            "outputs": list(map(str, job.output)),
            "params": {name: repr(value) for name, value in job.params.items()} if known else None,
            "command": job.rule.shellcmd,
            "reason": {
                "none": not any(Path(file).exists() for file in job.output),
                "missing": sorted(asked | set(map(str, reason.missing_output))),
                "incomplete": sorted(map(str, incomplete)),
                "newer": sorted(map(str, reason.updated_input - reason.updated_input_run)),
                "software": bool(reason.software_stack_changed),
            },
            "needs": sorted(place[other] for other in dag.dependencies[job] if other in place),
            "record": record
            and {"rule": record.rule, "code": record.code, "input": record.input, "params": record.params},
        }


if __name__ == "__main__":
    _plan = _Planner(json.loads(sys.argv[1])).run()
    Path(sys.argv[2]).write_text(json.dumps(_plan), encoding="utf-8")
