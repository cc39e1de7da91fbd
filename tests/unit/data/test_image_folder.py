import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mimic.cli import InputError
from mimic.data import image_folder


def save(path, array_or_image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = array_or_image
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.save(path, **options)
    return path


def plain(colour=(200, 100, 50), size=(32, 32), mode="RGB"):
    return Image.new(mode, size, colour)


@pytest.fixture
def folder(tmp_path):
    for part, n_images in (("train", 3), ("test", 2)):
        for label, name in enumerate(("cat", "dog")):
            for index in range(n_images):
                save(tmp_path / part / name / f"{index}.png", plain((100 * label, 10 * index, 7)))
    return tmp_path


def test_classes_and_files_stand_in_the_order_of_their_names(folder):
    save(folder / "train" / "cat" / "10.png", plain())
    files = image_folder.list_images(folder)
    assert files.class_names == ("cat", "dog")
    assert [path.rsplit("/", 2)[1:] for path in files.paths["train"]] == [
        *(["cat", name] for name in ("0.png", "1.png", "10.png", "2.png")),
        *(["dog", name] for name in ("0.png", "1.png", "2.png")),
    ]
    assert files.labels["train"].tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert files.labels["train"].dtype == np.int64


def test_images_are_read_in_the_order_asked_for(folder):
    source = image_folder.load(folder, n_threads=3)
    images = source.read_images("train", np.array([5, 0]))
    assert images.shape == (2, 3, 32, 32)
    assert images.dtype == np.uint8
    assert images[:, :, 4, 4].tolist() == [[100, 20, 7], [0, 0, 7]]


def test_hidden_files_other_extensions_and_inner_folders_are_ignored(folder):
    (folder / "train" / "cat" / ".0.png").write_bytes(b"half an upload")
    (folder / "train" / "cat" / "notes.txt").write_text("not an image")
    (folder / "train" / "cat" / "inner.png").mkdir()
    (folder / "train" / ".cache").mkdir()
    (folder / "train" / "list.csv").write_text("not a class")
    files = image_folder.list_images(folder)
    assert files.class_names == ("cat", "dog")
    assert len(files.paths["train"]) == 6


def test_extensions_count_in_any_case(folder):
    save(folder / "train" / "cat" / "Z.JPG", plain(), format="JPEG")
    assert len(image_folder.list_images(folder).paths["train"]) == 7


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=r"data\.path: no such folder: .*/nowhere"):
        image_folder.list_images(tmp_path / "nowhere")


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_missing_part_is_named(folder, part):
    (folder / part).rename(folder / "elsewhere")
    with pytest.raises(InputError, match=f"no such folder: .*/{part}$"):
        image_folder.list_images(folder)


def test_no_class_at_all_is_refused(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "test").mkdir()
    with pytest.raises(InputError, match="train: no images: expected a folder for each class"):
        image_folder.list_images(tmp_path)


@pytest.mark.parametrize(("part", "other"), [("train", "test"), ("test", "train")])
def test_a_class_of_one_part_that_the_other_lacks_is_named(folder, part, other):
    save(folder / part / "frog" / "0.png", plain())
    with pytest.raises(InputError, match=f"/{other}: class 'frog' is missing, it is in .*/{part}; each"):
        image_folder.list_images(folder)


def test_a_class_without_images_is_named_with_what_was_found_instead(folder):
    for file in (folder / "test" / "dog").iterdir():
        file.rename(file.with_suffix(".text"))
    with pytest.raises(InputError, match=r"test/dog: no images among 2 files such as '0\.text'"):
        image_folder.list_images(folder)


@pytest.mark.parametrize(
    ("suffix", "image", "expected"),
    [
        (".png", plain(120, mode="L"), (120, 120, 120)),
        (".png", plain(1, mode="1"), (255, 255, 255)),
        (".png", plain((10, 20, 30)).quantize(4), (10, 20, 30)),
        (".png", plain((10, 20, 30, 255), mode="RGBA"), (10, 20, 30)),
        (".png", plain((10, 20, 30, 0), mode="RGBA"), (255, 255, 255)),
        (".png", plain((60, 51), mode="LA"), (216, 216, 216)),  # 255 - 51/255 * (255 - 60)
        (".png", Image.fromarray(np.full((32, 32), 257 * 77, np.uint16)), (77, 77, 77)),
        (".tif", Image.fromarray(np.full((32, 32), 257 * 77, np.uint16)), (77, 77, 77)),
        (".pgm", Image.fromarray(np.full((32, 32), 257 * 77, np.int32)), (77, 77, 77)),
        (".tif", plain((0, 255, 255, 0), mode="CMYK"), (255, 0, 0)),
        (".gif", plain((255, 0, 0)), (255, 0, 0)),
        (".bmp", plain((1, 2, 3)), (1, 2, 3)),
        (".ppm", plain((1, 2, 3)), (1, 2, 3)),
        (".webp", plain(120, mode="L"), (120, 120, 120)),
    ],
)
def test_any_mode_becomes_rgb(tmp_path, suffix, image, expected):
    options = {"lossless": True} if suffix == ".webp" else {}
    path = save(tmp_path / f"image{suffix}", image, **options)
    pixels = image_folder.read_image(path)
    assert pixels.shape == (3, 32, 32)
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, np.broadcast_to(np.array(expected)[:, None, None], (3, 32, 32)))


