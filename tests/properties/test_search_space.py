import math

from hypothesis import given
from hypothesis import strategies as st

from mimic.config.search import SearchSettings
from mimic.search.propose import sobol_points
from mimic.search.space import Dimension

positive = st.floats(1e-6, 1e6)
units = st.floats(0, math.nextafter(1.0, 0.0))


@st.composite
def dimensions(draw, name="x"):
    kind = draw(st.sampled_from(["linear", "log", "integer"]))
    if kind == "integer":
        ends = sorted(draw(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6))))
    else:
        ends = sorted(draw(st.tuples(positive, positive)))
    return Dimension(name, *ends, log=kind == "log", integer=kind == "integer")


@given(dimensions(), units, units)
def test_a_coordinate_becomes_a_value_of_the_range_in_order(dimension, u, v):
    low, high = (dimension.from_unit(x) for x in sorted((u, v)))
    assert dimension.low <= low <= high <= dimension.high
    assert dimension.contains(low)
    assert isinstance(low, int) == dimension.integer


@given(st.lists(dimensions(), min_size=1, max_size=20), st.integers(1, 20), st.integers(0, 20), st.data())
def test_every_sobol_point_lies_in_the_space(shapes, n, skip, data):
    space = [Dimension(f"x{i}", d.low, d.high, d.log, d.integer) for i, d in enumerate(shapes)]
    seed = data.draw(st.integers(0, 2**63 - 1))
    points = sobol_points(space, n, seed, skip)
    assert len(points) == n
    assert all(d.contains(point[d.name]) for point in points for d in space)
    assert points == sobol_points(space, n + skip, seed)[skip:]


searches = st.builds(
    SearchSettings, trials=st.integers(1, 60), first_round=st.integers(1, 30), round_size=st.integers(1, 12)
)


@given(searches)
def test_every_trial_is_in_exactly_one_round(search):
    rounds = [search.trials_of_round(i) for i in range(search.n_rounds())]
    assert [trial for numbers in rounds for trial in numbers] == list(range(search.trials))
    assert all(len(numbers) > 0 for numbers in rounds)
    for index, numbers in enumerate(rounds):
        assert all(search.round_of_trial(trial) == index for trial in numbers)
        assert len(numbers) <= (search.round_size if index else search.first_round)


@given(searches, st.integers(0, 40))
def test_a_round_proposes_the_same_trials_however_many_the_search_has(search, more):
    grown = search.model_copy(update={"trials": search.trials + more})
    for index in range(search.n_rounds()):
        proposed = search.proposals_of_round(index)
        assert proposed == grown.proposals_of_round(index)
        assert set(search.trials_of_round(index)) <= set(proposed)
        assert len(proposed) == (search.round_size if index else search.first_round)
