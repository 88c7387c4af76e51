"""What the tests of kernels draw, and on which instruction sets they run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motorium._core import kernels

ISAS = kernels.available_isas()


def normal(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    """Normal numbers, the same for the same shape and seed."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)
