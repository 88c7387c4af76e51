"""Divide recordings into those to learn from and those to judge by: whole episodes, the same for the same seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...data.format.dataset import Dataset
from ...data.format.splits import TRAIN, read_ranges
from ...errors import DataError

VALIDATION = ("val", "valid", "validation", "eval")
"""Names of splits that others hold out to judge by."""
Episodes = frozenset[int]


def own_splits(dataset: Dataset) -> dict[str, Episodes]:
    """Return which episodes a dataset itself calls for training, "train", and for validation; {} where it says nothing.

    Episodes that are in neither are for tests, and used for nothing. Raises DataError for a split that names none.
    """
    splits = dataset.info.splits or {}
    held = [name for name in splits if name.lower() in VALIDATION]
    others = [name for name in splits if name != TRAIN and name not in held]
    if not held and not others:
        return {}
    count = max((e.index for e in dataset.episodes), default=-1) + 1
    members: dict[str, Episodes] = {}
    for name, text in splits.items():
        mask = read_ranges(text, count)
        if mask is None:
            raise DataError(
                f"{dataset.root}: the split {name!r} is {text[:80]!r}, which does not name episodes; write it as "
                f"0:3,5:7 in info.json, or remove it"
            )
        members[name] = frozenset(np.flatnonzero(mask).tolist())
    test = frozenset().union(*(members[name] for name in others))
    validation = frozenset().union(*(members[name] for name in held)) - test
    train = members.get(TRAIN, frozenset(range(count))) - validation - test
    return {"train": train} | ({"validation": validation} if held else {})


def draw(counts: Sequence[int], fraction: float, seed: int) -> list[NDArray[np.bool_]]:
    """Draw which recordings of each source are held out, at least one of each source that has two.

    Args:
        counts: recordings per source.
        fraction: of each that is held out.
        seed: the same one draws the same.

    Raises DataError when all sources together have one recording: nothing could be held out.
    """
    if sum(counts) < 2:
        raise DataError(
            "there is one episode only: none is left to tell whether the policy learns more than to repeat it; record "
            "at least one more"
        )
    out = []
    for source, count in enumerate(counts):
        held = np.zeros(count, dtype=np.bool_)
        if count > 1:
            number = min(count - 1, max(1, round(fraction * count)))
            held[np.random.default_rng([seed, source]).permutation(count)[:number]] = True
        out.append(held)
    if not any(held.any() for held in out):  # sources of one recording each: the last is held out
        out[-1][:] = True
    return out


def divide(datasets: Sequence[Dataset], fraction: float, seed: int) -> list[Mapping[int, bool]]:
    """Say of each source which episodes are used, episode -> whether it is held out; what they say themselves counts.

    Raises DataError as `draw`, and when a dataset's own splits leave nothing to learn from or nothing to judge by.
    """
    own = [own_splits(dataset) for dataset in datasets]
    used = [
        [
            e.index
            for e in dataset.episodes
            if not said or any(e.index in members for members in said.values())
        ]
        for dataset, said in zip(datasets, own, strict=True)
    ]
    drawn = draw([len(episodes) for episodes in used], fraction, seed)
    out: list[Mapping[int, bool]] = []
    for said, episodes, held in zip(own, used, drawn, strict=True):
        validation = said.get("validation")
        flags = held.tolist() if validation is None else [index in validation for index in episodes]
        out.append(dict(zip(episodes, flags, strict=True)))
    everything = [flag for flags in out for flag in flags.values()]
    if all(everything) or not any(everything):
        side = "training" if all(everything) else "validation"
        raise DataError(f"{datasets[0].root}: its own splits (info.json) leave no episode for {side}")
    return out
