"""What a rehearsal takes a cluster to be: every overhead is a key here, in seconds unless it says otherwise.

Defaults were measured, or are documented defaults of Slurm 22.05, Snakemake 9.27 and its Slurm plugin 2.8,
as the keys say. What depends on a cluster and its other users (failures, preemption, a queue) is 0 unless
given; a rehearsal without them is one of an idle cluster that never fails.
"""

from pathlib import Path

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from mimic.cli import InputError, validation_message
from mimic.config.base import Settings
from mimic.rehearsal.jobs import RULES


class Queue(Settings):
    """Seconds from a submission until Slurm would start the job on a free GPU: lognormal."""

    median: float = Field(3.0, ge=0, strict=False, description="Slurm's batch_sched_delay is 3 by default")
    spread: float = Field(
        0.0, ge=0, le=5, strict=False, description="Sigma of the logarithm; 0: always alike"
    )


class ClusterSettings(Settings):
    """A cluster, Snakemake's profile for it, and how its jobs fare."""

    gpu_rules: tuple[str, ...] | None = Field(
        None,
        strict=False,
        description="Rules that are submitted; the others run beside Snakemake. null: train_teacher, "
        "train_student, record_logits, and generate_epochs where pixels are stored",
    )
    slowdown: tuple[float, ...] = Field(
        (1.0,),
        min_length=1,
        strict=False,
        description="How many times longer a trial takes with 1, 2, ... of them on a GPU; as many as fit",
    )
    cpus: int | None = Field(None, ge=1, description="Cores for submitted jobs; null: as many as needed")
    cpus_per_job: int = Field(1, ge=1, description="Cores a submitted job takes: the rules ask for one")
    local_cores: int = Field(2, ge=1, description="Snakemake's --local-cores, a job of a light rule a core")
    jobs: int | None = Field(None, ge=1, description="Snakemake's --jobs: submitted at once; null: no limit")

    plan_seconds: float = Field(
        5.7, ge=0, strict=False, description="Until Snakemake's first job: 5.7 measured at the paper's size"
    )
    replan_seconds: float = Field(
        0.0,
        ge=0,
        strict=False,
        description="After the checkpoint select_ensemble: not noticeable in the demo",
    )
    submit_seconds: float = Field(0.1, ge=0, strict=False, description="A call of sbatch; not measured")
    array_limit: int = Field(40, ge=1, description="Jobs an array, as in the profile; 1: no arrays")
    queue: Queue = Queue()
    start_seconds: float = Field(
        3.9,
        ge=0,
        strict=False,
        description="In a job before its stage, two starts of Snakemake: measured, two jobs on two cores",
    )
    release_seconds: float = Field(
        2.5,
        ge=0,
        strict=False,
        description="From the end of a stage until its GPU can be given away: measured likewise",
    )
    init_seconds: float = Field(
        10.0,
        ge=0,
        strict=False,
        description="slurm-init-seconds-before-status-checks, as in the profile; 0: ends are seen at once, "
        "as without a cluster",
    )
    poll_step_seconds: float = Field(10.0, ge=0, strict=False, description="A poll in vain adds so much")
    poll_max_seconds: float = Field(180.0, gt=0, strict=False, description="Polls are never rarer")

    failures_per_gpu_hour: float = Field(0.0, ge=0, strict=False, description="Jobs that end with an error")
    preemptions_per_gpu_hour: float = Field(0.0, ge=0, strict=False, description="Jobs that Slurm requeues")
    requeue_seconds: float = Field(
        120.0, ge=0, strict=False, description="Before Slurm starts a requeued job: AuthInfo's cred_expire"
    )
    retries: int = Field(3, ge=0, description="Snakemake's --retries: of failures and time limits")
    time_limit_seconds: float | None = Field(None, gt=0, strict=False, description="Of a job; null: none")
    checkpoint_seconds: float = Field(20.0, gt=0, strict=False, description="MIMIC_CHECKPOINT_SECONDS")
    save_seconds: float = Field(
        0.0, ge=0, strict=False, description="A checkpoint takes; they take at most 1 % of the time"
    )
    saves_when_terminated: bool = Field(
        True, description="A job at its time limit saves before it ends: it gets SIGTERM 30 s before the end"
    )
    saves_when_preempted: bool = Field(
        False, description="Whether preempted jobs do: only where the partition has a GraceTime"
    )

    @field_validator("gpu_rules")
    @classmethod
    def _known(cls, rules):
        unknown = sorted(set(rules or ()) - set(RULES))
        if unknown:
            raise ValueError(f"the workflow has no rule {unknown[0]}")
        return rules

    @model_validator(mode="after")
    def _slower_together(self):
        if min(self.slowdown) < 1 or list(self.slowdown) != sorted(self.slowdown):
            raise ValueError(f"slowdown: expected factors from 1 upwards, got {list(self.slowdown)}")
        return self

    @property
    def checkpoint_interval_seconds(self):
        """Between two checkpoints: at most a hundredth of the time is spent on them."""
        return max(self.checkpoint_seconds, 100 * self.save_seconds)

    def submits(self, rule, config):
        """Whether jobs of a rule go to the cluster."""
        if self.gpu_rules is not None:
            return rule in self.gpu_rules
        if rule == "generate_epochs":
            return config.epochs.store == "pixels"
        return rule in ("train_teacher", "train_student", "record_logits")

    def gpus_worth(self):
        """How many trials' work a GPU does in the time of one, at best."""
        return max(together / factor for together, factor in enumerate(self.slowdown, start=1))


def read_cluster(path=None, changes=()):
    """Settings from a YAML or JSON file and from the command line.

    Parameters
    ----------
    path : path, optional
    changes : sequence of str
        ``KEY=VALUE``, with a value in YAML; ``queue.median=30`` for a key of a key.

    Raises
    ------
    InputError
        In one line: the file or option, the key, what was given.
    """
    values = {}
    if path is not None:
        try:
            values = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
        if not isinstance(values, dict):
            raise InputError(f"{path}: expected keys of a cluster, got {type(values).__name__}")
    for change in changes:
        key, sign, text = change.partition("=")
        if not sign:
            raise InputError(f"--set: expected KEY=VALUE, got {change!r}")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise InputError(f"--set {key}: expected a value in YAML, got {text!r}") from None
        first, dot, second = key.partition(".")
        if not dot:
            values[first] = value
        elif isinstance(values.setdefault(first, {}), dict):
            values[first][second] = value
        else:
            raise InputError(f"--set {key}: {first} has no keys")
    try:
        return ClusterSettings.model_validate(values)
    except ValidationError as error:
        raise InputError(validation_message(error, str(path) if path and not changes else "--set")) from None
