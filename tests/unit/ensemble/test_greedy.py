import math

import numpy as np
import pytest

from mimic.ensemble.greedy import accuracy_and_loss, select_greedily


def margins(*values):
    """Logits of two classes whose difference is given: positive means class 0, the right one."""
    return np.float32([[value, 0.0] for value in values])


RIGHT = np.zeros(4, np.int64)

# Four images, class 0 is right. Alone: trial 1 has 3 of 4, trials 2 and 3 have 2, trial 4 has 1.
#   1: + + + -    2: + - - +    3: - - + +    4: - - - +
CASE = {
    1: margins(3, 1, 1, -2),
    2: margins(1, -2, -2, 3),
    3: margins(-4, -2, 4, 4),
    4: margins(-1, -0.5, -0.5, 9),
}


def test_a_case_worked_by_hand():
    """First 1 (3 of 4). Sums with 1: 2 gives 4,-1,-1,1 (2); 3 gives -1,-1,5,2 (2); 4 gives 2,.5,.5,7 (4).

    Then of 1 and 4: with 2 it is 3,-1.5,-1.5,10 (2), with 3 it is -2,-1.5,4.5,11 (2); the tie is broken by
    the loss of the mean: 2 has ln(1+e^-1) + 2 ln(1+e^.5) + ln(1+e^-3.33) = .31 + .97 * 2 + .04 = 2.30, and
    3 has ln(1+e^.67) + ln(1+e^.5) + ln(1+e^-1.5) + ln(1+e^-3.67) = 1.08 + .97 + .20 + .03 = 2.28: trial 3.
    """
    assert select_greedily(CASE, RIGHT, 1) == [1]
    assert select_greedily(CASE, RIGHT, 2) == [1, 4]
    assert select_greedily(CASE, RIGHT, 3) == [1, 4, 3]
    assert select_greedily(CASE, RIGHT, 4) == [1, 4, 3, 2]


def test_the_worst_single_net_may_be_the_best_second_member():
    accuracies = {trial: accuracy_and_loss(logits, RIGHT)[0] for trial, logits in CASE.items()}
    assert accuracies == {1: 0.75, 2: 0.5, 3: 0.5, 4: 0.25}
    assert select_greedily(CASE, RIGHT, 2)[1] == 4


def test_ties_in_accuracy_go_to_the_lower_loss():
    logits = {1: margins(1, 1, 1, 1), 2: margins(2, 2, 2, 2), 3: margins(1.5, 1.5, 1.5, 1.5)}
    assert select_greedily(logits, RIGHT, 1) == [2]


def test_ties_in_loss_too_go_to_the_lower_number():
    same = margins(1, -1, 1, 1)
    assert select_greedily({9: same, 4: same, 7: same}, RIGHT, 3) == [4, 7, 9]


def test_no_net_is_taken_twice():
    """Taking the best again and again would never lose accuracy; it is not allowed."""
    logits = {1: margins(9, 9, 9, 9), 2: margins(-1, -1, -1, -1), 3: margins(-2, -2, -2, -2)}
    assert sorted(select_greedily(logits, RIGHT, 3)) == [1, 2, 3]


def test_an_ensemble_of_one_is_the_best_net():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 5, 40)
    logits = {trial: generator.normal(size=(40, 5)) for trial in range(12)}
    best = max(logits, key=lambda trial: (logits[trial].argmax(axis=1) == labels).mean())
    counts = [(values.argmax(axis=1) == labels).sum() for values in logits.values()]
    assert counts.count(max(counts)) == 1
    assert select_greedily(logits, labels, 1) == [best]


def test_the_order_in_which_trials_are_given_does_not_matter():
    assert select_greedily(dict(reversed(CASE.items())), RIGHT, 4) == select_greedily(CASE, RIGHT, 4)


def test_logits_are_averaged_before_the_softmax():
    """One net is right by 10, two are wrong by 3: logits average to +4/3, probabilities to class 1."""
    logits = {1: margins(10.0), 2: margins(-3.0), 3: margins(-3.0)}
    probabilities = np.mean([1 / (1 + math.exp(-m)) for m in (10.0, -3.0, -3.0)])
    assert probabilities < 0.5
    mean = np.mean([logits[t] for t in logits], axis=0)
    assert accuracy_and_loss(mean, RIGHT[:1])[0] == 1.0


def test_too_few_trials_are_refused():
    with pytest.raises(ValueError, match="expected at least 5 trials, got 4"):
        select_greedily(CASE, RIGHT, 5)


def test_loss_and_accuracy_are_those_of_the_softmax_without_overflow():
    accuracy, loss = accuracy_and_loss(
        np.float64([[1000, 0, 0], [0, 1000, 0], [0, 0, 0]]), np.int64([0, 2, 1])
    )
    assert accuracy == pytest.approx(1 / 3)
    assert loss == pytest.approx((0 + 1000 + math.log(3)) / 3)