def test_a_cmyk_jpeg_becomes_rgb(tmp_path):
    path = save(tmp_path / "a.jpg", plain((0, 255, 255, 0), mode="CMYK"), quality=100)
    assert np.abs(image_folder.read_image(path)[:, 8, 8].astype(int) - [255, 0, 0]).max() <= 3  # lossy


def test_a_transparent_palette_colour_lies_over_white(tmp_path):
    image = plain((10, 20, 30)).quantize(4)
    path = save(tmp_path / "a.png", image, transparency=image.getpixel((0, 0)))
    assert image_folder.read_image(path)[:, 0, 0].tolist() == [255, 255, 255]


def test_an_image_of_the_right_size_keeps_its_pixels(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    path = save(tmp_path / "a.png", pixels)
    assert np.array_equal(image_folder.read_image(path), pixels.transpose(2, 0, 1))


@pytest.mark.parametrize("size", [(1, 1), (64, 64), (100, 7), (31, 500)])
def test_any_size_becomes_32_by_32(tmp_path, size):
    path = save(tmp_path / "a.png", plain(size=size))
    pixels = image_folder.read_image(path)
    assert np.array_equal(pixels, np.broadcast_to(np.array([200, 100, 50])[:, None, None], (3, 32, 32)))


def test_shrinking_averages_and_does_not_skip_pixels(tmp_path):
    # A checkerboard of single pixels: without antialias it would stay black and white.
    board = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    path = save(tmp_path / "a.png", board)
    assert np.abs(image_folder.read_image(path).astype(int) - 127.5).max() < 8


def test_rows_stay_rows_and_the_whole_image_is_kept(tmp_path):
    image = np.zeros((96, 32, 3), np.uint8)
    image[:48, :, 0] = 255
    pixels = image_folder.read_image(save(tmp_path / "a.png", image))
    assert (pixels[0, :14] == 255).all()
    assert (pixels[0, 18:] == 0).all()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif", ".bmp", ".webp", ".tif"])
def test_a_truncated_image_is_named(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = save(tmp_path / f"half{suffix}", noise)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=rf"half\{suffix}: not a readable image: \S"):
        image_folder.read_image(path)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"])
def test_what_is_no_image_is_named(tmp_path, content):
    path = tmp_path / "page.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"page\.jpg: not a readable image"):
        image_folder.read_image(path)


def test_postscript_under_an_image_name_is_not_run(tmp_path):
    path = tmp_path / "drawing.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n")
    with pytest.raises(InputError, match="no known image format"):
        image_folder.read_image(path)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_32_bits_a_channel_are_refused(tmp_path, dtype):
    path = save(tmp_path / "depth.tif", np.zeros((8, 8), dtype))
    with pytest.raises(InputError, match=r"depth\.tif: expected 8 or 16 bits a channel, found 32"):
        image_folder.read_image(path)


def test_a_link_that_leads_nowhere_is_named_and_not_left_out(folder):
    (folder / "train" / "cat" / "lost.png").symlink_to(folder / "nowhere.png")
    files = image_folder.list_images(folder)
    with pytest.raises(InputError, match=r"cat/lost\.png: not a readable image: .*No such file"):
        image_folder.read_images(files.paths["train"])


def png_claiming(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("width", [6_500, 10_000, 60_000])  # PIL itself: silent, warns, refuses
def test_a_decompression_bomb_is_refused_without_decoding(tmp_path, width):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_claiming(width, 10_000))
    with pytest.raises(InputError, match=r"bomb\.png: ") as caught:
        list(image_folder.for_each(image_folder.open_image, [str(path)], 1))
    assert "pixels" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_first_error_in_the_order_of_the_paths_is_raised(tmp_path):
    paths = [str(tmp_path / f"{index}.png") for index in range(3000)]
    with pytest.raises(InputError, match=r"/0\.png"):
        image_folder.read_images(paths, n_threads=4)


def test_threads_change_no_byte(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (20, 40, 50, 3), dtype=np.uint8)
    paths = [str(save(tmp_path / f"{index}.jpg", image)) for index, image in enumerate(noise)]
    assert np.array_equal(image_folder.read_images(paths, 1), image_folder.read_images(paths, 4))
