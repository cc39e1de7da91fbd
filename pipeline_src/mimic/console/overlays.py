"""The config as Snakemake puts it together, without starting it."""

from pathlib import Path

import yaml

from mimic.cli import InputError
from mimic.config.whole import Config, load
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
    return merged_config([base, *configfiles])


def merged_config(paths):
    """The config of a whole file and of overlays upon it.

    Parameters
    ----------
    paths : sequence of path
        The whole file first.

    Returns
    -------
    mimic.config.whole.Config

    Raises
    ------
    InputError
        In one line; where the first is an overlay, with the options that take both.
    """
    values = {}
    for path in map(Path, paths):
        check_config(path)
        values = _merged(values, read_yaml(path))
    first, *overlays = paths
    if not overlays and values and len(values.keys() & Config.model_fields) == len(values):
        missing = [key for key in Config.model_fields if key not in values]
        if missing:
            raise InputError(
                f"{first}: {missing[0]}: Field required; an overlay stands on a whole config: "
                f"--config config.yaml --configfile {first}"
            )
    return load(values, first if not overlays else "config")


def read_yaml(path):
    """A YAML file as Python values; InputError where it is none."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from None


def _merged(below, above):
    """Sections are merged, all other values replaced, as Snakemake does."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, dict):
            old = merged.get(key)
            value = _merged(old if isinstance(old, dict) else {}, value)
        merged[key] = value
    return merged


def outputs_of_presets(folder):
    """Where a checkout's configs write to.

    Parameters
    ----------
    folder : path
        Where config.yaml lies.

    Returns
    -------
    dict of str to str
        Output folder -> config.yaml, or the first of ``workflow/presets/*.yaml`` that names it; below the
        working folder relative to it.
    """
    found = {}
    for path in (Path(folder, "config.yaml"), *sorted(Path(folder).glob("workflow/presets/*.yaml"))):
        try:
            values = read_yaml(path)
        except (InputError, OSError):
            continue
        if isinstance(values, dict) and isinstance(values.get("output"), str):
            here = path.resolve().is_relative_to(Path.cwd())
            shown = path.resolve().relative_to(Path.cwd()) if here else path
            found.setdefault(values["output"], str(shown))
    return found
