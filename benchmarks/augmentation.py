"""How fast images are augmented: ours against one image at a time by scipy and matplotlib, and against peers.

    taskset -c 0 python benchmarks/augmentation.py [--out benchmarks/results]

All do the same work on the same images in the same run: colour jitter in HSV, mirror, crop of 24..32, resize
to 32x32, uint8 in and out, one thread (on a GPU ours and kornia work there). Ours in one call and the
reference follow the same recipe, and their outputs are compared. The peers are timed where they are installed
(``pip install .[bench]``); they resize by cubic convolution, not by the cubic spline of the paper. Rounds
alternate between all entries, so that a busy spell of the machine hits all of them. The table shows the
median of the rounds and their range, and the median per second of processor time, which leaves out the time
in which other programs had the core.
"""

import argparse
import statistics
from pathlib import Path

import numpy as np
import scipy.ndimage
import torch
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv
from recording import alternate, claim, header, positive, write_result

from mimic.allocator import keep_memory
from mimic.augment.recipe import draw_recipe
from mimic.augment.render import Renderer, standardise
from mimic.config.augment import CropSettings, HsvSettings
from mimic.torchvision_import import import_torchvision

HSV = HsvSettings(
    hue_shift=0.06, saturation_shift=0.26, value_shift=0.20, saturation_scale=0.21, value_scale=0.13
)
CROP = CropSettings(mirror_probability=0.5, crop_min=24)


def photograph_like(n, generator):
    """Smooth random images with full contrast, uint8 (n, 3, 32, 32)."""
    images = scipy.ndimage.gaussian_filter(generator.standard_normal((n, 3, 32, 32)), (0, 0.5, 2, 2))
    low, high = images.min((1, 2, 3), keepdims=True), images.max((1, 2, 3), keepdims=True)
    return np.rint(255 * (images - low) / (high - low)).astype(np.uint8)


DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def ours(images, recipe, compile_after=0):
    """One call, compiled; the largest throughput."""
    images, renderer = torch.from_numpy(images).to(DEVICE), Renderer(DEVICE, compile_after=compile_after)
    return lambda: renderer.render(images, recipe)


def ours_eager(images, recipe):
    """The same where no compiler is installed, or for the first images of a process."""
    return ours(images, recipe, compile_after=10**12)


def ours_in_training(images, recipe):
    """As training does it: draw and render an epoch, standardise batches of 128."""
    images, renderer = torch.from_numpy(images).to(DEVICE), Renderer(DEVICE, compile_after=0)

    def run():
        drawn = draw_recipe(recipe.image_index, HSV, CROP, np.random.default_rng(0))
        rendered = renderer.render(images, drawn)
        for start in range(0, len(drawn), 128):
            standardise(rendered[start : start + 128])

    return run


def scipy_per_image(images, recipe):
    """The reference: matplotlib's HSV and scipy.ndimage.zoom(order=3), an image at a time."""

    def run():
        rendered = np.empty((len(recipe), 3, 32, 32), np.uint8)
        for row, index in enumerate(recipe.image_index):
            hsv = rgb_to_hsv(images[index].transpose(1, 2, 0) / np.float32(255))
            hsv[..., 0] = (hsv[..., 0] + recipe.hue_shift[row]) % 1
            hsv[..., 1] = hsv[..., 1] * recipe.saturation_scale[row] + recipe.saturation_shift[row]
            hsv[..., 2] = hsv[..., 2] * recipe.value_scale[row] + recipe.value_shift[row]
            pixels = 255 * hsv_to_rgb(hsv.clip(0, 1))
            if recipe.mirror[row]:
                pixels = pixels[:, ::-1]
            size, x, y = int(recipe.crop_size[row]), int(recipe.crop_x[row]), int(recipe.crop_y[row])
            for channel in range(3):
                crop = pixels[y : y + size, x : x + size, channel]
                resized = scipy.ndimage.zoom(crop, 32 / size, order=3)
                rendered[row, channel] = np.rint(resized.clip(0, 255))
        return rendered

    return run


