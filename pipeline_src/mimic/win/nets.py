"""Which nets the step trains: those of the config, told by names, and a user's own."""

import importlib
import os
import sys
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from mimic.cli import InputError
from mimic.config.base import Settings
from mimic.config.win import Depth, Divide
from mimic.win.resnet import ResNet


class NetSpec(Settings):
    """A ResNet; see `mimic.win.resnet.ResNet`."""

    depth: Depth
    divide: Divide
    widen: Literal[1, 2, 4]
    stem: Literal["imagenet", "cifar"]
    n_classes: int = Field(ge=2, le=1_000_000)

    def build(self, seed=0):
        """The net with the weights that a seed gives."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return ResNet(self.depth, self.divide, self.widen, self.stem, self.n_classes)


class BuilderSpec(Settings):
    """A net that a function of the user's builds, ``module:function``; running it runs its code."""

    builder: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")

    def build(self, seed=0):
        """The net that the function gives after seeding.

        Raises
        ------
        InputError
            If there is no such function, or it gives no module.
        """
        module_name, _, function = self.builder.partition(":")
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())  # as `python -m` has it
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            raise InputError(f"{self.builder}: no module {error.name!r} here or among the packages") from None
        build = getattr(module, function, None)
        if not callable(build):
            raise InputError(f"{self.builder}: {module_name} has no function {function!r}")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            try:
                net = build()
            except Exception as error:  # whatever a function of the user's raises
                words = " ".join(str(error).split())[:200]
                raise InputError(f"{self.builder}: ended in {type(error).__name__}: {words}") from None
        if not isinstance(net, nn.Module):
            raise InputError(f"{self.builder}: expected a torch.nn.Module, got {type(net).__name__}")
        return net
