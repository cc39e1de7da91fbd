"""How many sub-stacks an expansion takes. Imports no torch: the workflow asks before any job."""

from math import comb

from mimic.cli import InputError

MOST_SUBSTACKS = 2_000_000


def count_substacks(n_layers, max_order):
    """Evaluations of a layer that the orders up to `max_order` take on each image."""
    return sum(comb(n_layers, m) for m in range(1, min(max_order, n_layers) + 1))


def check_order(group, n_layers, max_order):
    """Refuse an order that would take months; gives the sub-stacks of a net.

    Parameters
    ----------
    group : str
        Name, for the message.
    n_layers, max_order : int

    Returns
    -------
    int

    Raises
    ------
    InputError
        If there are more than `MOST_SUBSTACKS`.
    """
    n_substacks = count_substacks(n_layers, max_order)
    if n_substacks > MOST_SUBSTACKS:
        raise InputError(
            f"shallow.expansion.max_order: expected at most {MOST_SUBSTACKS:,} sub-stacks a net, got "
            f"{n_substacks:,} for orders up to {max_order} of the {n_layers} layers of {group}; "
            "choose a lower one"
        )
    return n_substacks
