"""What is shared at the paper's size: 160 epochs of 40,000 images, ten classes, 129 teachers."""

import numpy as np
from tests.augment_settings import CROP, HSV

from mimic.sealing import sealed_bytes
from mimic.shared.store import (
    FORMAT,
    N_PROBE,
    VERSION,
    Augmentation,
    PackedTargets,
    PackHeader,
    pack_layouts,
    write_pack,
)

ACCURACIES = {"n_parameters": 9, "validation_accuracy": 0.5, "test_accuracy": 0.5}
PROVENANCE = {"sources": {}, "seed": 7}
#: A trials.csv of 129 teachers has some 600 bytes a row.
TEACHERS_BYTES = 129 * 600
LENGTHS = {"rows_train": 40_000, "rows_validation": 10_000, "rows_test": 10_000, "teachers": TEACHERS_BYTES}


def header(n_members=16):
    members = [{"trial": trial, "weights_digest": "a" * 64} for trial in range(n_members)]
    return PackHeader(
        dataset_digest="d" * 64,
        ensemble={"format": "mimic.ensemble", "members": list(range(n_members)), **ACCURACIES},
        augmentation=Augmentation(seed=7, hsv=HSV, crop=CROP),
        targets=PackedTargets(members=members, provenance=PROVENANCE),
        provenance=PROVENANCE,
    )


def test_the_paper_s_targets_take_at_most_140_megabytes():
    layouts = pack_layouts(LENGTHS, 160, 40_000, 10, N_PROBE, "float16", False)
    n_bytes = sealed_bytes(FORMAT, VERSION, header().model_dump(mode="json"), layouts)
    assert 128_000_000 < n_bytes < 133_000_000


def test_a_written_pack_has_the_size_that_was_computed(tmp_path):
    """A hundredth of the paper's views; the rest of its size is linear in them."""
    n_epochs, n_images = 16, 4000
    rows = {split: np.arange(n) for split, n in (("train", n_images), ("validation", 1000), ("test", 1000))}
    logits, probe = np.zeros((n_images, 10), np.float16), np.zeros((N_PROBE, 3, 32, 32), np.uint8)
    layout = (n_epochs, n_images, 10, N_PROBE, "float16", False)
    epochs = [(bytes(32), logits, probe, None)] * n_epochs
    path = tmp_path / "pack.h5"
    write_pack(path, header(), rows, b"x" * TEACHERS_BYTES, layout, epochs)
    lengths = {f"rows_{split}": len(r) for split, r in rows.items()} | {"teachers": TEACHERS_BYTES}
    attributes = header().model_dump(mode="json")
    assert path.stat().st_size == sealed_bytes(FORMAT, VERSION, attributes, pack_layouts(lengths, *layout))
    views = n_epochs * (n_images * 20 + N_PROBE * 3072 + 32)
    assert path.stat().st_size - views - 8 * 6000 - TEACHERS_BYTES < 40_000
