"""Places on the GPUs of one machine, as lock files that all jobs of a user share.

A place is a file ``GPU.N.place`` whose lock (flock) its owner holds. The kernel drops the lock with the
owner, however it ends, so that a killed job's place is free at once. What the file says (who, what, since
when, MB claimed) is for the ledger and for people; its pid decides nothing. Jobs that wait hold the lock of a
file in ``waiting``. All is read and changed under one more lock, ``guard``, which is held for milliseconds.

==========================  ===========================================================
file                        JSON in it
==========================  ===========================================================
``GPU.N.place``             `Owner`; a file without a lock says who was there last
``waiting/SINCE-PID``       `Ticket`
``GPU.closed``              ``until`` (seconds since 1970), ``reason``, ``from_mb``
==========================  ===========================================================
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from mimic.cli import InputError
from mimic.gpus.ledger import Owner, Room, Ticket, choose
from mimic.gpus.locks import Lock

#: Seconds for which a GPU is left alone where a job failed.
CLOSED_SECONDS = 300
#: A job that waits says so at least this often; one that was stopped (Ctrl-Z) holds nobody up for longer.
_HEARTBEAT_SECONDS = 10
_PLACES_PER_GPU = 4  # the paper's small nets leave most of a card idle
_UNREADABLE_MB = 1 << 40  # a claim that cannot be read: nothing fits beside it


def places_per_gpu(environ):
    """How many jobs may share a GPU: ``MIMIC_JOBS_PER_GPU``, else four."""
    text = environ.get("MIMIC_JOBS_PER_GPU", "").strip() or str(_PLACES_PER_GPU)
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 1000):
        raise InputError(f"MIMIC_JOBS_PER_GPU: expected a number from 1 to 1000, got {text!r}")
    return int(text)


def slots_of(environ):
    """The places of this machine's GPUs, for this user.

    They are in ``MIMIC_SLOTS``, else in a folder in ``/tmp``. Not in ``XDG_RUNTIME_DIR``: that is removed
    when the user logs out, with jobs still running, and is not set in all sessions, and jobs that use two
    folders collide. Under Slurm each job has a folder of its own in there: two jobs may both see "0" and mean
    different GPUs, and what an allocation has is its own.

    Returns
    -------
    Slots
    """
    base = environ.get("MIMIC_SLOTS") or f"/tmp/mimic-gpus-{os.getuid()}"
    job = "".join(c for c in environ.get("SLURM_JOB_ID", "") if c.isalnum())
    return Slots(base, f"slurm-{job}" if job else "")


def _make_folder(path):
    """Make a folder for this user alone."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(
            f"{path}: expected a folder for the places on GPUs (MIMIC_SLOTS): {reason}"
        ) from None
    _refuse_anothers(path)


def _refuse_anothers(path):
    """Refuse a folder that someone else could have prepared."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise InputError(
            f"{path}: expected a folder of user {os.getuid()}, found another's (set MIMIC_SLOTS)"
        )
    if found.st_mode & 0o002:
        raise InputError(
            f"{path}: expected a folder that not everyone can write to, got {found.st_mode & 0o777:o}"
        )


@dataclass(frozen=True)
class Place:
    """A place that this process holds until `release`."""

    room: Room
    locks: tuple

    @property
    def owner(self):
        """This process, as the place's file tells it."""
        return self.room.owners[-1]

    def release(self):
        """Let others in; the end of the process does so too."""
        for lock in self.locks:
            lock.release()


