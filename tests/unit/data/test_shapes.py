import numpy as np
import pytest

from mimic import artifact, seeding
from mimic.data import shapes


def draw(n_images, seed=1):
    return shapes.generate(n_images, seeding.numpy_generator(seed, "shapes"))


def test_the_same_seed_gives_the_same_bytes_as_ever():
    images, labels = draw(300)
    digest = artifact.digest_arrays(images=images, labels=labels)
    assert digest == "900b22a130f3cf1caf222d727833acf0ce2bd68e13d34e6871aab9d0d50ca898"


def test_another_seed_gives_other_images():
    assert not np.array_equal(draw(20, seed=1)[0], draw(20, seed=2)[0])


@pytest.mark.parametrize("n_images", [0, 1, 10, 127, 128, 129, 305])
def test_images_are_uint8_nchw_and_classes_balanced(n_images):
    images, labels = draw(n_images)
    assert images.shape == (n_images, 3, 32, 32)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    counts = np.bincount(labels, minlength=10)
    assert counts.max() - counts.min() <= 1
    assert counts.sum() == n_images


def test_labels_stand_in_random_order():
    _, labels = draw(1000)
    assert abs(np.corrcoef(labels, np.arange(1000))[0, 1]) < 0.1  # 3 standard errors of an unrelated order


def test_no_two_images_are_the_same():
    images, _ = draw(500)
    assert len({image.tobytes() for image in images}) == 500


def test_each_outline_covers_a_fair_share_and_leaves_the_corners():
    # Rings and crescents are hollow: look at the share of a 2.4 x 2.4 box that is covered, not at its centre.
    axis = np.linspace(-1.2, 1.2, 241)
    u, v = np.meshgrid(axis, axis)
    for name, outline in zip(shapes.CLASS_NAMES, shapes.OUTLINES, strict=True):
        distance = outline(u, v)
        share = np.mean(distance < 0)
        assert 0.15 < share < 0.55, name
        assert distance[0, 0] > 0, name
        assert distance[-1, -1] > 0, name


def test_the_disc_has_the_area_of_a_disc():
    axis = np.linspace(-1, 1, 401)
    u, v = np.meshgrid(axis, axis)
    area = 4 * np.mean(shapes.OUTLINES[0](u, v) < 0)
    assert area == pytest.approx(np.pi * 0.95**2, rel=0.01)


def test_textures_give_shares_between_dark_and_light():
    generator = seeding.numpy_generator(3, "textures")
    s, t, noise = generator.random((3, 4, 32, 32)) * np.array([40, 40, 1])[:, None, None, None]
    for name, texture in zip(shapes.TEXTURES, shapes.TEXTURE_LIGHT, strict=True):
        light = texture(s, t, noise)
        assert light.shape == s.shape, name
        assert light.min() >= 0, name
        assert light.max() <= 1, name
        assert light.std() > 0.05, name


def ridge_accuracy(features, labels, n_fit):
    """Accuracy of a linear reading of features, fitted on the first rows and measured on the rest."""
    features = (features - features[:n_fit].mean(0)) / features[:n_fit].std(0)
    features = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    fit, targets = features[:n_fit], np.eye(10)[labels[:n_fit]]
    weights = np.linalg.solve(fit.T @ fit + n_fit * 0.1 * np.eye(fit.shape[1]), fit.T @ targets)
    return np.mean(np.argmax(features[n_fit:] @ weights, axis=1) == labels[n_fit:])


def test_local_structure_tells_the_class_where_pixels_and_colours_do_not():
    images, labels = draw(3000)
    pixels = images.astype(np.float64)
    grey = pixels.mean(1)
    grey = (grey - grey.mean((1, 2), keepdims=True)) / grey.std((1, 2), keepdims=True)
    # Averages over all positions of how much neighbours at a lag differ: what one convolution can see.
    structure = []
    for lag in range(1, 7):
        for difference in (grey[:, lag:] - grey[:, :-lag], grey[:, :, lag:] - grey[:, :, :-lag]):
            structure += [np.abs(difference).mean((1, 2)), (difference**2).mean((1, 2))]
    structure.append((grey**3).mean((1, 2)))

    # Chance is 0.1; the bars are five standard errors (0.01 to 0.015) or more from what was measured.
    n_fit = 2000
    assert ridge_accuracy(np.stack(structure, axis=1), labels, n_fit) > 0.33
    assert ridge_accuracy(pixels[:, :, ::4, ::4].reshape(3000, -1), labels, n_fit) < 0.2
    assert ridge_accuracy(pixels.mean((2, 3)), labels, n_fit) < 0.2
