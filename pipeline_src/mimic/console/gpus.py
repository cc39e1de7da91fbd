"""``mimic gpus``: the GPUs of this machine, their places and who holds them."""

import json
import os
import time

from mimic.gpus.slots import is_there, places_per_gpu, slots_of
from mimic.gpus.visible import usable_gpus


def show_gpus(as_json):
    """Print each usable GPU with its memory, places and owners, and who waits; makes no file.

    Parameters
    ----------
    as_json : bool
    """
    value = gpus_now(os.environ, time.time())
    if as_json:
        print(json.dumps(value, indent=1))
        return
    if not value["gpus"]:
        named = os.environ.get("CUDA_VISIBLE_DEVICES")
        chosen = "" if named is None else f" (CUDA_VISIBLE_DEVICES={named})"
        print(f"no GPU that this process may use{chosen}: jobs run on the processor")
    for gpu in value["gpus"]:
        memory = "memory not known"
        if gpu["total_mb"] is not None:
            free = "" if gpu["free_mb"] is None else f", {gpu['free_mb']:,} free"
            memory = f"{gpu['total_mb']:,} MB{free}, {gpu['claimed_mb']:,} claimed"
        print(
            f"GPU {gpu['number']}  {gpu['name']}  {memory}  {len(gpu['owners'])} of {value['places']} places"
        )
        for owner in gpu["owners"]:
            print(f"    place {owner['place']}: {_job(owner)}")
        if gpu["closed"] is not None:
            whom = f"jobs from {gpu['closed']['from_mb']:,} MB" if gpu["closed"]["from_mb"] else "all jobs"
            print(f"    closed to {whom} for {gpu['closed']['seconds']:.0f} s: {gpu['closed']['reason']}")
    for ticket in value["waiting"]:
        print(f"waiting: {_job(ticket)}")


def gpus_now(environ, now):
    """What `show_gpus` shows, JSON-ready.

    Parameters
    ----------
    environ : mapping of str to str
        See `mimic.gpus.visible.usable_gpus`.
    now : float
        Seconds since 1970.

    Returns
    -------
    dict
        ``folder``, ``places`` (a GPU), ``gpus`` (a dict each) and ``waiting`` (the longest first).
    """
    slots = slots_of(environ)
    with usable_gpus(environ) as gpus:
        rooms, waiting = slots.look(gpus.read(), now)
    shown = []
    for number, room in enumerate(rooms):
        closed = slots.closed(room.name, now)
        shown.append(
            {
                "number": number,
                "name": room.name,
                "total_mb": room.total_mb,
                "free_mb": room.free_mb,
                "claimed_mb": room.claimed_mb(),
                "owners": [{"place": owner.place} | _facts(owner, now) for owner in room.owners],
                "closed": closed
                and {
                    "seconds": closed["until"] - now,
                    "reason": closed["reason"],
                    "from_mb": closed["from_mb"],
                },
            }
        )
    return {
        "folder": str(slots.folder),
        "places": places_per_gpu(environ),
        "gpus": shown,
        "waiting": [_facts(ticket, now) for ticket in waiting],
    }


def _facts(job, now):
    """An owner or a ticket, JSON-ready."""
    return {
        "pid": job.pid,
        "seen": is_there(job.pid),
        "what": job.what,
        "seconds": max(0.0, now - job.since),
        "claim_mb": job.claim_mb,
    }


def _job(facts):
    """One line of a job."""
    seen = "" if facts["seen"] else " (not seen from here)"
    minutes, seconds = divmod(int(facts["seconds"]), 60)
    lasted = f"{minutes} min {seconds} s"
    return f"{facts['what']}, pid {facts['pid']}{seen}, {lasted}, claims {facts['claim_mb']:,} MB"
