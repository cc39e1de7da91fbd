# Helpers of the rules of step shallow: the groups of the grid, its datasets, who reads what. No rules here.

import re

from mimic.artifact import digest_file
from mimic.shallow.grid import group_digest, groups_of
from mimic.shallow.memory import check_memory
from mimic.shallow.substacks import check_order

SHALLOW = CONFIG.shallow
GROUPS = groups_of(SHALLOW)
SHALLOW_MISSING = {}
SHALLOW_FIGURES = ("q", "depth", "gap")
SHALLOW_TABLES = ("losses", "table2", "expansion")


def shallow_dataset_named(name):
    """A dataset of the grid, as a section `data`; ends with one line where a target names another."""
    if name not in SHALLOW.grid.dataset:
        stop(
            f"{OUT}/shallow/data/{name}.h5: expected one of {', '.join(SHALLOW.grid.dataset)} (shallow.grid.dataset)"
        )
    return SHALLOW.datasets[name].as_data()


def group_named(name):
    """Dataset and settings of a group; ends with one line where a target names another."""
    if name not in GROUPS:
        some = ", ".join(list(GROUPS)[:3])
        stop(
            f"{OUT}/shallow/groups/{name}: the config has no such group; it has {len(GROUPS)}, such as {some}"
        )
    return GROUPS[name]


def of_dataset(name, message):
    """A message about a section `data`, with the keys of a dataset of the grid."""
    place = f"shallow.datasets.{name}"
    keys = "|".join(("path", "download", "source", "n_train", "n_test"))
    text = re.sub(rf"(?<![\w./])data\.({keys})\b", rf"{place}.\1", str(message))
    return text if text.startswith(place) else f"{place}: {text}"


def shallow_contents(wildcards):
    """What a dataset is made of; where its images lie changes nothing."""
    settings = shallow_dataset_named(wildcards.dataset)
    return settings.model_dump_json(exclude=set(WHEREABOUTS))


@functools.cache
def shallow_digest(name):
    """Digest of a dataset's images; says what is missing, once."""
    settings = shallow_dataset_named(name)
    try:
        check_source(settings, decode=False)
        missing = missing_data_message(settings)
        if missing and not settings.download:
            SHALLOW_MISSING[name] = of_dataset(name, missing)
            print(f"note: {SHALLOW_MISSING[name]}", file=sys.stderr)
        return digest_of_images(settings, Path(".snakemake", "mimic", f"images-{name}.json"))
    except (InputError, OSError) as error:
        stop(of_dataset(name, error))


def shallow_images(wildcards):
    """Digest of a dataset's images."""
    return shallow_digest(wildcards.dataset)


def shallow_settings(wildcards, input):
    """A dataset's settings, with where its images lie: as a function of `input`, which Snakemake does not compare."""
    return shallow_dataset_named(wildcards.dataset).model_dump_json()


def group_dataset(wildcards):
    """The dataset that a group is trained on."""
    return f"{OUT}/shallow/data/{group_named(wildcards.group)[0]}.h5"


def group_settings(wildcards):
    """A group's part of the grid; ends with one line where a net of it cannot fit into memory."""
    dataset, settings = group_named(wildcards.group)
    data = shallow_dataset_named(dataset)
    try:
        n_classes = count_classes(data)
    except (InputError, OSError) as error:
        stop(of_dataset(dataset, error))
    try:
        check_memory(settings, data.source, n_classes)
    except InputError as error:
        stop(f"{wildcards.group}: {error}")
    return settings.model_dump_json()


def digest_of_group(wildcards):
    """What the group's file must hold; see `mimic.shallow.grid.group_digest`."""
    return group_digest(wildcards.group, group_named(wildcards.group)[1], SEED)


def shallow_digests(wildcards):
    """The same of all groups, in their order: names would make the command line twice as long."""
    return [group_digest(name, settings, SEED) for name, (_, settings) in GROUPS.items()]


def expansion_order(wildcards):
    """Highest order of a group's nets; ends with one line where there are too many sub-stacks."""
    settings = group_named(wildcards.group)[1]
    max_order = SHALLOW.expansion.max_order
    if SHALLOW.expansion.n_nets and "sequential" in settings.axes.layout:
        try:
            check_order(wildcards.group, settings.n_layers, max_order)
        except InputError as error:
            stop(error)
    return max_order


def group_work(wildcards):
    """How much there is to do, in no unit: the longest jobs start first, so that none of them ends alone."""
    settings = group_named(wildcards.group)[1]
    return settings.n_layers * (settings.n_filters * settings.kernel_size) ** 2


def group_memory_mb(wildcards, attempt):
    """Memory of a group's job: its tensors, its dataset, and torch."""
    return attempt * (SHALLOW.training.memory_mb + 2000)


def shallow_groups(file):
    """Paths of one kind of file of all groups."""
    return [f"{OUT}/shallow/groups/{name}/{file}" for name in GROUPS]


def grid_tables(wildcards):
    """Tables of the grid that are there, each with its digest.

    A param, not inputs: those would make the whole grid part of every run that has some of its results, since
    Snakemake would see to it that they are up to date first.
    """
    paths = [Path(OUT, "shallow", f"{name}.csv") for name in SHALLOW_TABLES]
    try:
        return [f"{path.name} {digest_file(path)}" for path in paths if path.exists()]
    except OSError as error:
        stop(error)
