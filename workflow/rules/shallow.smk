# Step shallow (arXiv 2309.08414): sequential against parallel residual nets, a grid of thousands
# reads:  the datasets of section `shallow`, which are not that of section `data`
# writes: shallow/data/DATASET.h5, shallow/groups/GROUP/{nets.h5,expansion.csv}, shallow/*.csv, shallow/figure_*

SHALLOW = CONFIG.shallow
GROUPS = groups_of(SHALLOW)
SHALLOW_MISSING = {}


def shallow_dataset_named(name):
    """A dataset of the grid, as a section `data`; ends with one line where a target names another."""
    if name not in SHALLOW.grid.dataset:
        stop(f"{OUT}/shallow/data/{name}.h5: expected one of {', '.join(SHALLOW.grid.dataset)} (shallow.grid.dataset)")
    return SHALLOW.datasets[name].as_data()


def group_named(name):
    """Dataset and settings of a group; ends with one line where a target names another."""
    if name not in GROUPS:
        some = ", ".join(list(GROUPS)[:3])
        stop(f"{OUT}/shallow/groups/{name}: the config has no such group; it has {len(GROUPS)}, such as {some}")
    return GROUPS[name]


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
            SHALLOW_MISSING[name] = missing
            print(f"note: shallow.datasets.{name}: {missing}", file=sys.stderr)
        return digest_of_images(settings, Path(".snakemake", "mimic", f"images-{name}.json"))
    except (InputError, OSError) as error:
        stop(f"shallow.datasets.{name}: {error}")


def shallow_images(wildcards):
    """Digest of a dataset's images."""
    return shallow_digest(wildcards.dataset)


def shallow_settings(wildcards):
    """A dataset's settings, with where its images lie."""
    return shallow_dataset_named(wildcards.dataset).model_dump_json()


def group_dataset(wildcards):
    """The dataset that a group is trained on."""
    return f"{OUT}/shallow/data/{group_named(wildcards.group)[0]}.h5"


def group_settings(wildcards):
    """A group's part of the grid; ends with one line where a net of it cannot fit into memory."""
    dataset, settings = group_named(wildcards.group)
    try:
        check_memory(settings, SHALLOW.datasets[dataset].source, count_classes(SHALLOW.datasets[dataset].as_data()))
    except (InputError, OSError) as error:
        stop(f"{wildcards.group}: {error}")
    return settings.model_dump_json()


def group_memory_mb(wildcards, attempt):
    """Memory of a group's job: its tensors, its dataset, and torch."""
    return attempt * (SHALLOW.training.memory_mb + 2000)


rule prepare_shallow_dataset:
    """The training and test images of a dataset of the grid."""
    output:
        dataset=f"{OUT}/shallow/data/{{dataset}}.h5",
    log:
        f"{OUT}/logs/prepare_shallow_dataset/{{dataset}}.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        contents=shallow_contents,
        images=shallow_images,
        seed=SEED,
        fingerprint=fingerprint("mimic.data.prepare_dataset"),
        settings=shallow_settings,
    shell:
        "python -m mimic.data.prepare_dataset --settings {params.settings:q} --images {params.images}"
        " --seed {params.seed} --threads {threads} --out {output.dataset:q} > {log:q} 2>&1"


rule train_group:
    """Train all nets with equal tensors, sequential and parallel, as stacks."""
    input:
        dataset=group_dataset,
    output:
        nets=f"{OUT}/shallow/groups/{{group}}/nets.h5",
    log:
        f"{OUT}/logs/train_group/{{group}}.log",
    threads: 1
    resources:
        mem_mb=group_memory_mb,
    params:
        settings=group_settings,
        group="{group}",
        seed=SEED,
        fingerprint=fingerprint("mimic.shallow.train_group"),
    shell:
        "python -m mimic.shallow.train_group --group {params.group} --settings {params.settings:q}"
        " --seed {params.seed} --dataset {input.dataset:q} --threads {threads} --out {output.nets:q}"
        " > {log:q} 2>&1"
