"""What the pictures of training looked like to the network, so that pictures unlike all of them can be told.

Of each view, over frames of training: mean m (U,) and covariance C (U, U) of its features, which are the mean of the
view's tokens before any attention, and the distance that 99 of 100 frames stay below. The distance of features f is
that of Mahalanobis (1936), as Lee et al. (2018) use it for what a network was not trained on:

    d(f) = sqrt((f - m)^T S^-1 (f - m) / U),  S = (1 - a) C + a tr(C) / U I

with a little of the mean variance in all directions (Ledoit and Wolf, 2004): some hundred frames say little of those
in which they hardly differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...errors import CheckpointError
from ...types import Float32

SHRINKAGE = 0.05
"""a."""
SHARE = 0.99
"""Of the frames of training that are nearer than `usual`."""
_LEAST_VARIANCE = 1e-12


@dataclass(frozen=True)
class PictureStatistics:
    """Of one view.

    Attributes:
        mean: (U,).
        covariance: (U, U).
        usual: distance that 99 of 100 frames of training stay below.
    """

    mean: Float32
    covariance: Float32
    usual: float

    @classmethod
    def of(cls, features: Float32) -> PictureStatistics:
        """Return those of (N, U) features, N from 2 on."""
        mean = features.mean(axis=0, dtype=np.float64)
        own = cls(mean.astype(np.float32), np.cov(features, rowvar=False).astype(np.float32), 1.0)
        usual = float(np.quantile(own.distances(features), SHARE))
        return cls(own.mean, own.covariance, max(usual, float(np.finfo(np.float32).tiny)))

    def distances(self, features: Float32) -> NDArray[np.float64]:
        """Return the distance of each of (N, U) features."""
        white = (features.astype(np.float64) - self.mean) @ self.whitening.T
        return np.asarray(np.sqrt(np.square(white).mean(axis=1)))

    @cached_property
    def whitening(self) -> NDArray[np.float64]:
        """(U, U): S^-1 is its transpose times itself. Raises CheckpointError: this is no covariance."""
        width = len(self.mean)
        spread = np.trace(self.covariance.astype(np.float64)) / width
        shrunk = (1.0 - SHRINKAGE) * self.covariance.astype(np.float64)
        shrunk[np.diag_indices(width)] += SHRINKAGE * spread + _LEAST_VARIANCE
        try:
            return np.asarray(np.linalg.inv(np.linalg.cholesky(shrunk)))
        except np.linalg.LinAlgError as error:
            raise CheckpointError(
                "the statistics of pictures are damaged, their covariance is none; copy the checkpoint again"
            ) from error


def statistics_tensors(roles: Iterable[str], width: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes that a checkpoint keeps them in, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for role in roles:
        shapes |= {_name(role, "mean"): (width,), _name(role, "covariance"): (width, width)}
        shapes[_name(role, "usual")] = (1,)
    return shapes


def to_tensors(statistics: Mapping[str, PictureStatistics]) -> dict[str, Float32]:
    """Return the tensors of all views, by name."""
    tensors: dict[str, Float32] = {}
    for role, own in statistics.items():
        tensors |= {_name(role, "mean"): own.mean, _name(role, "covariance"): own.covariance}
        tensors[_name(role, "usual")] = np.array([own.usual], np.float32)
    return tensors


def from_tensors(roles: Iterable[str], tensors: Mapping[str, Float32]) -> dict[str, PictureStatistics]:
    """Return those of all views by role. Raises CheckpointError: a distance or a covariance is none."""
    found = {}
    for role in roles:
        usual = float(tensors[_name(role, "usual")][0])
        if usual <= 0.0:
            raise CheckpointError(f"{_name(role, 'usual')} must be positive, not {usual:g}; copy it again")
        own = PictureStatistics(tensors[_name(role, "mean")], tensors[_name(role, "covariance")], usual)
        _ = own.whitening  # damage is told before the first plan
        found[role] = own
    return found


def _name(role: str, what: str) -> str:
    return f"pictures.{role}.{what}"
