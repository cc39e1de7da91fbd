"""Decode a shard of a folder's images once: whole images, squeezed to squares of one size."""

import sys
from functools import partial
from typing import Literal

import numpy as np
from PIL import Image
from pydantic import Field

from mimic.artifact import provenance_of
from mimic.cli import parse_settings, run_stage, stage_parser, whole_number
from mimic.config.base import Settings
from mimic.fingerprint import of_stage
from mimic.image_files import for_each, open_image, to_rgb
from mimic.progress import Report
from mimic.win.listing import Piece, read_pieces
from mimic.win.shards import write_shard

STAGE = "mimic.win.cache_images"
_STEP = 256  # images a line of the log


class ShardSettings(Settings):
    """Which images a shard holds, and how large.

    Parameters
    ----------
    part : str
    first_row : int
        Of the shard's images in their part.
    pieces : list of (label, class, first, stop)
        See `mimic.win.listing.Piece`.
    files : str
        `mimic.win.listing.Listing.digest_of` the pieces.
    listing : str
        Digest of the whole folder.
    n_part : int
        Images of the part.
    """

    part: Literal["train", "val"]
    first_row: int = Field(ge=0)
    pieces: list[tuple[int, str, int, int]] = Field(min_length=1)
    files: str
    listing: str
    n_part: int = Field(ge=1)
    n_classes: int = Field(ge=2)
    cache_size: int = Field(ge=1)


def cache_images(paths, size, n_threads=None):
    """Images decoded, and squeezed to squares by a bilinear filter with antialias.

    Parameters
    ----------
    paths : list of str
    size : int
        Side of the squares.
    n_threads : int, optional
        As many as there are processors, unless given.

    Yields
    ------
    pixels : uint8 array, shape (3, size, size)
    width, height : int
        Of the original.

    Raises
    ------
    InputError
        If a file is no readable image; names it.
    """
    yield from for_each(partial(decoded_square, size=size), paths, n_threads)


def decoded_square(path, size):
    """One of the images of `cache_images`."""
    image = to_rgb(open_image(path))
    square = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1)), *image.size


def main(argv=None):
    parser = stage_parser(__doc__, STAGE)
    parser.add_argument("--settings", required=True, help="which images, as JSON")
    parser.add_argument("--images", required=True, metavar="FOLDER", help="holds train/CLASS and val/CLASS")
    parser.add_argument("--threads", type=whole_number(1), default=1, help="threads that decode")
    parser.add_argument("--shard", required=True, help="file to write")
    args = parser.parse_args(argv)
    settings = parse_settings(ShardSettings, args.settings)
    pieces = [Piece(*piece) for piece in settings.pieces]
    paths = read_pieces(args.images, settings.part, pieces, settings.files, args.threads)
    labels = np.repeat([piece.label for piece in pieces], [piece.stop - piece.first for piece in pieces])
    rows = settings.first_row + np.arange(len(paths))
    code = of_stage(STAGE)
    provenance = provenance_of(
        "cache_images", settings.model_dump(mode="json"), None, code, listing=settings.listing
    )
    header = {name: getattr(settings, name) for name in ("listing", "part", "n_part", "n_classes")}
    done = []
    with Report(f"{_STEP} images", -(-len(paths) // _STEP)) as report:

        def on_image(held):
            done.append(held)
            if len(done) % _STEP == 0 or len(done) == len(paths):
                report.step("", min(_STEP, len(done)), held)

        write_shard(
            args.shard,
            header,
            provenance,
            labels,
            rows,
            settings.cache_size,
            lambda places: cache_images([paths[i] for i in places], settings.cache_size, args.threads),
            on_image,
            resume_key=code,
        )


if __name__ == "__main__":
    sys.exit(run_stage(main))
