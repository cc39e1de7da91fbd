"""``mimic verify``: is a file what was written, and does it belong to these results?"""

import glob
import tempfile
from pathlib import Path

import torch

from mimic.artifact import digest_file, read_json
from mimic.augment.render import Renderer
from mimic.cli import InputError
from mimic.console.inspect import describe
from mimic.data import store as data_store
from mimic.epochs import store as epochs_store
from mimic.logits import store as logits_store
from mimic.models.weights import read_weights
from mimic.progress import Report
from mimic.report.trials import read_teachers, read_trials
from mimic.sealed import open_sealed, read_provenance
from mimic.shallow import store as shallow_store
from mimic.shallow.nets import tensor_shapes
from mimic.shared.places import Unpacked
from mimic.shared.store import FORMAT as PACK_FORMAT
from mimic.shared.store import open_pack
from mimic.shared.unpack_targets import unpack_recipes
from mimic.win import shards as shards_store
from mimic.win import store as win_store


def verify_file(path, against=None):
    """Check a file whole, and against the results that it should belong to.

    Parameters
    ----------
    path : path
        A sealed HDF5 file, weights, ``trials.csv`` or a JSON file of the pipeline.
    against : path, optional
        Results folder: the file must belong to its dataset, epochs and members.

    Returns
    -------
    list of str
        What was checked, a line each.

    Raises
    ------
    InputError
        Names the file, what was expected and what was found.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: {'expected a file' if path.exists() else 'no such file'}")
    with open(path, "rb"):
        pass  # an error of the system, rather than of a library, where it may not be read
    results = None if against is None else Results(against)
    if path.suffix == ".safetensors":
        if describe(path)["format"] == win_store.FORMAT.partition("/")[0]:
            kind, n_tensors, digest = win_store.check_state(path)
            said = f"weights of kind {kind}: digest {digest[:16]} of {n_tensors} tensors fits"
            return [said, *_not_compared(results)]
        read_weights(path)
        return ["weights: digest, architecture and shapes fit", *_weights_against(path, results)]
    if path.suffix == ".csv":
        read_trials(path)
        return ["table: digest fits", *_not_compared(results)]
    if path.suffix == ".json":
        value = read_json(path, str(read_json(path).get("format")))
        return ["JSON: digest fits", *_json_against(path, value, results)]
    with open_sealed(path) as file:
        file.verify()
        format_name, n_arrays = file.format, len(file.arrays)
    checks = {
        data_store.FORMAT: _verify_dataset,
        data_store.SPLIT_FORMAT: _verify_split,
        epochs_store.FORMAT: _verify_epochs,
        logits_store.MEMBER_FORMAT: _verify_logits,
        logits_store.TARGETS_FORMAT: _verify_logits,
        PACK_FORMAT: _verify_pack,
        shards_store.FORMAT: _verify_images,
        "mimic.predictions": _verify_predictions,
        shallow_store.FORMAT: _verify_group,
    }
    if format_name not in checks:
        raise InputError(f"{path}: expected a format of {', '.join(checks)}, got {format_name!r}")
    done = [f"{format_name}: seal, structure and all checksums of {n_arrays} arrays fit"]
    return done + checks[format_name](path, results)


class Results:
    """What a results folder has to compare with."""

    def __init__(self, folder):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise InputError(f"{folder}: no such folder (expected results); give the config's `output`")
        shared = Unpacked.in_results(folder)
        self.is_shared = shared.marker.exists()
        self.dataset = shared.dataset if self.is_shared else self.folder / "data" / "dataset.h5"
        self.targets = shared.targets if self.is_shared else self.folder / "logits" / "targets.h5"
        self.members = shared.members if self.is_shared else self.folder / "ensemble" / "members.json"
        own = sorted(glob.glob(f"{glob.escape(str(folder))}/epochs/*.h5"))
        self.shards = [str(shared.epochs)] if self.is_shared else own

    def dataset_digest(self):
        """Digest of the dataset."""
        return data_store.read_dataset_header(self.dataset)[0]

    def epochs(self, shards=None):
        """Stored epochs, of all shards unless given."""
        dataset = data_store.read_dataset(self.dataset, splits=("train",))
        images = torch.from_numpy(dataset.images["train"])
        options = (dataset.digest, images, Renderer(images.device))
        if shards is not None:
            return epochs_store.StoredEpochs(shards, *options, complete=False)
        chosen = self.shards
        if self.targets.exists():
            digests, _ = logits_store.read_epoch_digests(self.targets, logits_store.TARGETS_FORMAT)
            chosen = epochs_store.select_shards(chosen, len(digests))
        return epochs_store.StoredEpochs(chosen, *options)

    def ensemble(self):
        """What ``members.json`` says."""
        return read_json(self.members, "mimic.ensemble")

    def weights(self, trial):
        """Weights of a teacher."""
        return self.folder / "teachers" / "trials" / f"{trial:03d}" / "weights.safetensors"


def _verify_dataset(path, results):
    digest = data_store.read_dataset(path).digest
    if results is not None:
        _same(path, "dataset", results.dataset_digest(), digest)
    return [f"dataset {digest[:16]}"]


def _verify_split(path, results):
    _, digest = data_store.read_split(path)
    if results is not None:
        _same(path, "dataset", results.dataset_digest(), digest)
    return [f"split of dataset {digest[:16]}"]


def _verify_images(path, results):
    with open_sealed(path, shards_store.FORMAT, shards_store.VERSION) as file:
        found = shards_store.read_header(file)
    n, part, listing = (found[name] for name in ("n_images", "part", "listing"))
    return [f"{n} images of part {part} of listing {listing[:16]}", *_not_compared(results)]


def _verify_epochs(path, results):
    """Recipes fit their digests; where the dataset is at hand, the probe is rendered again."""
    given, beside = results is not None, Results(path.resolve().parent.parent)
    results = results if given or not beside.dataset.exists() else beside
    if results is None:
        return ["the probe was not rendered: no dataset at hand (give --against RESULTS)"]
    epochs = results.epochs([path])
    with Report("epoch", len(epochs.digests)) as report:
        for epoch in sorted(epochs.digests):
            epochs.check_probe(epoch)
            report.step()
    if given:
        theirs = results.epochs().digests
        _same_epochs(path, {epoch: theirs.get(epoch) for epoch in epochs.digests}, epochs.digests)
    return [f"{len(epochs.digests)} recipes fit their digests, the probe is rendered here as it was there"]


def _verify_logits(path, results):
    with open_sealed(path) as file:
        format_name = file.format
    digests, n_images = logits_store.read_epoch_digests(path, format_name)
    if results is not None:
        epochs = results.epochs()
        digests, n_images = epochs.digests, epochs.n_images
    stored = logits_store.StoredLogits(path, format_name, digests, n_images)
    for epoch in range(stored.n_epochs):
        stored.epoch(epoch)
    done = [f"{stored.n_epochs} epochs of finite logits, {len(stored.members)} members"]
    if results is None:
        return done
    expected, found = results.ensemble().get("members"), [member.trial for member in stored.members]
    if format_name == logits_store.TARGETS_FORMAT:
        _same(path, "members", expected, found)
    elif found[0] not in expected:
        raise InputError(f"{path}: member: expected one of {expected}, got {found[0]}")
    for member in stored.members:
        weights = results.weights(member.trial)
        if weights.exists():
            _same(path, f"weights of member {member.trial}", digest_file(weights), member.weights_digest)
    return [*done, f"epochs and members are those of {results.folder}"]


def _verify_predictions(path, results):
    with open_sealed(path) as file:
        sources = read_provenance(file).get("sources")
    if results is None:
        return []
    found = sources.get("dataset") if isinstance(sources, dict) else None
    _same(path, "dataset", results.dataset_digest(), found)
    return [f"dataset is that of {results.folder}"]


def _verify_group(path, results):
    """The nets are those that the settings say; the images are those of the results' own dataset."""
    group, _ = shallow_store.read_nets(path, [], tensor_shapes)
    done = [
        f"group {group.name}: {len(group.settings.nets()):,} nets of {group.shape.n_parameters:,} parameters"
    ]
    if results is None:
        return done
    sources = group.provenance.get("sources")
    found = sources.get("dataset") if isinstance(sources, dict) else None
    dataset = results.folder / "shallow" / "data" / f"{group.dataset}.h5"
    _same(path, f"dataset {group.dataset}", data_store.read_dataset_header(dataset)[0], found)
    return [*done, f"dataset is that of {results.folder}"]


