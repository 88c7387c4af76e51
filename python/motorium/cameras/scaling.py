"""Scale pictures by area means: one rule for training and for what a policy sees later."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..types import UInt8


def scaled(image: UInt8, size: tuple[int, int]) -> UInt8:
    """Bring an (H, W, 3) uint8 picture to `size`, (height, width).

    Each pixel is the mean of those it covers, whole ones only, rounded to even; along a side that grows pixels repeat.
    The same size gives the same picture.
    """
    if image.shape[:2] == size:
        return image
    rows, columns = edges(image.shape[0], size[0]), edges(image.shape[1], size[1])
    # Row by row is five times as fast as reduceat along both sides; that sums single pixels where a side grows.
    strips = np.stack([image[top:bottom].sum(axis=0, dtype=np.uint32) for top, bottom in rows.tolist()])
    total = np.add.reduceat(strips, columns[:, 0], axis=1)
    area = np.outer(rows[:, 1] - rows[:, 0], columns[:, 1] - columns[:, 0])[:, :, None]
    return np.rint(total / area).astype(np.uint8)


def edges(size: int, parts: int) -> NDArray[np.intp]:
    """Divide `size` pixels into `parts`: (parts, 2) first pixel and the one after the last, at least one each."""
    cuts = np.arange(parts + 1) * size / parts
    start = np.floor(cuts[:-1]).astype(np.intp)
    return np.stack([start, np.maximum(start + 1, np.floor(cuts[1:]).astype(np.intp))], 1)
