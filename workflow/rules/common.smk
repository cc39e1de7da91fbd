# Helpers of the rules: the checked config, paths, fingerprints, who reads what. No rules here.
# Imports no torch: this file is read at the start of every job on a cluster.

import difflib
import functools
import gc
import importlib.metadata
import os
import platform
import shlex
import sys
from pathlib import Path

from mimic import fingerprint as code
from mimic.artifact import read_json, write_json
from mimic.cli import InputError
from mimic.config.data import WHEREABOUTS
from mimic.config.whole import load
from mimic.data.check import check_source, count_classes, missing_data_message
from mimic.data.contents import digest_of_images
from mimic.data.store import read_dataset_header
from mimic.ensemble.store import read_members
from mimic.shared.places import Unpacked
from mimic.students.families import check_studies, studies_of, study_settings

# A plan is a great many objects that stay, and Python's search for cycles goes through them again and again: a
# fifth of the time of the paper's plan. Leave out what is imported by now, and search a hundredth as often.
gc.freeze()
gc.set_threshold(100_000, 10, 10)

# Jobs run with the Python that runs Snakemake, whether or not its environment is activated.
shell.prefix(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"; ')


def stop(message):
    """End with one line, before any job starts."""
    sys.exit(f"error: {message}")


def check_shared_cache():
    """Refuse a between-workflow cache that Snakemake would stumble over, hours later, at the end of a job."""
    name = "SNAKEMAKE_OUTPUT_CACHE"
    place = os.environ.get(name, "")
    if "://" in place:
        return
    # Outputs become links into the cache: a relative one would lead nowhere from their folder.
    if not os.path.isabs(place):
        raise InputError(
            f"--cache: expected the absolute path of a folder in {name}, got {place!r}; export {name}=/path"
        )
    if not os.path.isdir(place) or not os.access(place, os.W_OK):
        raise InputError(
            f"--cache: {name}: expected a folder that may be written to, got {place!r}; make it first"
        )


try:
    CONFIG = load(config)
    check_studies(CONFIG.students, count_classes(CONFIG.data))
    # Asked for by --cache; said of the rules only then, since Snakemake warns of each that could be cached.
    SHARED_CACHE = workflow.enable_cache
    if SHARED_CACHE:
        check_shared_cache()
except (InputError, OSError) as error:
    stop(error)

OUT = CONFIG.output
# Students learn from another run's targets where these were unpacked, or where the config names them.
UNPACKED = Unpacked.in_results(OUT)
SHARED = CONFIG.shared.pack is not None or UNPACKED.marker.exists()
SHARED_SPLIT = [str(UNPACKED.split)] if SHARED else []
DATASET = str(UNPACKED.dataset) if SHARED else f"{OUT}/data/dataset.h5"
TARGETS = str(UNPACKED.targets) if SHARED else f"{OUT}/logits/targets.h5"
MEMBERS = str(UNPACKED.members) if SHARED else f"{OUT}/ensemble/members.json"
TEACHERS = str(UNPACKED.teachers) if SHARED else f"{OUT}/teachers/trials.csv"
SEED = CONFIG.seed
MISSING_DATA = []  # what is absent of the images that the plan needs
STAGES = []  # those that the rules execute, in the order in which these are read
STUDIES = {study.name: study for study in studies_of(CONFIG.students)}
TRIAL_FILES = {
    "metrics": "metrics.json",
    "history": "history.csv",
    "weights": "weights.safetensors",
    "predictions": "predictions.h5",
}


@functools.cache
def digest_of_source():
    """Digest of the images of the config's source; memory of an image folder's lies with Snakemake's own."""
    return digest_of_images(CONFIG.data, Path(".snakemake", "mimic", "images.json"))


def dataset_is_current():
    """Whether dataset.h5 was made with these settings and from these images."""
    dataset = Path(DATASET)
    if not dataset.exists():
        return False
    try:
        _, provenance = read_dataset_header(dataset)
        return (
            provenance.get("settings") == CONFIG.data.model_dump(exclude=set(WHEREABOUTS))
            and provenance.get("seed") == SEED
            and provenance.get("sources", {}).get("images") == digest_of_source()
        )
    except InputError:
        return False


@functools.cache
def check_images():
    """Refuse images that cannot be used; say which are missing, once, and keep what was said.

    Counts and classes are looked at each time, images decoded only before they are prepared: Snakemake
    deletes the outputs of a job before it runs, so a mistake must not get as far as that.
    """
    current = dataset_is_current()
    try:
        check_source(CONFIG.data, decode=not current)
    except (InputError, OSError) as error:
        stop(error)
    message = None if current else missing_data_message(CONFIG.data)
    if message:
        MISSING_DATA.append(message)
        print(f"note: {message}", file=sys.stderr)


def split_of_dataset(wildcards):
    """An unpacked file's split, for the dataset; looks at the images where a job of the plan needs them.

    An input and no param: inputs are known before any job starts, whatever Snakemake was told to compare. Only
    where Snakemake was started, not again in each of its jobs.
    """
    if workflow.is_main_process:
        check_images()
    return SHARED_SPLIT


def is_unpacked(digest):
    """Whether all of the pack with this digest lies in the results already."""
    if digest is None or not all(path.exists() for path in UNPACKED.all()):
        return False
    try:
        return read_json(UNPACKED.marker, "mimic.shared").get("pack") == digest
    except (InputError, OSError):
        return False


def fingerprint(stage):
    """Fingerprint of the code that a stage executes; passed in params, since Snakemake sees no edit there."""
    STAGES.append(stage)
    return code.of_stage(stage)


def record_fingerprints():
    """Keep what each fingerprint is made of, for `mimic why` after an edit.

    A file is named by its fingerprint, which is the digest of its content: none is ever changed.
    """
    for stage in STAGES:
        path = Path(OUT, "fingerprints", f"{code.of_stage(stage)}.json")
        try:
            if not path.exists():
                write_json(path, code.record_of(stage))
        except OSError as error:
            stop(error)


def as_json(settings, **selection):
    """A section of the config as one line of JSON, for a rule's params.

    A function, not a string: Snakemake would look for wildcards between the braces of a string.
    """
    text = settings.model_dump_json(**selection)
    return lambda wildcards: text


def config_of_results(wildcards):
    """The whole config as one line of JSON, the same wherever its images or a pack were found."""
    data = CONFIG.data.model_copy(
        update={"path": None if CONFIG.data.path is None else ".", "download": False}
    )
    shared = CONFIG.shared.model_copy(update={"pack": None if CONFIG.shared.pack is None else "."})
    datasets = {
        name: dataset.model_copy(update={"path": None if dataset.path is None else ".", "download": False})
        for name, dataset in CONFIG.shallow.datasets.items()
    }
    shallow = CONFIG.shallow.model_copy(update={"datasets": datasets})
    images = CONFIG.win.data.model_copy(
        update={"path": None if CONFIG.win.data.path is None else ".", "download": False}
    )
    shards = CONFIG.win.folder.cache_folder
    folder = CONFIG.win.folder.model_copy(update={"cache_folder": None if shards is None else "."})
    win = CONFIG.win.model_copy(update={"data": images, "folder": folder})
    return CONFIG.model_copy(
        update={"data": data, "shared": shared, "shallow": shallow, "win": win}
    ).model_dump_json()


def source_images(wildcards):
    """Digest of the source's images, which are no declared inputs: there may be a million."""
    return digest_of_source()


@functools.cache
def versions():
    """Packages that results depend on, and the processor's family, as one line."""
    names = ("numpy", "optuna", "pillow", "scipy", "torch")
    packages = [f"{name} {importlib.metadata.version(name)}" for name in names]
    return ", ".join([*packages, platform.machine()])


def cache_only_versions(wildcards, input):
    """Versions, for the key of a shared cache: results of another torch are not handed over.

    An upgrade reruns nothing: Snakemake leaves params of functions that take `input` out of what it compares,
    and keeps them in the key.
    """
    return versions()


def trial_path(folder, trial, file):
    """Path of a trial's file in ``teachers`` or ``students/STUDY``."""
    return f"{OUT}/{folder}/trials/{trial:03d}/{TRIAL_FILES[file]}"


def trial_paths(folder, trials, file):
    """Paths of one kind of file of several trials."""
    return [trial_path(folder, trial, file) for trial in trials]


def study_named(name):
    """A study of the config; ends with one line where a target names another."""
    if name not in STUDIES:
        near = difflib.get_close_matches(name, STUDIES, 3, 0.5) or list(STUDIES)[:3]
        stop(
            f"{OUT}/students/{name}: the config has no such study; it has {len(STUDIES)}, such as {', '.join(near)} "
            "(students.families and students.budgets name them)"
        )
    return STUDIES[name]


def check_number(path, number, count, what, digits):
    """End with one line where a target names a trial, round or shard that the config does not have."""
    if int(number) >= count or number != f"{int(number):0{digits}d}":
        stop(f"{path}: there is no {what} {number}; the config has {0:0{digits}d} to {count - 1:0{digits}d}")


def search_of(folder):
    """Search settings of ``teachers`` or ``students/STUDY``."""
    if folder == "teachers":
        return CONFIG.teachers.search
    study = study_named(folder.removeprefix("students/"))
    return (CONFIG.students.hard_label if study.hard_label else CONFIG.students).search


def trials_before(folder, number):
    """Trials of all rounds before one, given as its wildcard."""
    search = search_of(folder)
    check_number(f"{OUT}/{folder}/round-{number}", number, search.n_rounds(), "round", 2)
    return [trial for earlier in range(int(number)) for trial in search.trials_of_round(earlier)]


def proposals_of(folder, number):
    """The file that proposes a trial, given as its wildcard."""
    search = search_of(folder)
    check_number(f"{OUT}/{folder}/trials/{number}", number, search.trials, "trial", 3)
    return f"{OUT}/{folder}/round-{search.round_of_trial(int(number)):02d}/proposals.json"


def trial_metrics(wildcards):
    """Metrics of all trials of ``{study_folder}``."""
    folder = wildcards.study_folder
    return trial_paths(folder, range(search_of(folder).trials), "metrics")


def study_names():
    """Studies that mimic the ensemble."""
    return [name for name, study in STUDIES.items() if not study.hard_label]


def hard_study_names():
    """Studies that learn from hard labels."""
    return [name for name, study in STUDIES.items() if study.hard_label]


def epoch_shards():
    """All shards of stored epochs."""
    if SHARED:
        return [str(UNPACKED.epochs)]
    return [f"{OUT}/epochs/{shard:02d}.h5" for shard in range(CONFIG.epochs.n_shards())]


def earlier_teachers(wildcards):
    """Metrics of the rounds before."""
    return trial_paths("teachers", trials_before("teachers", wildcards.round), "metrics")


def teachers_of_round(wildcards):
    """Trial numbers that a round proposes, whether or not the search goes as far."""
    return list(CONFIG.teachers.search.proposals_of_round(int(wildcards.round)))


def teacher_proposals(wildcards):
    """The round that a trial belongs to."""
    return proposals_of("teachers", wildcards.trial)


def teacher_metrics(wildcards):
    """Metrics of every teacher."""
    return trial_paths("teachers", range(CONFIG.teachers.search.trials), "metrics")


def teacher_predictions(wildcards):
    """Validation and test logits of every teacher, in the order of the metrics."""
    return trial_paths("teachers", range(CONFIG.teachers.search.trials), "predictions")


def dataset_of_shard(wildcards):
    """The dataset, for a shard that the config has."""
    number = wildcards.shard
    check_number(f"{OUT}/epochs/{number}.h5", number, CONFIG.epochs.n_shards(), "shard", 2)
    return f"{OUT}/data/dataset.h5"


def epochs_of_shard(wildcards):
    """Epoch numbers of a shard."""
    return list(CONFIG.epochs.epochs_of_shard(int(wildcards.shard)))


def member_logits(wildcards):
    """Logits of the members, known once the ensemble is selected."""
    path = checkpoints.select_ensemble.get().output.members
    try:
        return [f"{OUT}/logits/members/{trial:03d}.h5" for trial in read_members(path)]
    except (InputError, OSError) as error:
        stop(error)


def student_search_space(wildcards):
    """Search space of the study's group."""
    hard = study_named(wildcards.study).hard_label
    return (CONFIG.students.hard_label if hard else CONFIG.students).search_space.model_dump_json()


def earlier_students(wildcards):
    """Metrics of the study's rounds before."""
    folder = f"students/{wildcards.study}"
    return trial_paths(folder, trials_before(folder, wildcards.round), "metrics")


def students_of_round(wildcards):
    """Trial numbers that a round proposes, whether or not the search goes as far."""
    return list(search_of(f"students/{wildcards.study}").proposals_of_round(int(wildcards.round)))


def student_proposals(wildcards):
    """The round that a trial belongs to."""
    return proposals_of(f"students/{wildcards.study}", wildcards.trial)


def student_targets(wildcards):
    """The ensemble's logits; hard-label nets do without."""
    return [] if study_named(wildcards.study).hard_label else [TARGETS]


def student_settings(wildcards):
    """The study's slice of the config."""
    return study_settings(CONFIG.students, study_named(wildcards.study)).model_dump_json()


wildcard_constraints:
    trial=r"\d\d\d+",
    round=r"\d\d+",
    shard=r"\d\d+",
    study="[^/]+",
    dataset="[^/]+",
    group="[^/]+",
    net="[^/]+",
    widen=r"\d+",
    repetition=r"\d+",
    block="[1-4]",
    study_folder="students/[^/]+" if SHARED else "teachers|students/[^/]+",
