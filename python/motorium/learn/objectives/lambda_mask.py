"""Lambda-shape mask: only the first noisy rows see the committed ones (Xiaomi-Robotics-0, asynchronous post-training).

Row i sees the prefix (pictures and words), what leads the rows (sink, state), itself, and the rows i - w .. i - 1:

    visible(i, j) = j is prefix or lead, or 0 <= i - j <= w

so a row behind the first w noisy ones cannot copy what was committed and has to look. The paper gives no number for w.
The engine's mask of the same name is `csrc/engine/denoiser/places.cpp`.
"""

from __future__ import annotations

import torch
from torch import Tensor


def lambda_mask(prefix: int, lead: int, rows: int, window: int) -> Tensor:
    """Return (lead + rows, prefix + lead + rows) bool: which keys each token of the expert sees.

    Args:
        prefix: tokens that are encoded once, all visible.
        lead: tokens before the rows, causal among themselves (nano: one, the state).
        rows: T.
        window: w, rows before its own that a row sees; `rows` or more is the plain causal mask.
    """
    query = torch.arange(lead + rows)[:, None]
    key = torch.arange(lead + rows)
    own = (key <= query) & ((key < lead) | (query - key <= window))
    return torch.cat([torch.ones(lead + rows, prefix, dtype=torch.bool), own], dim=1)
