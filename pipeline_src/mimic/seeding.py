"""Every random number comes from the one seed in the config, by name.

Randomness is an argument: a stage derives a seed for exactly what it makes (``("epochs", 17)``,
``("teachers", "trial", 3)``), so that epoch 17 is the same bytes alone, in a shard or in the full run.
"""

import hashlib

import numpy as np


def derive(seed, *names):
    """Seed of one named thing.

    Parameters
    ----------
    seed : int
        The seed of the run (``config.yaml``, key ``seed``).
    names : str or int
        What the seed is for, from the general to the particular: step, study, trial or epoch.

    Returns
    -------
    int
        In [0, 2**63): fits numpy's and torch's generators and a signed 64-bit column.
    """
    text = "/".join([str(int(seed)), *(str(name) for name in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def numpy_generator(seed, *names):
    """A ``numpy.random.Generator`` (PCG64) for one named thing; see `derive`."""
    return np.random.Generator(np.random.PCG64(derive(seed, *names)))
