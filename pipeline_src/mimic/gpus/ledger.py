"""Which place on which GPU a job gets: arithmetic alone, no files, no clock.

A GPU has places, and memory that jobs claim before they allocate it. A job gets the least loaded GPU where a
place is free and its claim fits; who has waited longer goes first.
"""

from dataclasses import dataclass, replace

#: MB of a GPU that no one may claim: the driver's own, and what estimates leave out.
RESERVE_MB = 500
#: Seconds in which a job may not have allocated yet what it claimed.
SETTLING_SECONDS = 120
#: Seconds after which a job that needs much memory is no longer passed by smaller ones.
PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Owner:
    """A job that holds a place.

    Parameters
    ----------
    place : int
    pid : int
        For people who look; whether the owner lives is known from the lock.
    what : str
        A few words, such as ``train_teacher 7``.
    since : float
        Seconds since 1970.
    claim_mb : int
        Memory on the GPU that it may allocate.
    """

    place: int
    pid: int
    what: str
    since: float
    claim_mb: int


@dataclass(frozen=True)
class Ticket:
    """A job that waits.

    Parameters
    ----------
    pid, what, since, claim_mb
        See `Owner`.
    gpus : tuple of str
        Names of the GPUs that it may use.
    places : int
        It goes where fewer jobs than these are.
    """

    pid: int
    what: str
    since: float
    claim_mb: int
    gpus: tuple
    places: int


@dataclass(frozen=True)
class Room:
    """A GPU with its living owners.

    Parameters
    ----------
    name : str
    total_mb, free_mb : int or None
        As the driver says; None where it does not, and then only what is known decides.
    owners : tuple of Owner
    closed_from_mb : int or None
        Claims of so much or more are not let in, since such a job failed there lately.
    """

    name: str
    total_mb: int | None
    free_mb: int | None
    owners: tuple = ()
    closed_from_mb: int | None = None

    def claim_of(self, ticket):
        """MB of a job here: one that estimates more than the whole GPU may try, alone."""
        if self.total_mb is None:
            return ticket.claim_mb
        return max(0, min(ticket.claim_mb, self.total_mb - RESERVE_MB))

    def claimed_mb(self):
        """MB of all owners' claims."""
        return sum(owner.claim_mb for owner in self.owners)

    def admits(self, ticket):
        """Whether a job may use this GPU at all."""
        closed = self.closed_from_mb is not None and ticket.claim_mb >= self.closed_from_mb
        return self.name in ticket.gpus and not closed

    def fits(self, ticket, now):
        """Whether a job may start here now."""
        if not self.admits(ticket) or len(self.owners) >= ticket.places:
            return False
        claim = self.claim_of(ticket)
        if self.total_mb is not None and self.claimed_mb() + claim > self.total_mb - RESERVE_MB:
            return False
        young = sum(owner.claim_mb for owner in self.owners if now - owner.since < SETTLING_SECONDS)
        return self.free_mb is None or young + claim <= self.free_mb

    def would_fit(self, ticket):
        """Whether a job might start here once the owners have gone, whatever others keep."""
        if not self.admits(ticket):
            return False
        return self.free_mb is None or self.claim_of(ticket) <= self.free_mb + self.claimed_mb()

    def place(self):
        """The lowest place that is free."""
        taken = {owner.place for owner in self.owners}
        return next(place for place in range(len(taken) + 1) if place not in taken)

    def taken_by(self, ticket, now):
        """The GPU with one more owner."""
        owner = Owner(self.place(), ticket.pid, ticket.what, now, self.claim_of(ticket))
        return replace(self, owners=(*self.owners, owner))


def choose(rooms, ticket, older, now):
    """The GPU that a job gets now.

    Those who have waited longer get theirs first, in thought: a place that one of them can take is left to
    it, and a GPU that would be large enough for one which has lost its patience is not taken by later ones.
    Who cannot start now and is still patient is passed by.

    Parameters
    ----------
    rooms : list of Room
    ticket : Ticket
    older : list of Ticket
        Of living jobs, the longest waiting first.
    now : float
        Seconds since 1970.

    Returns
    -------
    Room or None
        As it is after the job's start, its owner the last; None: wait.
    """
    rooms = {room.name: room for room in rooms}
    kept = set()
    for waiting in (*older, ticket):
        fitting = [room for room in rooms.values() if room.name not in kept and room.fits(waiting, now)]
        if fitting:
            least = min(fitting, key=lambda room: (len(room.owners), room.claimed_mb()))
            rooms[least.name] = least.taken_by(waiting, now)
            if waiting is ticket:
                return rooms[least.name]
        elif waiting is not ticket and now - waiting.since > PATIENCE_SECONDS:
            kept |= {room.name for room in rooms.values() if room.would_fit(waiting)}
    return None
