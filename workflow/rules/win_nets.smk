# Helpers of the rules of step win: its nets, its images, who reads what. No rules here.

import json

from mimic.win.names import net_name, parse_net

WIN = CONFIG.win
WIN_NETS = {
    net_name(depth, divide): (depth, divide) for depth in WIN.nets.depth for divide in WIN.nets.divide
}
WIN_MISSING = {}
WIN_TABLES = ("table1", "table2", "table3")
WIN_BLOCKS = 4


def win_source():
    """The images as a section `data`; ends with one line where they are wrong."""
    return WIN.data.as_data()


@functools.cache
def win_digest():
    """Digest of the images; says what is missing, once."""
    settings = win_source()
    try:
        check_source(settings, decode=False)
        missing = missing_data_message(settings)
        if missing and not settings.download:
            WIN_MISSING["data"] = missing
            print(f"note: win.data: {missing}", file=sys.stderr)
        return digest_of_images(settings, Path(".snakemake", "mimic", "images-win.json"))
    except (InputError, OSError) as error:
        stop(f"win.data: {error}")


def win_images(wildcards):
    """Digest of the images."""
    return win_digest()


def win_contents(wildcards):
    """What the dataset is made of; where its images lie changes nothing."""
    return win_source().model_dump_json(exclude=set(WHEREABOUTS))


def win_whereabouts(wildcards, input):
    """The same with where the images lie: as a function of `input`, which Snakemake does not compare."""
    return win_source().model_dump_json()


def win_net(wildcards):
    """Depth, divisor and stem of a net; ends with one line where a target names another."""
    if wildcards.net not in WIN_NETS:
        stop(f"{OUT}/win/{wildcards.net}: the config has no such net; it has {', '.join(WIN_NETS)}")
    depth, divide = WIN_NETS[wildcards.net]
    return {"depth": depth, "divide": divide, "stem": WIN.nets.stem}


def win_stage(wildcards, **own):
    """Settings of a stage of a net as one line of JSON."""
    for name, known in (("widen", WIN.widen), ("repetition", WIN.nets.seed)):
        found = wildcards.get(name)
        if found is not None and int(found) not in known:
            key = "win.widen" if name == "widen" else "win.nets.seed"
            stop(
                f"{OUT}/win/{wildcards.net}: expected one of {', '.join(map(str, known))} ({key}), got {found}"
            )
    if wildcards.get("widen") is not None:
        own["widen"] = int(wildcards.widen)
    folder = WIN.folder.model_dump() if WIN.data.source == "imagenet" else None
    training = WIN.training.model_dump()
    return json.dumps({"net": win_net(wildcards), "training": training, "folder": folder, **own})


def wide_settings(wildcards):
    """Stage 1."""
    return win_stage(wildcards, schedule=WIN.train_wide.model_dump())


def baseline_schedule():
    """As many epochs as stages 2 and 3 together."""
    return {"n_epochs": WIN.student_epochs, **WIN.baselines.model_dump()}


def vanilla_settings(wildcards):
    """Of the baseline on labels."""
    return win_stage(wildcards, schedule=baseline_schedule())


def kd_settings(wildcards):
    """Of the baseline on labels and the teacher."""
    return win_stage(wildcards, schedule=baseline_schedule(), kd=WIN.kd.model_dump())


def imitation_options():
    """What the imitation net is."""
    return {"pairs": WIN.pairs, "classifier": WIN.classifier}


def block_settings(wildcards):
    """Stage 2."""
    return win_stage(wildcards, schedule=WIN.imitate_block.model_dump(), **imitation_options())


def finetune_settings(wildcards):
    """Stage 3."""
    return win_stage(wildcards, schedule=WIN.finetune.model_dump(), **imitation_options())


def merge_settings(wildcards):
    """The end."""
    return win_stage(wildcards, **imitation_options())


def block_before(wildcards):
    """What the block before left; nothing for the first one."""
    block = int(wildcards.block)
    folder = f"{OUT}/win/{wildcards.net}/x{wildcards.widen}/win/{wildcards.repetition}"
    return [] if block == 1 else [f"{folder}/block{block - 1}/weights.safetensors"]


def win_metrics(widens):
    """Metrics of all nets that a table shows."""
    paths = []
    for net in WIN_NETS:
        for widen in widens:
            paths.append(f"{OUT}/win/{net}/x{widen}/teacher/metrics.json")
            paths += [f"{OUT}/win/{net}/x{widen}/win/{seed}/merged/metrics.json" for seed in WIN.nets.seed]
    return paths


def table2_metrics(wildcards):
    """Metrics of the baselines and of WIN with the first of the teachers."""
    widen, paths = WIN.widen[0], []
    for net in WIN_NETS:
        for seed in WIN.nets.seed:
            paths.append(f"{OUT}/win/{net}/vanilla/{seed}/metrics.json")
            paths.append(f"{OUT}/win/{net}/x{widen}/kd/{seed}/metrics.json")
            paths.append(f"{OUT}/win/{net}/x{widen}/win/{seed}/merged/metrics.json")
    return paths


def table3_metrics(wildcards):
    """Metrics of all teachers and of the nets that imitate them."""
    return win_metrics(WIN.widen)


def win_compare(wildcards):
    """Whether the paper's values, which are for ImageNet, stand beside those measured."""
    return "--compare" if WIN.data.source == "imagenet" else "--no-compare"


def win_image_arguments(wildcards):
    """Classes and side of the images, as arguments."""
    if WIN.data.source == "imagenet":
        return f"--n-classes {win_n_classes()} --image-size {WIN.folder.image_size}"
    return f"--n-classes {win_n_classes()} --image-size 32"


@functools.cache
def win_n_classes():
    """Classes of the images; the paper's 1,000 where ImageNet's are not there, since Table 1 needs none."""
    if WIN.data.source == "imagenet":
        return 1000
    try:
        return count_classes(win_source())
    except (InputError, OSError) as error:
        stop(f"win.data: {error}")
