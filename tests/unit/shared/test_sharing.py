"""Packing, unpacking, inspecting and verifying; with what could be wrong about each file."""

import numpy as np
import pytest
from tests.augment_settings import CROP, HSV
from tests.sealed_files import read_all, reseal
from tests.unit.shared.conftest import N_EPOCHS, SEED, make_results, tabulate_teachers

from mimic.artifact import read_json, write_json
from mimic.augment.recipe import draw_epoch
from mimic.cli import InputError
from mimic.config.augment import CropSettings, HsvSettings
from mimic.config.shared import SharedSettings
from mimic.console.sharing import pack, unpack
from mimic.console.verify import verify_file
from mimic.data.store import make_dataset, read_split, write_dataset
from mimic.epochs.store import StoredEpochs, write_shard
from mimic.logits.store import TARGETS_FORMAT, StoredLogits
from mimic.models.net import new_net
from mimic.models.student_mlp import mlp_architecture
from mimic.models.weights import write_weights
from mimic.shared.places import Unpacked
from mimic.shared.store import open_pack

OTHER_SEED = {"seed": SEED + 1, "hsv": HSV, "crop": CROP}


@pytest.fixture
def packed(results, tmp_path):
    path = tmp_path / "pack.h5"
    pack(results, path, False)
    return path


