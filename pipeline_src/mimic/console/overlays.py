"""The config as Snakemake puts it together, without starting it."""

from pathlib import Path

from mimic.config.whole import load
from mimic.console.budget import read_yaml
from mimic.console.plan import check_config


def read_config(snakefile=None, configfiles=()):
    """The config as Snakemake puts it together: config.yaml beside the Snakefile, overlays upon it.

    Returns
    -------
    mimic.config.whole.Config

    Raises
    ------
    InputError
        In one line.
    """
    base = Path(snakefile or "Snakefile").parent / "config.yaml"
    values = {}
    for path in (base, *map(Path, configfiles)):
        check_config(path)
        values = _merged(values, read_yaml(path))
    return load(values)


def _merged(below, above):
    """Sections are merged, all other values replaced, as Snakemake does."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, dict):
            old = merged.get(key)
            value = _merged(old if isinstance(old, dict) else {}, value)
        merged[key] = value
    return merged
