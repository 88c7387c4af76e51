"""Change whole datasets: each function writes a new one, and none touches what it reads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ...deprecated import renamed_keyword
from ...errors import DataError
from ...instructions import check_instruction
from ..format.dataset import Dataset
from ..format.schema import Info
from .build import Pick, beside, build, fill
from .mirror import Mirror, mirror_dataset
from .resample import downsample
from .units_edit import Units
from .units_edit import merge as merge_datasets

__all__ = ["delete", "downsample", "everything", "merge", "mirror", "numbers", "relabel", "split"]


def numbers(text: str) -> frozenset[int]:
    """Read {0, 3, 4, 5} from "0,3-5". Raises DataError."""
    out: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise DataError(f"{text!r} does not name episodes; write them as 0,3-5")
        stop = int(last) if dash else int(first)
        if stop - int(first) > 1_000_000:
            raise DataError(f"{text!r} names too many episodes")
        out.update(range(int(first), stop + 1))
    return frozenset(out)


def everything(dataset: Dataset) -> frozenset[int]:
    """Return the numbers of all episodes."""
    return frozenset(e.index for e in dataset.episodes)


def delete(dataset: Dataset, episodes: frozenset[int], target: Path) -> Info:
    """Write the dataset without those episodes; the others move up. Raises DataError when one is not there."""
    missing = episodes - everything(dataset)
    if missing:
        raise DataError(f"{dataset.root} has no episode {min(missing)}; it has {len(dataset.episodes)}")
    return build(target, dataset.schema, [Pick(dataset, everything(dataset) - episodes)])


def relabel(dataset: Dataset, rename: Mapping[str, str], target: Path) -> Info:
    """Give tasks other words. Raises DataError when there is no such task."""
    for task in rename.values():
        check_instruction(task)
    for task in rename:
        if task not in dataset.tasks:
            raise DataError(f"no task {task!r}; the dataset has {', '.join(map(repr, dataset.tasks))}")
    return build(target, dataset.schema, [Pick(dataset, everything(dataset), rename)])


def merge(datasets: Sequence[Dataset], target: Path) -> Info:
    """Join the episodes of datasets that agree in everything, see `units_edit.merge`. Raises DataError."""
    return merge_datasets(datasets, Units(), target)[0]


@renamed_keyword(share="fraction")
def split(dataset: Dataset, fraction: float, seed: int, train: Path, test: Path) -> tuple[Info, Info]:
    """Write two datasets; `fraction` of the scenes goes to `test`. Episodes of one scene (noted seed) stay together.

    In info.json the episodes of the one are in the split "train", those of the other in "test". Raises DataError: a
    side would be empty, or is there already; then neither is made.
    """
    groups: dict[object, list[int]] = {}
    for episode in dataset.episodes:
        scene = dataset.notes(episode).get("seed")
        groups.setdefault(("scene", scene) if scene is not None else episode.index, []).append(episode.index)
    order = np.random.default_rng(seed).permutation(len(groups))
    count = round(fraction * len(groups))
    if not 0 < count < len(groups):
        remedy = "record more of them"
        if len(groups) > 1:
            remedy = f"give at least --test {math.ceil(100 / len(groups)) / 100:g}, and less than 1"
        raise DataError(f"a share of {fraction:g} of {len(groups)} scenes leaves one side empty: {remedy}")
    members = list(groups.values())
    chosen = frozenset(e for i in order[:count] for e in members[int(i)])
    rest = everything(dataset) - chosen
    picks = Pick(dataset, rest, split="train"), Pick(dataset, chosen, split="test")
    with beside(train) as first, beside(test) as second:
        return fill(first, dataset.schema, picks[:1]), fill(second, dataset.schema, picks[1:])


def mirror(dataset: Dataset, signs: Mapping[str, int], swap: Mapping[str, str], target: Path) -> Info:
    """Exchange left and right, see `mirror.Mirror` for `signs` and `swap`. Raises DataError."""
    return mirror_dataset(dataset, Mirror(signs, swap), target)[0]