def refusal(function, *arguments):
    with pytest.raises(InputError) as error:
        function(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("with_recipes", [False, True])
def test_what_is_unpacked_is_what_was_packed(results, tmp_path, dataset, with_recipes):
    pack(results, tmp_path / "pack.h5", with_recipes)
    unpack(tmp_path / "pack.h5", tmp_path / "there")
    places = Unpacked.in_results(tmp_path / "there")
    assert places.targets.read_bytes() == (results / "logits" / "targets.h5").read_bytes()
    assert places.members.read_bytes() == (results / "ensemble" / "members.json").read_bytes()
    assert places.teachers.read_bytes() == (results / "teachers" / "trials.csv").read_bytes()
    shards = [str(results / "epochs" / f"{shard:02d}.h5") for shard in range(2)]
    ours = StoredEpochs(shards, dataset.digest, np.zeros(36), None)
    theirs = StoredEpochs([places.epochs], dataset.digest, np.zeros(36), None)
    assert theirs.digests == ours.digests
    StoredLogits(places.targets, TARGETS_FORMAT, theirs.digests, 36)
    rows, digest = read_split(places.split)
    assert digest == dataset.digest
    for split, expected in dataset.rows.items():
        np.testing.assert_array_equal(rows[split], expected)
    assert read_json(places.marker, "mimic.shared")["n_epochs"] == N_EPOCHS


def test_what_was_unpacked_can_be_packed_again(packed, results, tmp_path):
    unpack(packed, tmp_path / "there")
    there = Unpacked.in_results(tmp_path / "there").dataset
    there.write_bytes((results / "data" / "dataset.h5").read_bytes())
    pack(tmp_path / "there", tmp_path / "again.h5", False)
    for (name, first), second in zip(
        read_all(packed)[3].items(), read_all(tmp_path / "again.h5")[3].values(), strict=True
    ):
        np.testing.assert_array_equal(first, second, err_msg=name)


def test_a_pack_has_no_image_of_the_dataset(packed, dataset):
    content = packed.read_bytes()
    assert not any(image.tobytes() in content for image in dataset.images["train"])


def test_packing_says_what_is_missing(results, tmp_path):
    (results / "logits" / "targets.h5").unlink()
    assert "make it first: snakemake" in refusal(pack, results, tmp_path / "pack.h5", False)
    assert "no such folder" in refusal(pack, tmp_path / "none", tmp_path / "pack.h5", False)
    assert not (tmp_path / "pack.h5").exists()


def test_epochs_of_another_seed_need_their_recipes(results, tmp_path):
    for shard in (results / "epochs").iterdir():
        provenance = read_all(shard)[2]["provenance"]
        reseal(shard, attributes={"provenance": provenance | {"seed": 8}})
    assert "pack it with --recipes" in refusal(pack, results, tmp_path / "pack.h5", False)
    pack(results, tmp_path / "pack.h5", True)
    unpack(tmp_path / "pack.h5", tmp_path / "there")


def test_targets_of_other_members_are_not_packed(results, tmp_path):
    members = results / "ensemble" / "members.json"
    write_json(members, read_json(members) | {"members": [0, 1]})
    assert "expected members [0, 1], got [2, 0]" in refusal(pack, results, tmp_path / "pack.h5", False)


def test_targets_of_other_weights_are_not_packed(results, tmp_path):
    """The same trials, trained anew: the targets are of nets that are no more."""
    weights = results / "teachers" / "trials" / "002" / "weights.safetensors"
    write_weights(weights, new_net(mlp_architecture([4], 3), 1.0, 99))
    message = refusal(pack, results, tmp_path / "pack.h5", False)
    assert "targets.h5: made with other weights than" in message
    assert "make it again first: snakemake" in message


def test_a_table_of_earlier_teachers_is_not_packed(results, tmp_path):
    table = (results / "teachers" / "trials.csv").read_bytes()
    tabulate_teachers(results, test_accuracy=0.1)
    (results / "teachers" / "trials.csv").write_bytes(table)
    assert "trials.csv: is not of the teachers at hand" in refusal(pack, results, tmp_path / "pack.h5", False)


def test_shards_of_an_earlier_cut_do_not_disturb(results, tmp_path):
    """More epochs than the targets have, and the same epochs once more in a shard of another size."""
    (results / "epochs" / "02.h5").write_bytes((results / "epochs" / "01.h5").read_bytes())
    provenance = {"seed": SEED, "settings": {"hsv": HSV, "crop": CROP}}
    later = draw_epoch(36, 7, HsvSettings(**HSV), CropSettings(**CROP), SEED)
    images = np.zeros((32, 3, 32, 32), np.uint8)
    digest = read_all(results / "epochs" / "00.h5")[2]["dataset_digest"]
    write_shard(results / "epochs" / "03.h5", {7: later}, lambda r: images, False, digest, provenance)
    pack(results, tmp_path / "pack.h5", False)
    assert verify_file(results / "logits" / "targets.h5", results)
    assert verify_file(tmp_path / "pack.h5", results)


def test_an_unpack_that_fails_leaves_nothing(packed, tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device", "members.json")

    monkeypatch.setattr("mimic.shared.unpack_targets.write_json", full)
    with pytest.raises(OSError, match="No space"):
        unpack(packed, tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []
    monkeypatch.undo()
    unpack(packed, tmp_path / "there")


def test_garbage_in_place_of_the_teachers_is_refused(packed, tmp_path):
    reseal(packed, {"teachers": np.frombuffer(b"garbage", np.uint8)[None]})
    assert f"{packed}: teachers: expected the columns of a trials.csv" in refusal(verify_file, packed)
    assert "expected the columns of a trials.csv" in refusal(unpack, packed, tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []


def test_a_probe_that_is_rendered_otherwise_is_not_packed(results, tmp_path):
    reseal(results / "epochs" / "00.h5", {"probe_images": lambda values: values.__setitem__(0, 0)})
    assert "differ from the file's probe" in refusal(pack, results, tmp_path / "pack.h5", False)


def test_a_pack_of_other_images_is_refused(packed, tmp_path, dataset):
    images = {split: 255 - array for split, array in dataset.images.items()}
    other = make_dataset(images, dataset.labels, dataset.class_names, dataset.rows)
    write_dataset(tmp_path / "there" / "data" / "dataset.h5", other, {})
    message = refusal(unpack, packed, tmp_path / "there")
    assert f"expected digest {dataset.digest[:16]}, got {other.digest[:16]}" in message
    assert not (tmp_path / "there" / "shared").exists()


@pytest.mark.parametrize(
    ("arrays", "attributes", "said"),
    [
        ({"logits": None}, {}, "logits: expected float16 of shape (n, n, n), got nothing"),
        (
            {"logits": np.zeros((3, 36, 3), np.uint8)},
            {},
            "logits: expected float16 of shape (n, n, n), got uint8",
        ),
        ({"logits": np.zeros((0, 36, 3), np.float16)}, {}, "epoch_digest"),
        ({"epoch_digest": np.zeros((2, 32), np.uint8)}, {}, "epoch_digest: expected uint8 of shape (3, 32)"),
        ({"epoch_digest": np.zeros((3, 32), np.uint8)}, {}, "epoch 0 is not drawn here as it was there"),
        ({"probe_images": np.zeros((3, 0, 3, 32, 32), np.uint8)}, {}, "a probe, got none"),
        ({"rows_train": np.zeros((1, 35), np.int64)}, {}, "rows_train: expected 36 rows, got 35"),
        ({"rows_test": None}, {}, "rows_test: expected int64"),
        ({"teachers": None}, {}, "teachers: expected uint8"),
        ({"recipe/mirror": np.zeros((3, 36), bool)}, {}, "recipe/image_index: expected int32"),
        ({}, {"dataset_digest": "../../etc"}, "dataset_digest"),
        ({}, {"ensemble": None}, "ensemble"),
        ({}, {"augmentation": {"seed": -1}}, "augmentation.seed"),
        ({}, {"targets": {"members": [{"trial": "x"}], "provenance": {}}}, "targets.members"),
        ({}, {"targets": {"members": [], "provenance": {}}}, "targets of members []"),
        ({}, {"ensemble": {}}, "ensemble.format"),
        (
            {},
            {"provenance": {"versions": []}, "augmentation": OTHER_SEED},
            "is not drawn here as it was there",
        ),
        ({"logits": lambda values: values.fill(np.nan)}, {}, "logits of epoch 0 are not finite"),
        ({"rows_test": lambda values: values.fill(3)}, {}, "rows_test: expected each row of the source once"),
        (
            {"rows_test": lambda values: values.fill(-3)},
            {},
            "rows_test: expected each row of the source once",
        ),
        ({}, {"folder": "/tmp"}, "folder: unknown key"),
    ],
)
def test_a_stranger_s_pack_that_does_not_fit_is_refused(packed, tmp_path, arrays, attributes, said):
    reseal(packed, arrays, attributes)
    message = refusal(unpack, packed, tmp_path / "there")
    assert message.startswith(str(packed))
    assert said in message
    assert list((tmp_path).glob("there/*")) == []


def test_trials_of_a_stranger_s_pack_are_no_names_of_files(packed, tmp_path):
    """The one place where a pack could have named a file: members are numbers, or refused."""
    header = read_all(packed)[2]["targets"]
    header["members"][0]["trial"] = "../../../evil"
    reseal(packed, attributes={"targets": header})
    assert "targets.members" in refusal(unpack, packed, tmp_path / "there")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pack.h5", "results"]


def test_every_file_of_a_run_is_verified(results, packed, dataset):
    other = "no logits of"
    for path in sorted(results.rglob("*.*")):
        if path.suffix == ".csv":
            continue
        lines = verify_file(path, results)
        assert lines
        assert not any(other in line for line in lines)
    assert verify_file(packed, results)[-1] == f"dataset, epochs and members are those of {results}"
    with open_pack(packed) as opened:
        assert opened.header.dataset_digest == dataset.digest


def test_files_of_another_run_are_told_from_ours(results, tmp_path, dataset):
    images = {split: 255 - array for split, array in dataset.images.items()}
    inverted = make_dataset(images, dataset.labels, dataset.class_names, dataset.rows)
    theirs = make_results(tmp_path / "theirs", inverted, seed=8)
    same_images = make_results(tmp_path / "same", dataset, seed=8)
    for name in ("data/dataset.h5", "epochs/00.h5", "logits/targets.h5", "logits/members/000.h5"):
        assert verify_file(results / name, results)
        assert str(theirs / name) in refusal(verify_file, theirs / name, results)
    for name in ("logits/targets.h5", "logits/members/000.h5"):
        assert "made from another epoch 0" in refusal(verify_file, same_images / name, results)
    pack(theirs, tmp_path / "theirs.h5", False)
    assert "dataset: expected" in refusal(verify_file, tmp_path / "theirs.h5", results)
    pack(same_images, tmp_path / "same.h5", False)
    assert "another epoch 0: expected digest" in refusal(verify_file, tmp_path / "same.h5", results)
    assert "another epoch 0" in refusal(verify_file, same_images / "epochs" / "00.h5", results)
    other = read_json(results / "ensemble" / "members.json") | {"test_accuracy": 0.75}
    write_json(tmp_path / "members.json", other)
    assert "ensemble: expected" in refusal(verify_file, tmp_path / "members.json", results)
    metrics = results / "teachers" / "trials" / "000" / "metrics.json"
    assert "nothing in it to compare" in verify_file(metrics, results)[-1]


def test_logits_of_other_weights_are_told(results):
    weights = results / "teachers" / "trials" / "002" / "weights.safetensors"
    weights.write_bytes((results / "teachers" / "trials" / "000" / "weights.safetensors").read_bytes())
    assert "weights of member 2: expected" in refusal(verify_file, results / "logits/members/002.h5", results)


def test_the_probe_is_rendered_again_where_the_dataset_is_at_hand(results, tmp_path):
    shard = results / "epochs" / "01.h5"
    assert "the probe is rendered here as it was there" in verify_file(shard)[-1]
    reseal(shard, {"probe_images": lambda values: values.__setitem__((0, 3), 0)})
    assert "differ from the file's probe" in refusal(verify_file, shard)
    alone = tmp_path / "alone.h5"
    alone.write_bytes(shard.read_bytes())
    assert "the probe was not rendered" in verify_file(alone)[-1]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"pack": None, "digest": "0" * 64}, "a digest needs a pack"),
        ({"pack": "https://here/x.h5", "digest": None}, "expected its digest too"),
        ({"pack": "x.h5", "digest": "0" * 63}, "digest"),
        ({"pack": "", "digest": None}, "pack"),
        ({"pack": None}, "digest"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(values, said):
    with pytest.raises(ValueError, match=said):
        SharedSettings(**values)
    assert SharedSettings(pack="s3://here/x.h5", digest="0" * 64).is_address
    assert not SharedSettings(pack="x.h5", digest=None).is_address