class Slots:
    """The places in one folder, which is made when the first job asks.

    Parameters
    ----------
    base : path
        Of this user.
    job : str
        Name of the folder in it for an allocation; empty: the base itself.
    """

    def __init__(self, base, job=""):
        self.base = Path(base).absolute()
        self.folder = self.base / job

    @contextlib.contextmanager
    def _guard(self):
        """Nobody else reads or changes the folder inside."""
        descriptor = os.open(
            self.folder / "guard", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        guard = Lock(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # a signal's exception ends the wait
            yield
        finally:
            guard.release()

    @contextlib.contextmanager
    def ticket(self, what, claim_mb, gpus, places, now=None):
        """Stand in line.

        Parameters
        ----------
        what : str
        claim_mb : int
        gpus : list of str
        places : int
            See `Ticket`.
        now : float, optional
            Since when; the clock's time when None.

        Yields
        ------
        Ticket
            To be given to `try_take` again and again.
        """
        _make_folder(self.base)
        _make_folder(self.folder)
        since = time.time() if now is None else now
        ticket = Ticket(os.getpid(), what, since, claim_mb, tuple(gpus), places)
        path = self._waiting() / f"{int(since * 1e6):020d}-{os.getpid()}"
        with self._guard():
            path.parent.mkdir(exist_ok=True, mode=0o700)
            lock = Lock.try_take(path)
            if lock is None:
                raise RuntimeError(f"{path}: this process stands in line already")
            lock.write(dataclasses.asdict(ticket))
            os.utime(path, (since, since))
        try:
            yield ticket
        finally:
            path.unlink(missing_ok=True)
            lock.release()

    def try_take(self, ticket, gpus, now=None):
        """A place for a ticket, if there is one for it now.

        Parameters
        ----------
        ticket : Ticket
            Of this process, within its context.
        gpus : list of mimic.gpus.visible.Gpu
            As they are now.
        now : float, optional
            Seconds since 1970; the clock's time when None.

        Returns
        -------
        place : Place or None
        rooms : list of Room
            What was found.
        """
        now = time.time() if now is None else now
        with self._guard():
            rooms = self._rooms(gpus, now)
            room = choose(rooms, ticket, self._older(ticket, now), now)
            if room is None:
                return None, rooms
            owner = room.owners[-1]
            lock = Lock.try_take(self.folder / f"{room.name}.{owner.place}.place")
            if lock is None:
                raise RuntimeError(f"{room.name}: place {owner.place} was taken in spite of the guard")
            # Cleaners of /tmp leave a folder alone that someone has locked.
            shared = Lock.try_take(self.folder, fcntl.LOCK_SH)
            place = Place(room, (lock, shared) if shared else (lock,))
            try:
                lock.write(dataclasses.asdict(owner))
            except BaseException:
                place.release()
                raise
            return place, rooms

    def look(self, gpus, now=None):
        """The GPUs with their owners, and those who wait; makes no file.

        Returns
        -------
        rooms : list of Room
        waiting : list of Ticket
            The longest waiting first.
        """
        now = time.time() if now is None else now
        if not (self.folder / "guard").exists():
            return [Room(gpu.name, gpu.total_mb, gpu.free_mb) for gpu in gpus], []
        for folder in (self.base, self.folder):
            _refuse_anothers(folder)
        with self._guard():
            return self._rooms(gpus, now), self._tickets(now)

    def close(self, gpu, reason, from_mb=0, now=None):
        """Let no job in that claims so much or more, for `CLOSED_SECONDS`.

        Parameters
        ----------
        gpu : str
            Its name.
        reason : str
            In a line.
        from_mb : int
            0: no job at all.
        now : float, optional
        """
        now = time.time() if now is None else now
        with self._guard():
            note = self.closed(gpu, now)
            from_mb = min(from_mb, note["from_mb"]) if note else from_mb
            note = {"until": now + CLOSED_SECONDS, "reason": reason, "from_mb": from_mb}
            path = self.folder / f"{gpu}.closed"
            path.with_suffix(".new").write_text(json.dumps(note), encoding="utf-8")
            path.with_suffix(".new").replace(path)

    def closed(self, gpu, now=None):
        """What `close` noted, or None where that is over."""
        note = _read(self.folder / f"{gpu}.closed")
        try:
            left = note["until"] - (time.time() if now is None else now)
            # A clock that was set back must not close a GPU for years.
            valid = 0 < left <= CLOSED_SECONDS and isinstance(note["reason"], str)
            return note if valid and note["from_mb"] >= 0 else None
        except (TypeError, KeyError):
            return None

    def _waiting(self):
        return self.folder / "waiting"

    def _rooms(self, gpus, now):
        """The GPUs with their living owners."""
        rooms = []
        for gpu in gpus:
            owners = []
            for path in sorted(self.folder.glob(f"{gpu.name}.*.place")):
                if not _is_locked(path):
                    continue
                try:
                    owners.append(_checked(Owner, _read(path)))
                except (TypeError, ValueError):
                    owners.append(Owner(int(path.suffixes[-2][1:]), 0, "?", now, _UNREADABLE_MB))
            note = self.closed(gpu.name, now)
            closed = note["from_mb"] if note else None
            rooms.append(Room(gpu.name, gpu.total_mb, gpu.free_mb, tuple(owners), closed))
        return rooms

    def _tickets(self, now):
        """Tickets of jobs that live and ask, by age; others are removed if their owner has gone."""
        tickets = []
        for path in sorted(self._waiting().glob("*")):
            if not _is_locked(path):
                path.unlink(missing_ok=True)
                continue
            with contextlib.suppress(FileNotFoundError, TypeError, ValueError):
                if abs(now - path.stat().st_mtime) < _HEARTBEAT_SECONDS:
                    value = _read(path)
                    tickets.append(_checked(Ticket, value | {"gpus": tuple(value["gpus"])}))
        return tickets

    def _older(self, ticket, now):
        """Those who stand before a ticket; says that its owner still asks."""
        own = self._waiting() / f"{int(ticket.since * 1e6):020d}-{ticket.pid}"
        os.utime(own, (now, now))
        tickets = self._tickets(now)
        return tickets[: tickets.index(ticket)]


def _is_locked(path):
    """Whether a living process holds the file; ask under the guard only, since it tries the lock."""
    try:
        lock = Lock.try_take(path)
    except OSError:
        return False
    if lock is None:
        return True
    lock.release()
    return False


def _read(path):
    """JSON of a file, or None."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _checked(kind, value):
    """A dataclass of simple values out of JSON; TypeError or ValueError where it is none."""
    found = kind(**value)
    for field in dataclasses.fields(kind):
        entry = getattr(found, field.name)
        number = isinstance(entry, (int, float)) and not isinstance(entry, bool)
        if field.type in (int, float) and not (number and 0 <= entry < 1 << 60):
            raise ValueError(field.name)
        if field.type is str and not (isinstance(entry, str) and entry.isprintable()):
            raise ValueError(field.name)
    return found


def is_there(pid):
    """Whether a process of that number can be seen from here, for people: a lock says who owns what."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return pid > 0
