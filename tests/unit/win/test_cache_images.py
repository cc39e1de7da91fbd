import os

import h5py
import numpy as np
import pytest
from PIL import Image
from tests.image_folders import write_folder
from tests.unit.win.folder_files import cache, shard_arguments

from mimic.artifact import part_of
from mimic.cli import InputError
from mimic.console.verify import verify_file
from mimic.sealed import open_sealed
from mimic.win import cache_images
from mimic.win.listing import list_folder
from mimic.win.shards import Shards


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("images") / "images")


@pytest.fixture(scope="module")
def shards(folder, tmp_path_factory):
    return cache(folder, tmp_path_factory.mktemp("shards"))


def test_shards_hold_every_image_whole_and_squeezed_with_its_size(folder, shards):
    listing = list_folder(folder)
    with Shards(shards, 2) as opened:
        assert (opened.size, opened.n_classes, opened.listing) == (48, 3, listing.digest())
        for part, per_class in (("train", 8), ("val", 3)):
            paths = [folder / path for path in listing.relative_paths(part)]
            found = opened.read(part, np.arange(len(paths)))
            assert opened.labels[part].tolist() == [label for label in range(3) for _ in range(per_class)]
            for row, path in enumerate(paths):
                with Image.open(path) as image:
                    assert (opened.widths[part][row], opened.heights[part][row]) == image.size
                    if "A" in image.getbands():
                        continue  # laid over white, not black
                    theirs = image.convert("RGB").resize((48, 48), Image.Resampling.BILINEAR)
                assert np.array_equal(found[row].transpose(1, 2, 0), np.asarray(theirs)), path


def test_rows_are_read_in_any_order(shards):
    rows = np.array([23, 0, 7, 7, 6, 14])
    with Shards(shards, 3) as opened:
        whole = opened.read("train", np.arange(24))
        assert np.array_equal(opened.read("train", rows), whole[rows])
        assert len({image.tobytes() for image in whole}) == 24


def test_hdf5_reads_a_shard_too(shards):
    with h5py.File(shards / "train-00001.h5") as file, Shards(shards) as opened:
        assert file["row"][:].tolist() == list(range(7, 14))
        assert np.array_equal(file["images"][2], opened.read("train", np.array([9]))[0])


def test_a_shard_says_what_it_was_made_from(folder, shards):
    with open_sealed(shards / "val-00001.h5") as file:
        assert file.attributes["provenance"]["sources"] == {"listing": list_folder(folder).digest()}
        assert file.attributes["provenance"]["settings"]["cache_size"] == 48


def test_verify_knows_a_shard(folder, shards):
    said = verify_file(shards / "val-00001.h5")
    assert said[0].startswith("mimic.images: seal, structure and all checksums of 4 arrays fit")
    assert said[1] == f"2 images of part val of listing {list_folder(folder).digest()[:16]}"


def test_an_image_that_cannot_be_decoded_is_named(tmp_path):
    folder = write_folder(tmp_path / "images", 2, 2)
    (folder / "train" / "n02" / "n02_1.JPEG").write_bytes(b"\xff\xd8 broken")
    with pytest.raises(InputError, match=r"train/n02/n02_1.JPEG: not a readable image"):
        cache_images.main(shard_arguments(folder, tmp_path / "out", "train", 0))
    assert not (tmp_path / "out" / "train-00000.h5").exists()


def test_a_shard_that_was_cut_short_goes_on_to_the_same_bytes(folder, shards, tmp_path, monkeypatch):
    arguments = shard_arguments(folder, tmp_path, "train", 0)
    decode, decoded = cache_images.decoded_square, []

    def dies(path, size):
        if path.endswith("n01_4.png"):
            raise KeyboardInterrupt
        return decode(path, size)

    monkeypatch.setattr(cache_images, "decoded_square", dies)
    with pytest.raises(KeyboardInterrupt):
        cache_images.main(arguments)
    assert part_of(tmp_path / "train-00000.h5").exists()
    monkeypatch.setattr(
        cache_images, "decoded_square", lambda path, size: decoded.append(path) or decode(path, size)
    )
    cache_images.main(arguments)
    assert [os.path.basename(path) for path in decoded] == ["n01_4.png", "n01_5.png", "n01_6.JPEG"]
    assert (tmp_path / "train-00000.h5").read_bytes() == (shards / "train-00000.h5").read_bytes()


def damaged(shards, tmp_path):
    for path in shards.iterdir():
        os.link(path, tmp_path / path.name)
    return tmp_path


def test_a_damaged_image_is_noticed_when_it_is_read_and_no_other_is(shards, tmp_path):
    copy = damaged(shards, tmp_path)
    path = copy / "train-00001.h5"
    data = bytearray(path.read_bytes())
    with open_sealed(path) as file:
        array = file.arrays["images"]
    data[array.offset + 2 * array.row_bytes + 5] ^= 1
    path.unlink()
    path.write_bytes(data)
    with Shards(copy, 1) as opened:
        opened.read("train", np.array([8, 10]))
        with pytest.raises(InputError, match=r"train-00001.h5: images: rows 2 to 2 are damaged"):
            opened.read("train", np.array([9]))


def test_a_missing_shard_is_named(shards, tmp_path):
    copy = damaged(shards, tmp_path)
    (copy / "train-00002.h5").unlink()
    with pytest.raises(InputError, match=r"train-00002.h5: no such file"), Shards(copy):
        pass


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"listing": "0" * 64}, "listing: expected"),
        ({"n_classes": 4}, "n_classes: expected 3"),
        ({"n_part": 10}, "n_part: expected 9"),
        ({"first_row": 8}, r"row: expected rows 7 and on, got \[8\]"),
        ({"cache_size": 40}, "side: expected 48"),
        ({"pieces": [[5, "n03", 1, 3]]}, "labels 0 to 2, found 0 to 5"),
    ],
)
def test_a_shard_of_other_images_is_refused(folder, shards, tmp_path, changed, said):
    copy = damaged(shards, tmp_path)
    (copy / "val-00001.h5").unlink()
    cache_images.main(shard_arguments(folder, copy, "val", 1, **changed))
    with pytest.raises(InputError, match=said), Shards(copy):
        pass


def test_shards_of_another_size_than_wanted_are_refused(shards):
    with pytest.raises(InputError, match=r"expected sides of 40 pixels, got 48"), Shards(shards, 1, 40):
        pass
