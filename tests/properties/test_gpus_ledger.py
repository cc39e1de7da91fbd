"""However jobs come and go: no two owners of a place, no more claims than memory, and no one starves."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mimic.gpus.ledger import PATIENCE_SECONDS, RESERVE_MB, Room, Ticket, choose

SIZES = st.sampled_from([1000, 4000, 8000, None])


@st.composite
def rooms(draw):
    """Up to three empty GPUs."""
    sizes = draw(st.lists(SIZES, min_size=1, max_size=3))
    free = draw(st.booleans())
    return [Room(f"g{i}", size, size if free else None) for i, size in enumerate(sizes)]


@st.composite
def tickets(draw, now=1000.0):
    """A job that came at some time before now."""
    return Ticket(
        draw(st.integers(1, 10**6)),
        "job",
        now - draw(st.integers(0, 2 * PATIENCE_SECONDS)),
        draw(st.integers(0, 9000)),
        tuple(draw(st.sets(st.sampled_from(["g0", "g1", "g2"]), min_size=1))),
        draw(st.integers(1, 3)),
    )


@given(rooms(), st.lists(st.one_of(tickets(), st.integers(0, 8)), max_size=30))
def test_places_and_memory_are_never_given_twice(rooms, happenings):
    for happening in happenings:
        if isinstance(happening, int):
            owned = [(i, owner) for i, room in enumerate(rooms) for owner in room.owners]
            if owned:
                i, gone = owned[happening % len(owned)]
                rooms[i] = replace(rooms[i], owners=tuple(o for o in rooms[i].owners if o is not gone))
            continue
        room = choose(rooms, happening, [], 1000.0)
        if room is None:
            continue
        assert room.name in happening.gpus
        assert len(room.owners) <= happening.places
        rooms = [room if other.name == room.name else other for other in rooms]
        for other in rooms:
            places = [owner.place for owner in other.owners]
            assert len(set(places)) == len(places)
            if other.total_mb is not None:
                assert other.claimed_mb() <= other.total_mb - RESERVE_MB


@given(rooms(), st.lists(tickets(), min_size=1, max_size=8))
def test_someone_starts_on_empty_gpus_and_it_is_the_one_who_waits_longest(rooms, line):
    line = sorted(line, key=lambda ticket: ticket.since)
    usable = [ticket for ticket in line if {room.name for room in rooms} & set(ticket.gpus)]
    for ticket in usable[:1]:
        assert choose(rooms, ticket, line[: line.index(ticket)], 1000.0) is not None


@given(rooms(), st.lists(tickets(), min_size=2, max_size=8))
def test_what_the_older_ones_get_does_not_depend_on_the_younger(rooms, line):
    line = sorted(line, key=lambda ticket: ticket.since)
    now, taken = 1000.0, list(rooms)
    # all start one after another in the order of the line, or each chooses with the line before it in thought
    for i, ticket in enumerate(line):
        in_thought = choose(rooms, ticket, line[:i], now)
        if any(now - other.since > PATIENCE_SECONDS for other in line[:i]):
            break
        one_by_one = choose(taken, ticket, [], now)
        assert (in_thought and in_thought.name) == (one_by_one and one_by_one.name)
        if one_by_one is not None:
            taken = [one_by_one if room.name == one_by_one.name else room for room in taken]


@given(st.integers(1, 7000), st.integers(1, 7000), st.integers(1, 7500))
def test_a_job_that_lost_its_patience_is_not_passed_by_smaller_ones(held, small, large):
    room = Room("g0", 8000, 8000 - held).taken_by(Ticket(1, "held", 0, held, ("g0",), 4), 0)
    old = Ticket(2, "large", 0, large, ("g0",), 4)
    young = Ticket(3, "small", 500, small, ("g0",), 4)
    now = PATIENCE_SECONDS + 500.0
    if not room.fits(old, now):
        assert choose([room], young, [old], now) is None
