"""Mean wrist displacement similarity: does a predicted hand go where the real one went?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import MotoriumError


@dataclass(frozen=True)
class DisplacementSimilarity:
    """The figure and what it rests on.

    Attributes:
        mean: cosine between predicted and true displacement, averaged: 1 the same way, 0 across, -1 the opposite way.
        length_ratio: median of predicted over true length, which a cosine does not see.
        counted: chunks that were averaged.
        still: chunks left out, since the true wrist hardly moved and had no direction.
    """

    mean: float
    length_ratio: float
    counted: int
    still: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def wrist_displacement_similarity(
    predicted_m: ArrayLike, true_m: ArrayLike, *, least_m: float = 0.005
) -> DisplacementSimilarity:
    """Compare where wrists end up over each chunk, relative to where they began.

    Being-H0.5 (section 7.3.2) names the metric; this is the plain reading of its name, not a copy of its formula: the
    displacement of a chunk is its last position minus its first, the similarity of two displacements is the cosine of
    the angle between them, the mean is over chunks. A prediction that does not move counts as 0.

    Args:
        predicted_m: (B, T, 3) wrist positions in one frame; T >= 2.
        true_m: (B, T, 3) likewise; T may differ.
        least_m: a true displacement that is shorter has no direction.

    Raises:
        MotoriumError: other shapes, or numbers that are not finite.
    """
    predicted, true = np.asarray(predicted_m, dtype=np.float64), np.asarray(true_m, dtype=np.float64)
    for name, array in (("predicted", predicted), ("true", true)):
        if array.ndim != 3 or array.shape[2] != 3 or array.shape[1] < 2 or len(array) != len(predicted):
            raise MotoriumError(f"{name} positions are {array.shape}, not (B, T, 3) with T of at least 2")
        if not np.isfinite(array).all():
            raise MotoriumError(f"{name} positions have numbers that are not finite")
    went, should = predicted[:, -1] - predicted[:, 0], true[:, -1] - true[:, 0]
    length, wanted = np.linalg.norm(went, axis=1), np.linalg.norm(should, axis=1)
    moved = wanted >= least_m
    if not moved.any():
        return DisplacementSimilarity(0.0, 0.0, 0, len(true))
    cosine = (went * should).sum(1)[moved] / np.maximum(length * wanted, 1e-12)[moved]
    ratio = float(np.median(length[moved] / wanted[moved]))
    return DisplacementSimilarity(float(cosine.mean()), ratio, int(moved.sum()), int((~moved).sum()))
