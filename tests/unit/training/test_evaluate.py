import numpy as np
import pytest
import torch

from mimic.models.net import new_net
from mimic.models.student_cnn import cnn_architecture
from mimic.training.devices import choose_device
from mimic.training.evaluate import predict, score

DEVICE = choose_device("float32", "off", 1)
NET = new_net(cnn_architecture("cnn1", {"conv1": 4, "bottleneck": 5, "hidden": 6}, 3, [0.5], 0.5), 1.0, 0)


@pytest.mark.parametrize("batch_size", [1, 5, 36, 1000])
def test_logits_do_not_depend_on_the_batch(dataset, batch_size):
    images = torch.from_numpy(dataset.images["train"])
    expected = predict(NET, images, DEVICE, 36)
    # sums of float32 products, blocked in another way
    torch.testing.assert_close(predict(NET, images, DEVICE, batch_size), expected, rtol=1e-5, atol=1e-5)


def test_logits_are_the_net_s_on_standardised_images_without_dropout(dataset):
    images = dataset.images["test"]
    standard = images.astype(np.float64)
    standard -= standard.mean((1, 2, 3), keepdims=True)
    standard /= standard.std((1, 2, 3), keepdims=True)
    with torch.no_grad():
        expected = NET.eval()(torch.from_numpy(standard).float())
    NET.train()
    found = predict(NET, torch.from_numpy(images), DEVICE)
    assert NET.training
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert found.dtype == torch.float32
    assert not predict(NET.eval(), torch.from_numpy(images), DEVICE).requires_grad
    assert not NET.training


def test_scores_are_what_numpy_computes():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(50, 4)).astype(np.float32) * 5
    labels = generator.integers(0, 4, 50)
    probabilities = np.exp(logits.astype(np.float64))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    accuracy, cross_entropy = score(logits, labels)
    assert accuracy == np.mean(np.argmax(probabilities, axis=1) == labels)
    assert cross_entropy == pytest.approx(-np.log(probabilities[np.arange(50), labels]).mean(), rel=1e-12)
    assert score(torch.from_numpy(logits), torch.from_numpy(labels)) == (accuracy, cross_entropy)


def test_scores_of_two_rows_by_hand():
    accuracy, cross_entropy = score(np.float32([[0, 0], [1000, 0]]), np.int64([0, 1]))
    assert accuracy == 0.5
    assert cross_entropy == pytest.approx((np.log(2) + 1000) / 2)
