"""Balanced sampling: how often each source and each embodiment is drawn, whatever number of frames it has.

    p(frame) = p(source) / frames of the source        p(source) = w_source / sum w, then tempered per embodiment:
    P(e)' = P(e)^(1 - b) / sum P^(1 - b)               b = 0: as the weights say; b = 1: every embodiment as often

A batch is drawn in strata (one draw in each n-th of the distribution), so that the share of a source in any batch is
off by less than two frames. The tempering is that of multilingual training (Conneau et al., 2020, arXiv:1911.02116).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError

Float64 = NDArray[np.float64]
Integers = NDArray[np.integer]


def source_shares(
    weights: Sequence[float], embodiments: Sequence[int] | Integers, balance: float = 0.0
) -> Float64:
    """Return p(source), (S,), of S declared weights.

    Args:
        weights: one for each source, not negative.
        embodiments: (S,) the embodiment of each.
        balance: 0 keeps the weights, 1 gives all embodiments the same share.

    Raises DataError: a weight is negative or not finite, or all are zero.
    """
    given = np.asarray(weights, dtype=np.float64)
    if not (np.isfinite(given).all() and (given >= 0).all() and given.sum() > 0):
        raise DataError(f"the weights of sources must be 0 or more, and not all 0: {list(weights)}")
    shares = given / given.sum()
    _, which = np.unique(np.asarray(embodiments), return_inverse=True)
    total = np.bincount(which, weights=shares)
    wanted = np.where(total > 0, np.maximum(total, np.finfo(float).tiny) ** (1.0 - balance), 0.0)
    wanted /= wanted.sum()
    factor = np.divide(wanted, total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(shares * factor[which])


@dataclass(frozen=True)
class BalancedDraws:
    """Draws frames by source; the same seed and step give the same frames, whatever came before.

    Attributes:
        frames: (N,) numbers of the frames that are drawn, those of a source together.
        reached: (N,) sum of the chances up to and with each; the last is 1.
    """

    frames: Integers
    reached: Float64

    @classmethod
    def of(cls, frames: Integers, source: Integers, shares: Float64) -> BalancedDraws:
        """Spread the share of each source over its frames.

        Args:
            frames: (N,) numbers of the frames to draw from, such as `recordings.training`.
            source: (N,) the source of each.
            shares: (S,) p(source).

        Raises DataError: a source that is to be drawn has no frame here.
        """
        counts = np.bincount(source, minlength=len(shares))
        empty = np.flatnonzero((counts == 0) & (shares > 0))
        if len(empty):
            raise DataError(
                f"source {empty[0]} has a weight but no frame to train on; give it more episodes or weight 0"
            )
        order = np.argsort(source, kind="stable")
        chance = (shares / np.maximum(counts, 1))[source[order]]
        reached = np.cumsum(chance)
        return cls(frames[order], np.asarray(reached / reached[-1]))

    def draw(self, count: int, seed: int, step: int) -> Integers:
        """Return the (count,) frames of a training step, in order of their sources."""
        rng = np.random.default_rng([seed, step])
        where = (np.arange(count) + rng.random(count)) / count
        # Rounding may bring the last stratum to 1.0, where no frame is.
        index = np.minimum(np.searchsorted(self.reached, where, side="right"), self._last)
        return np.asarray(self.frames[index])

    @property
    def _last(self) -> int:
        """Index of the last frame that may be drawn at all."""
        return int(np.searchsorted(self.reached, 1.0, side="left"))
