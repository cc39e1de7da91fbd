"""Results of the third paper's step as its stages write them, without training: invented accuracies."""

import numpy as np
import pandas as pd

from mimic.config.win import N_BLOCKS
from mimic.tables import write_csv
from mimic.win import tabulate_methods, tabulate_sizes, tabulate_widths
from mimic.win.names import net_name
from mimic.win.rows import NetMetrics, as_printed

#: Test accuracy of a method's nets on average, as a fraction.
MEANS = {"train_vanilla": 0.6, "train_kd": 0.61, "merge": 0.625, "train_wide": 0.7}


def net_metrics(settings, better=0.0, seed=0):
    """Metrics of all nets of a config's section `win`, with WIN so much better than it is in `MEANS`."""
    generator, nets = np.random.default_rng(seed), []

    def add(stage, accuracy, **key):
        spread = 0.002 * generator.standard_normal()
        nets.append(NetMetrics(stage=stage, n_parameters=10**7, test_accuracy=accuracy + spread, **key))

    for depth in settings.nets.depth:
        for divide in settings.nets.divide:
            key, smaller = {"depth": depth, "divide": divide}, 0.1 * np.log2(divide)
            for widen in settings.widen:
                add("train_wide", MEANS["train_wide"] - smaller, widen=widen, **key)
            for repetition in settings.nets.seed:
                key["repetition"] = repetition
                add("train_vanilla", MEANS["train_vanilla"] - smaller, **key)
                add("train_kd", MEANS["train_kd"] - smaller, widen=settings.widen[0], **key)
                for widen in settings.widen:
                    add("merge", MEANS["merge"] + better - smaller, widen=widen, **key)
    return nets


def history(n_epochs, column, last):
    """Epochs of a training whose `column` comes to `last`."""
    epochs = np.arange(1, n_epochs + 1)
    values = last * (1 - np.exp(-5 * epochs / n_epochs)) if column == "test_accuracy" else last * 20 / epochs
    frame = pd.DataFrame({"epoch": epochs, "learning_rate": 0.1, "train_loss": 1.0, column: values})
    if column == "discrepancy":
        frame["relative_discrepancy"] = frame[column] / 4
    return frame.assign(seconds=1.5, images_per_second=1000.0)


def write_histories(place, settings):
    """``history.csv`` of all trainings but the teachers'."""
    stage = settings.imitate_block
    for depth in settings.nets.depth:
        for divide in settings.nets.divide:
            for seed in settings.nets.seed:
                net, wide = place / net_name(depth, divide), f"x{settings.widen[0]}"
                last, win = 0.6 - 0.1 * np.log2(divide) + 0.002 * seed, net / wide / "win" / str(seed)
                frames = {
                    net / "vanilla" / str(seed): history(settings.student_epochs, "test_accuracy", last),
                    net / wide / "kd" / str(seed): history(settings.student_epochs, "test_accuracy", last),
                    win / "finetuned": history(settings.finetune.n_epochs, "test_accuracy", last + 0.02),
                }
                for block in range(1, N_BLOCKS + 1):
                    n_epochs = stage.n_epochs * (1 + stage.restarts)
                    frames[win / f"block{block}"] = history(n_epochs, "discrepancy", 0.1 / block)
                for folder, frame in frames.items():
                    folder.mkdir(parents=True, exist_ok=True)
                    write_csv(folder / "history.csv", frame)


def write_win(folder, settings, better=0.0):
    """Tables 1 to 3 and all histories in the folder ``win`` of a run; gives it."""
    place, compare = folder / "win", settings.data.source == "imagenet"
    place.mkdir(parents=True, exist_ok=True)
    names = [net_name(depth, divide) for depth in settings.nets.depth for divide in settings.nets.divide]
    sizes = ["--nets", *names, "--widen", str(settings.widen[0]), "--stem", settings.nets.stem]
    sizes += ["--n-classes", "1000", "--image-size", "32", "--compare" if compare else "--no-compare"]
    tabulate_sizes.main([*sizes, "--out", str(place / "table1.csv")])
    nets = net_metrics(settings, better)
    first = settings.widen[0]
    compared = [net for net in nets if net.stage != "train_wide" and net.widen in (None, first)]
    methods = tabulate_methods.tabulate_methods(compared, compare)
    write_csv(place / "table2.csv", as_printed(methods, tabulate_methods.COLUMNS[4:]))
    wide = [net for net in nets if net.stage in ("train_wide", "merge")]
    widths = tabulate_widths.tabulate_widths(wide, compare)
    write_csv(place / "table3.csv", as_printed(widths, tabulate_widths.COLUMNS[5:]))
    write_histories(place, settings)
    return place
