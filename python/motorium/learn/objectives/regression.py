"""Regression: a chunk at once, without noise.

    x(0) = 0,   chunk = x(0) + v(x(0), 0),   loss = E |chunk - clean|

(Zhao et al., 2023, arXiv:2304.13705, section IV-C: "L1 leads to more precise modelling than L2"; Kim et al., 2025,
arXiv:2502.19645: with few demonstrations as successful as diffusion, in one step.) The network is that of a flow, asked
at time 0 alone and from zeros. Of rows that several people would play differently it says their median, where a flow
draws one of them; and of few recordings a flow learns the chunks by heart, and then draws one that belongs elsewhere.

docs/training.md, "What to expect", has what either reaches.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...types import Float32

STEPS = 1
"""Of Euler: the chunk is where the velocity at time 0 points to."""


class NoTime:
    """The distribution of flow times of a network that is asked at time 0 alone."""

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Tensor:
        """Return zeros of `shape`; nothing is drawn."""
        del rng
        return torch.zeros(shape)


def no_noise(shape: tuple[int, ...]) -> Float32:
    """Return where every chunk begins: zeros."""
    return np.zeros(shape, np.float32)
