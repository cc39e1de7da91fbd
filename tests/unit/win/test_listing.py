import os
import shutil
import subprocess
import sys

import pytest
from tests.image_folders import CLASSES, write_folder

from mimic.cli import InputError
from mimic.win.listing import Piece, count_folder_classes, list_folder, read_pieces


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "images")


def test_a_folder_is_listed_in_the_order_of_its_names(folder):
    listing = list_folder(folder)
    assert listing.class_names == CLASSES
    assert (listing.n_classes, listing.n_images("train"), listing.n_images("val")) == (3, 24, 9)
    paths = [folder / path for path in listing.relative_paths("train")]
    assert paths == sorted(path for path in (folder / "train").rglob("*.*"))
    sizes = [size for files in listing.files["train"] for _, size in files]
    assert sizes == [path.stat().st_size for path in paths]


def test_the_digest_tells_names_and_sizes_and_nothing_else(folder, tmp_path):
    digest = list_folder(folder).digest()
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    (moved / "train" / "n01" / "notes.txt").write_text("no image")
    assert list_folder(moved, n_threads=1).digest() == digest
    one = moved / "val" / "n02" / "n02_1.JPEG"
    one.write_bytes(one.read_bytes() + b"\0")
    longer = list_folder(moved).digest()
    one.rename(one.with_name("n02_1b.JPEG"))
    assert len({digest, longer, list_folder(moved).digest()}) == 3


def test_pieces_of_all_shards_are_all_images_once(folder):
    listing = list_folder(folder)
    assert listing.pieces("train", 6, 18) == [
        Piece(0, "n01", 6, 8),
        Piece(1, "n02", 0, 8),
        Piece(2, "n03", 0, 2),
    ]
    for per_shard in (1, 5, 8, 100):
        found = []
        for start in range(0, 24, per_shard):
            pieces = listing.pieces("train", start, start + per_shard)
            found += read_pieces(folder, "train", pieces, listing.digest_of("train", pieces))
        assert found == [str(folder / path) for path in listing.relative_paths("train")]


def test_a_file_that_came_after_the_listing_is_noticed_in_its_classes_alone(folder):
    listing = list_folder(folder)
    pieces = {label: listing.pieces("train", 8 * label, 8 * label + 8) for label in (0, 1)}
    shutil.copy(folder / "train/n02/n02_0.JPEG", folder / "train/n02/n02_00.JPEG")
    read_pieces(folder, "train", pieces[0], listing.digest_of("train", pieces[0]))
    with pytest.raises(InputError, match=r"train: files of n02 were added, removed or changed since the run"):
        read_pieces(folder, "train", pieces[1], listing.digest_of("train", pieces[1]))


@pytest.mark.parametrize("part", ["train", "val"])
def test_a_missing_part_is_named(folder, part):
    shutil.rmtree(folder / part)
    with pytest.raises(InputError, match=rf"win.data.path: .*no such folder: .*{part}"):
        list_folder(folder)


def test_classes_that_differ_are_named(folder):
    shutil.rmtree(folder / "val" / "n03")
    with pytest.raises(InputError, match=r"val: class 'n03' is missing"):
        list_folder(folder)
    with pytest.raises(InputError, match=r"val: class 'n03' is missing"):
        count_folder_classes(folder)


def test_a_class_without_images_is_named(folder):
    for path in (folder / "val" / "n03").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"val/n03: no images; expected files ending in"):
        list_folder(folder)


def test_a_link_that_leads_nowhere_is_named(folder):
    os.symlink(folder / "nowhere", folder / "train" / "n01" / "lost.JPEG")
    with pytest.raises(InputError, match=r"train/n01/lost.JPEG: No such file"):
        list_folder(folder)


def test_nothing_that_is_asked_for_at_planning_imports_torch():
    program = "import sys, mimic.win.listing, mimic.win.shards; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
