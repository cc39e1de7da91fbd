"""The jobs of the second and the third paper, whose results stand beside the first one's in a folder."""

from mimic.shallow.grid import groups_of
from mimic.status.jobs import Job, Plan
from mimic.win.names import net_name

#: Folder of a paper's results by step.
STEPS = ("shallow", "win")
#: Folders of the first paper's results.
FIRST = ("data", "teachers", "shared", "students")


def with_papers(plan, config, files):
    """The plan of what an output folder is used for.

    Parameters
    ----------
    plan : mimic.status.jobs.Plan
        The first paper's.
    config : mimic.config.whole.Config
    files : mimic.status.states.Files

    Returns
    -------
    Plan
        With the jobs of the papers that have a folder, without the first one's where it has none beside them.
    """
    out = config.output
    used = [step for step in STEPS if files.has(f"{out}/{step}")]
    more = [job for step in used for job in JOBS[step](config)]
    if "win" in used and config.win.data.source == "imagenet":
        from mimic.status.image_shards import shard_jobs  # reads their files: h5py takes a while to import

        more = shard_jobs(config, files) + more
    if more and not any(files.has(f"{out}/{folder}") for folder in FIRST):
        return Plan(more, [])
    return Plan(plan.jobs + more, plan.searches)


def _job(config, step, rule, name, *outputs):
    """A job whose log is named after it; nameless ones have one a rule."""
    log = f"{config.output}/logs/{rule}" + (f"/{name.replace(' ', '-')}.log" if name else ".log")
    return Job(step, rule, name, tuple(f"{config.output}/{step}/{output}" for output in outputs), log)


def shallow_jobs(config):
    """Jobs of rule ``shallow``."""

    def job(rule, name, *outputs):
        return _job(config, "shallow", rule, name, *outputs)

    grid, groups = config.shallow.grid, groups_of(config.shallow)
    jobs = [job("prepare_shallow_dataset", name, f"data/{name}.h5") for name in grid.dataset]
    jobs += [job("train_group", name, f"groups/{name}/nets.h5") for name in groups]
    jobs += [job("expand_nets", name, f"groups/{name}/expansion.csv") for name in groups]
    jobs += [job("tabulate_losses", "", "losses.csv"), job("tabulate_intervals", "", "table2.csv")]
    for figure in ("q", "depth", "gap"):
        jobs.append(job("plot_losses", figure, *_figure(figure)))
    jobs.append(job("plot_expansion", "", *_figure("expansion")[:2], "expansion.csv"))
    return [*jobs, job("publish_grid_report", "", "report.html")]


def _figure(name):
    return [f"figure_{name}.{suffix}" for suffix in ("png", "svg", "csv")]


def win_jobs(config):
    """Jobs of rule ``win``."""
    settings, files = config.win, ("history.csv", "weights.safetensors", "metrics.json")

    def job(rule, name, folder, names=files):
        return _job(config, "win", rule, name, *(f"{folder}/{file}" for file in names))

    small = settings.data.source != "imagenet"
    jobs = [_job(config, "win", "prepare_win_dataset", "", "data.h5")] if small else []
    for depth in settings.nets.depth:
        for divide in settings.nets.divide:
            net = net_name(depth, divide)
            for seed in settings.nets.seed:
                jobs.append(job("train_vanilla", f"{net} {seed}", f"{net}/vanilla/{seed}"))
                first = settings.widen[0]
                jobs.append(job("train_kd", f"{net} x{first} {seed}", f"{net}/x{first}/kd/{seed}"))
            for widen in settings.widen:
                wide = f"{net} x{widen}"
                jobs.append(job("train_wide", wide, f"{net}/x{widen}/teacher"))
                for seed in settings.nets.seed:
                    jobs += _imitation(job, f"{wide} {seed}", f"{net}/x{widen}/win/{seed}", files[1:])
    tables = (("sizes", "table1"), ("methods", "table2"), ("widths", "table3"))
    jobs += [_job(config, "win", f"tabulate_{name}", "", f"{table}.csv") for name, table in tables]
    return [*jobs, _job(config, "win", "publish_win_report", "", "report.html")]


def _imitation(job, name, folder, merged):
    """Stages 2 and 3 of a net, and merging."""
    blocks = [job("imitate_block", f"{name} {block}", f"{folder}/block{block}") for block in range(1, 5)]
    return [
        *blocks,
        job("finetune", name, f"{folder}/finetuned"),
        job("merge", name, f"{folder}/merged", merged),
    ]


JOBS = {"shallow": shallow_jobs, "win": win_jobs}
