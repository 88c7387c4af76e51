"""Changes to whole datasets."""

from __future__ import annotations

from ..errors import DataError
from .dataset import Dataset
from .stats import Stats, aggregate


def stored_stats(dataset: Dataset, episode: int | None) -> dict[str, Stats]:
    """Of one episode, or of all together. Raises DataError when there is no such episode."""
    if episode is None:
        return aggregate([dataset.stats(line) for line in dataset.episodes])
    for line in dataset.episodes:
        if line.index == episode:
            return dataset.stats(line)
    raise DataError(f"no episode {episode}; there are {len(dataset.episodes)}")
