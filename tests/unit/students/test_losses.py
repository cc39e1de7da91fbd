import math

import pytest
import torch

from mimic.students.losses import LOSSES, logit_l2


def test_logit_l2_is_the_mean_square_over_classes_and_batch():
    """(1 + 4 + 9) + (0 + 0 + 16) = 30 over 2 x 3 values."""
    student = torch.tensor([[1.0, 2.0, 3.0], [1.0, 1.0, 5.0]])
    teacher = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    assert float(logit_l2(student, teacher)) == 5.0
    assert float(logit_l2(teacher, student)) == 5.0
    assert logit_l2(student, teacher).shape == ()


def test_logit_l2_has_the_gradient_of_a_mean_square():
    student = torch.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    logit_l2(student, torch.zeros(2, 2)).backward()
    torch.testing.assert_close(student.grad, student.detach() * 2 / 4)


@pytest.mark.parametrize("shape", [(2, 1), (1, 3), (3,), (2, 3, 1), (3, 2), ()])
def test_logits_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected teacher logits of shape \(2, 3\), got"):
        logit_l2(torch.zeros(2, 3), torch.zeros(shape))


def test_cross_entropy_is_minus_the_logarithm_of_the_label_s_probability():
    logits = torch.tensor([[math.log(0.2), math.log(0.8)], [math.log(0.5), math.log(0.5)]])
    expected = -(math.log(0.8) + math.log(0.5)) / 2
    assert float(LOSSES["cross_entropy"](logits, torch.tensor([1, 0]))) == pytest.approx(expected, rel=1e-6)


def test_losses_go_by_the_names_that_the_metrics_use():
    assert set(LOSSES) == {"logit_l2", "cross_entropy"}
