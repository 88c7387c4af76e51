"""Tell what was given to train on: recorded datasets, or the shards of demonstrations of 0.1.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..data.format.dataset import Dataset
from ..errors import DataError
from .data import SourceSpec

INFO, MANIFEST = "meta/info.json", "manifest.json"


def datasets(given: Sequence[str], declared: Mapping[str, Any]) -> tuple[SourceSpec, ...]:
    """Return recorded datasets as they were given, PATH or PATH=WEIGHT; none where all are folders of shards.

    Args:
        given: at least one.
        declared: of all of them, fields of `SourceSpec` such as units.

    Raises DataError: folders of both kinds, something is declared of shards, or a rate of several that cannot be read.
    """
    specs = [SourceSpec.parse(text) for text in given]
    shards = [spec.path for spec in specs if _has_shards(spec.path)]
    if not shards:
        return _declared(specs, declared)
    if len(shards) < len(specs):
        other = next(spec.path for spec in specs if spec.path not in shards)
        raise DataError(
            f"{shards[0]} is a folder of shards (record-demos), {other} is not: train on one kind at a time"
        )
    if declared or any(spec.weight is not None for spec in specs):
        raise DataError(f"{shards[0]} is a folder of shards (record-demos), which says everything itself")
    return ()


def _declared(specs: Sequence[SourceSpec], declared: Mapping[str, Any]) -> tuple[SourceSpec, ...]:
    """Return sources with what was declared of all of them; a rate is meant of those among several that have it."""
    out = tuple(replace(spec, **declared) for spec in specs)
    if "fps" not in declared or len(specs) < 2:
        return out
    meant = [Dataset.open(spec.path).schema.fps == declared["fps"] for spec in specs]
    if not any(meant):
        return out
    return tuple(spec if its else replace(spec, fps=None) for spec, its in zip(out, meant, strict=True))


def _has_shards(folder: Path) -> bool:
    if (folder / INFO).exists():
        return False
    return any(folder.glob(f"**/{MANIFEST}"))
