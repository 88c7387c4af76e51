"""RoPE offset: noisy rows stand apart from the committed ones (Xiaomi-Robotics-0, asynchronous post-training).

    position(token) = start + token, + 10 for noisy rows and what follows them

Attention by rotary positions (Su et al., 2021, arXiv:2104.09864) depends on differences of positions alone, so rows of
one kind see each other as before, and a noisy row sees a committed one as ten rows further away than it is.
"""

from __future__ import annotations

import torch
from torch import Tensor

OFFSET = 10


def token_positions(
    delay: Tensor, tokens: int, lead: int = 0, start: int = 0, offset: int = OFFSET
) -> Tensor:
    """Return the positions of the expert's tokens, (B, n, tokens) int64.

    Args:
        delay: (B, n) committed rows.
        tokens: the lead, then the rows.
        lead: tokens before the rows.
        start: position of the first token, behind the prefix.
        offset: positions skipped between the committed and the noisy rows.
    """
    token = torch.arange(tokens, device=delay.device)
    return start + token + offset * (token >= lead + delay[..., None])


def rotate(x: Tensor, positions: Tensor, theta: float) -> Tensor:
    """Turn queries or keys (..., h, N, hd) by positions that broadcast to (..., h, N), as the engine does.

    Channel j of the first half and channel j of the second turn together, by position * theta^(-2 j / hd).
    """
    half = x.shape[-1] // 2
    rate = theta ** (-torch.arange(half, dtype=x.dtype, device=x.device) / half)
    angle = positions[..., None].to(x.dtype) * rate
    low, high = x[..., :half], x[..., half:]
    cosine, sine = angle.cos(), angle.sin()
    return torch.cat([low * cosine - high * sine, high * cosine + low * sine], dim=-1)
