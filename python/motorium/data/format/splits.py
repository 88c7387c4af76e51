"""Keep which episodes are for training and which for testing: `splits` of info.json, through every change.

LeRobot writes `{"train": "0:50"}`, the first episode and the one after the last; commas separate several ranges.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError

TRAIN = "train"
Splits = Mapping[str, str]
Mask = NDArray[np.bool_]


def read_ranges(text: str, count: int) -> Mask | None:
    """Mark which of `count` episodes "0:3,5:7" names, (count,); None when it does not name episodes."""
    mask = np.zeros(count, dtype=np.bool_)
    for part in text.split(",") if text.strip() else ():
        found = re.fullmatch(r"\s*(\d{1,18}):(\d{1,18})\s*", part)
        if not found:
            return None
        mask[int(found[1]) : int(found[2])] = True
    return mask


def write_ranges(mask: Mask) -> str:
    """Write the marked episodes as "0:3,5:7"."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return ",".join(f"{start}:{stop}" for start, stop in edges.reshape(-1, 2).tolist())


def resized(splits: Splits | None, before: int, after: int) -> dict[str, str]:
    """Put episodes that came since there were `before` into "train", as LeRobot does; drop those that are gone."""
    out = dict(splits or {})
    for name, text in out.items():
        mask = read_ranges(text, after)
        if mask is not None and after < before:
            out[name] = write_ranges(mask)
    mask = read_ranges(out.get(TRAIN, ""), after)
    if mask is None:
        return out
    mask[before:after] = True
    return {**out, TRAIN: write_ranges(mask)}


def carried(parts: Iterable[tuple[Path, Splits | None, Sequence[int]]]) -> dict[str, str]:
    """Say which episodes of a new dataset are in which split.

    Args:
        parts: of each stretch of the new dataset: the old dataset's folder and splits, and its episodes in their new
            order. Without splits an episode is in "train". A split with no episode left is not named any more.

    Raises DataError: a split's text does not name episodes, and they have other numbers now.
    """
    members: dict[str, list[int]] = {}
    unread: dict[str, str] = {}
    start = 0
    for root, splits, episodes in parts:
        count = max(episodes, default=-1) + 1
        same = start == 0 and list(episodes) == list(range(count))
        for name, text in ({TRAIN: f"0:{count}"} if splits is None else splits).items():
            mask = read_ranges(text, count)
            if mask is not None:
                inside = [start + place for place, episode in enumerate(episodes) if mask[episode]]
                members.setdefault(name, []).extend(inside)
            elif same:
                unread[name] = text
            else:
                raise DataError(
                    f"{root}: the split {name!r} is {text[:80]!r}, which does not name episodes; write it as "
                    f"0:3,5:7 in info.json, or remove it"
                )
        start += len(episodes)
    return unread | {name: _of(inside, start) for name, inside in members.items() if inside}


def _of(members: Sequence[int], count: int) -> str:
    mask = np.zeros(count, dtype=np.bool_)
    mask[list(members)] = True
    return write_ranges(mask)
