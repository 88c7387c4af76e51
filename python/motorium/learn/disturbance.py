"""Disturb examples a little: another light, pictures that lie aside, committed rows that are not quite the expert's."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..types import Float32, UInt8


def jittered(
    rows: Float32, samples: int, disturbance: tuple[float, float], rng: np.random.Generator
) -> Float32:
    """Return (B, n, T, J) rows as committed, some of them by a policy that is a little off.

    Args:
        rows: (B, T, J).
        samples: n.
        disturbance: share of samples that are disturbed, and standard deviation in radians of where the first row is;
            per row half as much is added.
        rng: draws.
    """
    (share, deviation), (batch, count, joints) = disturbance, rows.shape
    size = (batch, samples, 1, joints)
    drift = rng.standard_normal(size) + 0.5 * np.arange(count)[:, None] * rng.standard_normal(size)
    chosen = rng.random((batch, samples, 1, 1)) < share
    return np.asarray(rows[:, None] + deviation * drift * chosen, dtype=np.float32)


def lit(pictures: UInt8, gain: Float32, offset: Float32) -> Tensor:
    """Return pictures in another light, float32 in 0..1.

    Args:
        pictures: (..., H, W, 3).
        gain: of brightness; broadcasts to pictures.
        offset: of brightness, which is 0..1; broadcasts to pictures.
    """
    values = torch.from_numpy(pictures).float().div_(255.0)
    return values.mul_(torch.from_numpy(gain)).add_(torch.from_numpy(offset)).clamp_(0.0, 1.0)


def shifted(pictures: UInt8, shift: NDArray[np.int64], most: int) -> UInt8:
    """Move (B, V, H, W, 3) pictures by (B, V, 2) pixels, `most` at most; the edge is repeated."""
    height, width = pictures.shape[2:4]
    wide = np.pad(pictures, ((0, 0), (0, 0), (most, most), (most, most), (0, 0)), mode="edge")
    out = np.empty_like(pictures)
    for frame, view in np.ndindex(*pictures.shape[:2]):
        y, x = shift[frame, view] + most
        out[frame, view] = wide[frame, view, y : y + height, x : x + width]
    return out
