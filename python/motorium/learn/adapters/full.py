"""Train all weights, as from scratch."""

from __future__ import annotations

from torch import Tensor

from .adapter import Adapter


class Full(Adapter):
    """Every weight changes, but for parts that are frozen."""

    method = "full"

    def group(self, name: str) -> str | None:
        """Return one group for what looks and reads, which may have learned before, and one for all else."""
        return "pictures" if name.startswith(("vision.", "text.")) else "all"

    def rows(self, name: str, values: Tensor) -> Tensor | None:
        """Return None: words that are known learn further, too."""
        del name, values
        return None

    def decays(self, name: str, values: Tensor) -> bool:
        """Return True for all matrices and tables."""
        del name
        return values.ndim >= 2
