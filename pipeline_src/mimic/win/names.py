"""Names of the step's nets. Imports no torch: the workflow is planned with it."""

import re

from mimic.cli import InputError

_NAME = re.compile(r"resnet(\d+)(?:-1of(\d+))?")


def net_name(depth, divide):
    """Name of a thin net, such as ``resnet50`` or ``resnet50-1of4``."""
    return f"resnet{depth}" if divide == 1 else f"resnet{depth}-1of{divide}"


def parse_net(name):
    """Depth and divisor of a thin net's name.

    Raises
    ------
    InputError
        If it is none.
    """
    found = _NAME.fullmatch(name)
    if not found or found[2] == "1":
        raise InputError(f"{name!r}: expected the name of a net, such as resnet50 or resnet50-1of4")
    return int(found[1]), int(found[2] or 1)


def printed_name(name):
    """A thin net's name as the paper prints it, such as ResNet50-1/4."""
    depth, divide = parse_net(name)
    return f"ResNet{depth}" if divide == 1 else f"ResNet{depth}-1/{divide}"
