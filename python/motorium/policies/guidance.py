"""Guided real-time chunking: how strongly the plan in force pulls each row of a new chunk at its time.

The soft mask is that of "Real-Time Execution of Action Chunking Flow Policies" (Black, Galliker, Levine 2025,
arXiv 2506.07339, eq. 5). What is done with it: csrc/engine/denoiser/guidance.hpp, and how it differs: docs/realtime.md.
"""

from __future__ import annotations

import numpy as np

from ..types import Float32

GUIDANCE = ("none", "soft")
LIMIT = 5.0
"""beta: the largest guidance weight; the value of the paper."""


def soft_mask(delay: int, previous: int) -> Float32:
    """Return (previous,) weights: 1 for committed rows, then an exponential decay to 0 where the plan in force ends.

    W_i = c_i (e^c_i - 1) / (e - 1) with c_i = (p - i) / (p - d + 1) for d <= i < p.

    Args:
        delay: d, committed rows.
        previous: p, rows that the plan in force still has; H - s in the paper.
    """
    rows = np.arange(previous)
    fraction = np.clip((previous - rows) / max(1, previous - delay + 1), 0.0, 1.0)
    return np.where(rows < delay, 1.0, fraction * np.expm1(fraction) / np.expm1(1.0)).astype(np.float32)
