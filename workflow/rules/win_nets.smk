# Helpers of the rules of step win: its nets, its images, who reads what. No rules here.

import json

from mimic.artifact import digest_file
from mimic.image_files import folder_named
from mimic.win.listing import KEY as WIN_KEY
from mimic.win.listing import PARTS as WIN_PARTS
from mimic.win.listing import count_folder_classes, list_folder
from mimic.win.names import net_name, parse_net
from mimic.win.shards import cache_root, shard_name

WIN = CONFIG.win
WIN_NETS = {
    net_name(depth, divide): (depth, divide) for depth in WIN.nets.depth for divide in WIN.nets.divide
}
WIN_MISSING = {}
WIN_TABLES = ("table1", "table2", "table3")
WIN_BLOCKS = 4
WIN_FOLDER = WIN.data.source == "imagenet"


def win_cache():
    """Where shards lie; that of the config only where its variables are set, which `win_shards` sees to."""
    try:
        return cache_root(OUT, WIN.folder.cache_folder)
    except InputError:
        return cache_root(OUT, None)


WIN_CACHE = win_cache()


def win_folder():
    """The folder of images; ends with one line where its variable is not set."""
    try:
        return folder_named(WIN.data.path, WIN_KEY)
    except InputError as error:
        stop(error)


@functools.cache
def win_listed():
    """What lies in the folder of images, and its digest; ends with one line where it is in no order."""
    try:
        listing = list_folder(win_folder())
    except InputError as error:
        stop(error)
    return listing, listing.digest()


def win_listing(wildcards):
    """Digest of what lies in the folder of images; nothing of a small source, whose dataset is a file."""
    return win_listed()[1] if WIN_FOLDER else None


def win_cache_name():
    """Folder of the shards of these images: what they are made of is in its name, since runs may share them."""
    return f"{win_listed()[1][:16]}-{WIN.folder.cache_size}-{WIN.folder.images_per_shard}"


def win_shards():
    """Paths of all shards; ends with one line where they could not be written."""
    try:
        cache_root(OUT, WIN.folder.cache_folder)
    except InputError as error:
        stop(error)
    listing, per_shard = win_listed()[0], WIN.folder.images_per_shard
    return [
        f"{WIN_CACHE}/{win_cache_name()}/{shard_name(part, number)}"
        for part in WIN_PARTS
        for number in range(-(-listing.n_images(part) // per_shard))
    ]


def win_image_files(wildcards):
    """Files that a training reads images from: a dataset, or shards; a folder's own are too many to be named."""
    if not WIN_FOLDER:
        return f"{OUT}/win/data.h5"
    win_listed()
    return win_shards() if WIN.folder.cached else []


def win_images_argument(wildcards, input):
    """The images as an argument; as a function of `input`, which Snakemake does not compare: they may be moved."""
    if not WIN_FOLDER:
        return f"--dataset {shlex.quote(input.images)}"
    if WIN.folder.cached:
        return f"--shards {shlex.quote(str(Path(input.images[0]).parent))}"
    return f"--images {shlex.quote(str(win_folder()))}"


def win_folder_argument(wildcards, input):
    """The folder of images, as a function that Snakemake does not compare."""
    return str(win_folder())


def shard_settings(wildcards):
    """Which images a shard holds; ends with one line where a target names another."""
    if not WIN_FOLDER:
        stop(f"{wildcards.part}-{wildcards.shard}.h5: there are no shards of source {WIN.data.source}")
    (listing, digest), per_shard, number = win_listed(), WIN.folder.images_per_shard, int(wildcards.shard)
    if wildcards.images != win_cache_name():
        stop(f"{WIN_CACHE}/{wildcards.images}: expected {win_cache_name()}, for these images and win.folder")
    n_part = listing.n_images(wildcards.part)
    check_number(
        f"{WIN_CACHE}/{wildcards.images}/{wildcards.part}-{wildcards.shard}.h5",
        wildcards.shard,
        -(-n_part // per_shard),
        "shard",
        5,
    )
    first = number * per_shard
    pieces = listing.pieces(wildcards.part, first, first + per_shard)
    return json.dumps(
        {
            "part": wildcards.part,
            "first_row": first,
            "pieces": [(piece.label, piece.name, piece.first, piece.stop) for piece in pieces],
            "files": listing.digest_of(wildcards.part, pieces),
            "listing": digest,
            "n_part": n_part,
            "n_classes": listing.n_classes,
            "cache_size": WIN.folder.cache_size,
        }
    )


def win_source():
    """The images of a small source as a section `data`; ends with one line where they are a folder's."""
    if WIN_FOLDER:
        stop(f"{OUT}/win/data.h5: expected a small source (win.data.source), got {WIN.data.source}")
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
    folder = None
    if WIN_FOLDER:
        folder = WIN.folder.model_dump(include={"image_size", "test_size"})
        folder["cache_size"] = WIN.folder.cache_size if WIN.folder.cached else None
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
    return "--compare" if WIN_FOLDER else "--no-compare"


def win_image_arguments(wildcards):
    """Classes and side of the images, as arguments."""
    if WIN_FOLDER:
        return f"--n-classes {win_n_classes()} --image-size {WIN.folder.image_size}"
    return f"--n-classes {win_n_classes()} --image-size 32"


@functools.cache
def win_n_classes():
    """Classes of the images; the paper's 1,000 where ImageNet's are not there, since Table 1 needs none."""
    try:
        if not WIN_FOLDER:
            return count_classes(win_source())
        try:
            folder = folder_named(WIN.data.path, WIN_KEY)
        except InputError:
            return 1000
        return count_folder_classes(folder) if folder.is_dir() else 1000
    except (InputError, OSError) as error:
        stop(f"win.data: {error}")


def win_tables(wildcards):
    """Tables of the step that are there, each with its digest; a param, not inputs, for the reason of `grid_tables`."""
    paths = [Path(OUT, "win", f"{name}.csv") for name in WIN_TABLES]
    try:
        return [f"{path.name} {digest_file(path)}" for path in paths if path.exists()]
    except OSError as error:
        stop(error)