def _verify_pack(path, results):
    with open_pack(path) as pack:
        pack.verify()
        unpack_recipes(pack)
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "teachers.csv"
            table.write_bytes(pack.teachers())
            try:
                read_teachers(table)
            except InputError as error:
                raise InputError(f"{path}: teachers: {str(error).removeprefix(f'{table}: ')}") from None
        done = [f"{pack.n_epochs} epochs are drawn here as they were there"]
        if results is None:
            return done
        header, digests = pack.header, results.epochs().digests
        _same(path, "dataset", results.dataset_digest(), header.dataset_digest)
        _same_epochs(path, digests, dict(enumerate(pack.epoch_digests())))
        theirs = logits_store.StoredLogits(
            results.targets, logits_store.TARGETS_FORMAT, digests, pack.n_images
        )
        members = [vars(member) for member in theirs.members]
        _same(path, "members", members, [member.model_dump() for member in header.targets.members])
        _same(path, "ensemble", results.ensemble(), header.ensemble.model_dump(mode="json"))
    return [*done, f"dataset, epochs and members are those of {results.folder}"]


def _json_against(path, value, results):
    if results is None or value.get("format") != "mimic.ensemble":
        return _not_compared(results)
    _same(path, "ensemble", results.ensemble(), value)
    return [f"it is the ensemble of {results.folder}"]


def _not_compared(results):
    return [] if results is None else [f"nothing in it to compare with {results.folder}"]


def _same_epochs(path, expected, found):
    """Refuse epochs with other digests, naming the first."""
    for epoch in sorted(expected.keys() | found.keys()):
        ours, theirs = (
            digest.hex()[:16] if digest else "none" for digest in (expected.get(epoch), found.get(epoch))
        )
        if ours != theirs:
            raise InputError(f"{path}: another epoch {epoch}: expected digest {ours}, got {theirs}")


def _weights_against(path, results):
    if results is None:
        return []
    digest = digest_file(path)
    for member in sorted(glob.glob(f"{glob.escape(str(results.folder))}/logits/members/*.h5")):
        with open_sealed(member, logits_store.MEMBER_FORMAT) as file:
            if any(row.get("weights_digest") == digest for row in file.attributes["members"]):
                return [f"they made {member}"]
    return [
        f"no logits of {results.folder} were made with them (a student's, or a teacher's that is no member)"
    ]


def _same(path, what, expected, found):
    if expected != found:
        raise InputError(f"{path}: {what}: expected {str(expected)[:80]}, got {str(found)[:80]}")


def show_checks(paths, against):
    """Verify files and print what was checked; the first that fails ends it."""
    for path in paths:
        for line in verify_file(path, against):
            print(f"{path}: {line}")