def torchvision_v2(images, recipe):
    """An image at a time, as in a DataLoader; bicubic."""
    functional = import_torchvision("transforms.v2.functional")
    bicubic = import_torchvision("transforms").InterpolationMode.BICUBIC

    images = torch.from_numpy(images)

    def run():
        for row, index in enumerate(recipe.image_index):
            image = functional.adjust_hue(images[index], float(recipe.hue_shift[row]))
            image = functional.adjust_saturation(image, float(recipe.saturation_scale[row]))
            image = functional.adjust_brightness(image, float(recipe.value_scale[row]))
            if recipe.mirror[row]:
                image = functional.horizontal_flip(image)
            size, x, y = int(recipe.crop_size[row]), int(recipe.crop_x[row]), int(recipe.crop_y[row])
            functional.resized_crop(image, y, x, size, size, [32, 32], bicubic)

    return run


def kornia(images, recipe):
    """Batches of 128; bicubic."""
    from kornia import augmentation

    pipeline = augmentation.AugmentationSequential(
        augmentation.ColorJiggle(brightness=0.13, saturation=0.21, hue=0.06),
        augmentation.RandomHorizontalFlip(),
        augmentation.RandomResizedCrop((32, 32), scale=(0.5625, 1.0), ratio=(1.0, 1.0), resample="bicubic"),
    )
    images = torch.from_numpy(images).to(DEVICE)

    def run():
        for start in range(0, len(recipe), 128):
            batch = pipeline(images[start : start + 128].float() / 255)
            batch.mul(255).clamp(0, 255).round().to(torch.uint8)

    return run


def albumentations(images, recipe):
    """An image at a time; bicubic."""
    import albumentations as album
    import cv2

    cv2.setNumThreads(0)
    pipeline = album.Compose(
        [
            album.HueSaturationValue(hue_shift_limit=11, sat_shift_limit=66, val_shift_limit=51, p=1),
            album.HorizontalFlip(),
            album.RandomSizedCrop(
                min_max_height=(24, 32), size=(32, 32), w2h_ratio=1, interpolation=cv2.INTER_CUBIC, p=1
            ),
        ]
    )
    images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    return lambda: [pipeline(image=images[index]) for index in recipe.image_index]


def opencv(images, recipe):
    """An image at a time, HSV in uint8 as is usual there; bicubic."""
    import cv2

    cv2.setNumThreads(0)
    images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))

    def run():
        for row, index in enumerate(recipe.image_index):
            hue, saturation, value = cv2.split(cv2.cvtColor(images[index], cv2.COLOR_RGB2HSV_FULL))
            hue = hue + np.uint8(int(256 * recipe.hue_shift[row]) % 256)
            saturation = cv2.convertScaleAbs(
                saturation,
                alpha=float(recipe.saturation_scale[row]),
                beta=255 * float(recipe.saturation_shift[row]),
            )
            value = cv2.convertScaleAbs(
                value, alpha=float(recipe.value_scale[row]), beta=255 * float(recipe.value_shift[row])
            )
            image = cv2.cvtColor(cv2.merge([hue, saturation, value]), cv2.COLOR_HSV2RGB_FULL)
            if recipe.mirror[row]:
                image = cv2.flip(image, 1)
            size, x, y = int(recipe.crop_size[row]), int(recipe.crop_x[row]), int(recipe.crop_y[row])
            cv2.resize(image[y : y + size, x : x + size], (32, 32), interpolation=cv2.INTER_CUBIC)

    return run


# name: (function, images a round of the default 12,800, is it the paper's cubic spline)
ENTRIES = {
    "ours, one call": (ours, 12_800, True),
    "ours, one call, not compiled": (ours_eager, 12_800, True),
    "ours, draw + render + standardise, batches of 128": (ours_in_training, 12_800, True),
    "scipy + matplotlib, per image": (scipy_per_image, 600, True),
    "torchvision v2, per image": (torchvision_v2, 600, False),
    "kornia, batches of 128": (kornia, 2_560, False),
    "albumentations, per image": (albumentations, 2_000, False),
    "OpenCV, per image": (opencv, 4_000, False),
}
N_IMAGES = 12_800
OURS, OURS_EAGER, OURS_IN_TRAINING, REFERENCE, *PEERS = ENTRIES

