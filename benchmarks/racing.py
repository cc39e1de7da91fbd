"""Contenders take turns, each in processes of its own, since threads and memory settings are a process's."""

import itertools
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass

import cost
import torch


@dataclass(frozen=True)
class Contender:
    """What one process or several do at once.

    Parameters
    ----------
    make : callable
        Of a module's top level; gives a function (n_steps) that does so many steps and waits for them.
    arguments : tuple
        Of `make`.
    items : int
        Images of a step.
    n_processes : int
    n_threads : int, optional
        Of each process; torch's default unless given.
    """

    make: Callable
    arguments: tuple
    items: int
    n_processes: int = 1
    n_threads: int | None = None


def serve(contender, seconds, connection):
    """In a process of its own: calibrate, then time a run for each message."""
    if contender.n_threads:
        torch.set_num_threads(contender.n_threads)
    run = contender.make(*contender.arguments)

    def timed(n_steps):
        started = time.perf_counter()
        run(n_steps)
        cost.synchronise()
        return time.perf_counter() - started

    timed(2)
    n_steps = max(2, round(2 * seconds / timed(2)))
    timed(n_steps)
    connection.send(n_steps)
    while connection.recv():
        connection.send(contender.items * n_steps / timed(n_steps))


def race(contenders, seconds, n_rounds):
    """Images a second in every round, by contender.

    Parameters
    ----------
    contenders : dict of str to Contender
    seconds : float
        Of a round, about.
    n_rounds : int

    Returns
    -------
    dict of str to list of float
    """
    context = multiprocessing.get_context("spawn")
    rates, connections, processes = {name: [] for name in contenders}, {}, []
    for name, contender in contenders.items():
        connections[name] = []
        for _ in range(contender.n_processes):
            here, there = context.Pipe()
            connections[name].append(here)
            processes.append(context.Process(target=serve, args=(contender, seconds, there)))
            processes[-1].start()
        for connection in connections[name]:  # one contender warms up at a time
            connection.recv()
    for _ in range(n_rounds):
        for name in contenders:
            for connection in connections[name]:
                connection.send(True)
            rates[name].append(sum(connection.recv() for connection in connections[name]))
    for connection in itertools.chain(*connections.values()):
        connection.send(False)
    for process in processes:
        process.join()
    return rates
