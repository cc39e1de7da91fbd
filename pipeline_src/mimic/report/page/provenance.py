"""What a page was made from: settings, versions, digests, seeds, fingerprints of code."""

import importlib.metadata
import platform
from collections import Counter

import yaml

from mimic import fingerprint
from mimic.config.data import WHEREABOUTS
from mimic.report.page.answers import best_student
from mimic.report.page.arrays import read_origin
from mimic.report.page.results import TEACHERS
from mimic.report.trials import best_trial

#: Of the page itself.
STAGE = "mimic.report.publish_report"


def provenance_view(results, reading, of_nets=None):
    """What the page says of its sources.

    Parameters
    ----------
    results : mimic.report.page.results.Results
    reading : mimic.report.page.results.Reading
    of_nets : list of pathlib.Path, optional
        Files of the grid's nets, in place of those of the run, where the page is not about the run.

    Returns
    -------
    dict
        config: YAML; files: a dict each with path and what the file says it is; versions: of all files;
        devices: pairs of device and number of trials; page: versions of what made the page.
    """
    files = []
    for path in _named_files(results) if of_nets is None else of_nets:
        origin = reading.read(read_origin, path)
        if origin is not None:
            files.append({"path": path.relative_to(results.places.folder).as_posix()} | origin)
    versions = {}
    for origin in files:
        if isinstance(origin["versions"], dict):
            for name, version in origin["versions"].items():
                versions.setdefault(str(name), set()).add(str(version))
    devices = Counter(device for study in results.all_studies() for device in study.devices.values())
    packages = ("mimic", "numpy", "pandas", "optuna", "plotly", "torch")
    page = {name: importlib.metadata.version(name) for name in packages}
    return {
        "config": config_text(results.config),
        "files": files,
        "versions": [(name, ", ".join(sorted(found))) for name, found in sorted(versions.items())],
        "devices": devices.most_common(),
        "page": {"python": platform.python_version(), **page},
        "fingerprint": fingerprint.of_stage(STAGE),
        "seed": results.config.seed,
    }


def config_text(config):
    """The config as YAML, without where images, their shards and a pack were found."""
    values = config.model_dump(mode="json")
    values["shared"].pop("pack")
    values["win"]["folder"].pop("cache_folder")
    for name in WHEREABOUTS:
        values["data"].pop(name)
        values["win"]["data"].pop(name)
        for dataset in values["shallow"]["datasets"].values():
            dataset.pop(name)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)


def _named_files(results):
    """The sealed files that all else follows from, and those of the nets that the page is about."""
    places = results.places
    yield places.dataset
    yield from places.epochs(results.config)
    if results.ensemble is not None and not places.is_shared:
        for trial in results.ensemble.members:
            yield places.folder / "logits" / "members" / f"{trial:03d}.h5"
    yield places.targets
    chosen = [best_student(results)]
    if results.teachers.trials is not None and not places.is_shared:
        chosen.insert(0, best_trial(results.teachers.trials))
    for row in chosen:
        if row is not None:
            study = TEACHERS if row["family"] == "teacher" else row["study"]
            yield places.trial(study, row["trial"], "predictions.h5")
