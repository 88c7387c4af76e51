"""Rotations as axis-angle vectors (radians) and matrices, over any leading shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


def to_matrix(axis_angle: Float64) -> Float64:
    """Map axis-angles (..., 3) to matrices (..., 3, 3) by Rodrigues' formula; series near zero."""
    v = np.asarray(axis_angle, dtype=np.float64)
    square = (v * v).sum(-1)[..., None, None]
    angle = np.sqrt(square)
    small = angle < 1e-4
    safe = np.where(small, 1.0, angle)
    a = np.where(small, 1.0 - square / 6.0, np.sin(safe) / safe)
    b = np.where(small, 0.5 - square / 24.0, (1.0 - np.cos(safe)) / (safe * safe))
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    zero = np.zeros_like(x)
    k = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape((*v.shape[:-1], 3, 3))
    return np.asarray(np.eye(3) + a * k + b * (k @ k))


def to_axis_angle(matrix: Float64) -> Float64:
    """Map matrices (..., 3, 3) to axis-angles (..., 3) of length 0 to pi.

    Goes through the quaternion with the largest component (Shepperd, 1978).
    """
    m = np.asarray(matrix, dtype=np.float64)
    trace = np.trace(m, axis1=-2, axis2=-1)
    diagonal = np.stack([trace, m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]], -1)
    largest = diagonal.argmax(-1)
    d = [m[..., i, j] for i, j in ((2, 1), (0, 2), (1, 0))]
    e = [m[..., j, i] for i, j in ((2, 1), (0, 2), (1, 0))]
    difference = [a - b for a, b in zip(d, e, strict=True)]
    total = [a + b for a, b in zip(d, e, strict=True)]
    x, y, z = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    choices = np.stack(
        [
            np.stack([1 + trace, *difference], -1),
            np.stack([difference[0], 1 + x - y - z, total[2], total[1]], -1),
            np.stack([difference[1], total[2], 1 - x + y - z, total[0]], -1),
            np.stack([difference[2], total[1], total[0], 1 - x - y + z], -1),
        ],
        -2,
    )
    q = np.take_along_axis(choices, largest[..., None, None], axis=-2)[..., 0, :]
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    q = np.where(q[..., :1] < 0, -q, q)
    sine = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, q[..., :1])
    scale = np.where(sine < 1e-9, 2.0, angle / np.where(sine < 1e-9, 1.0, sine))
    return np.asarray(scale * q[..., 1:])
