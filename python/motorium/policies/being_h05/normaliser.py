"""Normalisation modes of Being-H0.5 datasets; formulas from the public release, dataset/transform/state_action.

Statistics are per channel; x and y are (..., C) float arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...types import Float32

MODES = ("q99", "mean_std", "min_max", "scale", "binary")
FORWARD_ONLY = ("scale",)


def _scaled(x: Float32, low: Float32, high: Float32, degenerate: Any) -> Float32:
    """low..high -> -1..1; `degenerate` where both are equal."""
    span = np.where(high == low, np.float32(1.0), high - low)
    return np.where(high == low, degenerate, 2.0 * (x - low) / span - 1.0).astype(np.float32)


def normalise(x: Float32, mode: str, statistics: Mapping[str, Float32]) -> Float32:
    """Normalise physical values for the network.

    `q99` clamps to -1..1, also where q01 == q99, which passes through first; `mean_std` passes through where
    std is 0; `min_max` is 0 where both are equal; `binary` is x > 0.5.
    """
    s = statistics
    if mode == "q99":
        return np.clip(_scaled(x, s["q01"], s["q99"], x), -1.0, 1.0)
    if mode == "mean_std":
        std = np.where(s["std"] == 0.0, np.float32(1.0), s["std"])
        return np.where(s["std"] == 0.0, x, (x - s["mean"]) / std).astype(np.float32)
    if mode == "min_max":
        return _scaled(x, s["min"], s["max"], np.float32(0.0))
    if mode == "scale":
        largest = np.maximum(np.abs(s["min"]), np.abs(s["max"]))
        return np.where(largest == 0.0, np.float32(0.0), x / np.where(largest == 0.0, 1.0, largest)).astype(
            np.float32
        )
    if mode == "binary":
        return (x > 0.5).astype(np.float32)
    raise ValueError(f"normalisation mode {mode!r} is unknown; known: {', '.join(MODES)}")


def denormalise(y: Float32, mode: str, statistics: Mapping[str, Float32]) -> Float32:
    """Turn the network's values into physical ones. Raises ValueError for `scale`, which has no inverse."""
    s = statistics
    if mode == "q99":
        return ((y + 1.0) / 2.0 * (s["q99"] - s["q01"]) + s["q01"]).astype(np.float32)
    if mode == "mean_std":
        return (y * s["std"] + s["mean"]).astype(np.float32)
    if mode == "min_max":
        return ((y + 1.0) / 2.0 * (s["max"] - s["min"]) + s["min"]).astype(np.float32)
    if mode == "binary":
        return (y > 0.5).astype(np.float32)
    raise ValueError(f"normalisation mode {mode!r} has no inverse")