PACKAGES = (
    "mimic",
    "numpy",
    "scipy",
    "matplotlib",
    "torch",
    "torchvision",
    "kornia",
    "albumentations",
    "opencv-python-headless",
)


def measure(n_images, n_rounds):
    """Images a second of every entry in every round by two clocks, and our images against the reference's."""
    generator = np.random.default_rng(0)
    images = photograph_like(n_images, generator)
    recipe = draw_recipe(generator.permutation(n_images), HSV, CROP, generator)
    runs, counts, left_out = {}, {}, {}
    for name, (make, n, _) in ENTRIES.items():
        counts[name] = max(1, n * n_images // N_IMAGES)
        try:
            runs[name] = make(images, recipe.rows(0, counts[name]))
        except ImportError as error:
            left_out[name] = " ".join(str(error).split())
            print(f"{name}: left out: {left_out[name]}")
    clocks = dict(zip(("wall", "processor"), alternate(runs, n_rounds), strict=True))
    rates = {
        name: {clock: [counts[name] / t for t in seconds[name]] for clock, seconds in clocks.items()}
        for name in runs
    }
    reference = runs[REFERENCE]().astype(int)
    difference = np.abs(runs[OURS]()[: len(reference)].cpu().numpy() - reference)
    against = {"largest_levels": int(difference.max()), "share_of_values": float((difference > 0).mean())}
    return rates, against, left_out


def claims_of(rates):
    """Ours in one call against every peer, and in training against the reference, by the wall clock."""
    wall = {name: clocks["wall"] for name, clocks in rates.items()}
    task = "augmented, " + ("one GPU" if DEVICE.type == "cuda" else "one thread")
    claims = [
        claim(f"{task}, one call", "images/s", wall[OURS], REFERENCE, wall[REFERENCE]),
        claim(f"{task}, one call", "images/s", wall[OURS], "the same, not compiled", wall[OURS_EAGER]),
        claim(
            f"{task}, drawn, rendered, standardised in batches of 128",
            "images/s",
            wall[OURS_IN_TRAINING],
            f"{REFERENCE}, rendered alone",
            wall[REFERENCE],
        ),
    ]
    for peer in PEERS:
        if peer in wall:
            name = f"{peer} (cubic convolution)"
            claims.append(claim(f"{task}, one call", "images/s", wall[OURS], name, wall[peer]))
    return claims


def main(argv=None):
    """Measure, print a table, write a dated JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder")
    parser.add_argument("--images", type=positive, default=N_IMAGES, help="a round of ours; peers fewer")
    parser.add_argument("--rounds", type=positive, default=5)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    keep_memory()  # as the stages do; for all entries alike
    machine = header(PACKAGES)
    rates, difference, left_out = measure(arguments.images, arguments.rounds)
    medians = {
        name: {clock: round(statistics.median(values)) for clock, values in clocks.items()}
        for name, clocks in rates.items()
    }
    reference = medians[REFERENCE]["wall"]
    print(f"{'':50}{'images/s':>9}{'range':>18}{'processor':>11}{'x scipy':>9}  cubic spline")
    for name, median in medians.items():
        spread = f"{min(rates[name]['wall']):,.0f} to {max(rates[name]['wall']):,.0f}"
        spline = "yes" if ENTRIES[name][2] else "no"
        print(
            f"{name:50}{median['wall']:9,}{spread:>18}{median['processor']:11,}"
            f"{median['wall'] / reference:9.1f}  {spline}"
        )
    print(
        f"ours against scipy + matplotlib: at most {difference['largest_levels']} level, "
        f"{difference['share_of_values']:.4%} of values differ"
    )
    result = {
        **machine,
        "n_images": arguments.images,
        "median_images_per_second": medians,
        "images_per_second": {
            name: {clock: [round(value) for value in values] for clock, values in clocks.items()}
            for name, clocks in rates.items()
        },
        "cubic_spline": {name: ENTRIES[name][2] for name in rates},
        "ours_against_scipy": difference,
        "left_out": left_out,
    }
    write_result(arguments.out, "augmentation", result, claims_of(rates))


if __name__ == "__main__":
    main()
