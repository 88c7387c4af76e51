"""Tell what was given to train on: recorded datasets, and not the shards of demonstrations of 0.1.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..data.format.dataset import Dataset
from ..errors import DataError
from ..moved import PICK
from .data import SourceSpec

INFO, MANIFEST = "meta/info.json", "manifest.json"


def datasets(given: Sequence[str], declared: Mapping[str, Any]) -> tuple[SourceSpec, ...]:
    """Return recorded datasets as they were given, PATH or PATH=WEIGHT.

    Args:
        given: at least one.
        declared: of all of them, fields of `SourceSpec` such as units.

    Raises DataError: a folder of shards, or a rate of several datasets that cannot be read.
    """
    specs = [SourceSpec.parse(text) for text in given]
    for spec in specs:
        if _has_shards(spec.path):
            raise DataError(
                f"{spec.path} is a folder of shards, with the simulator's truth in them; training reads recorded "
                f"datasets (motorium record sim:so101 --leader script --lockstep), and shards are for {PICK}"
            )
    return _declared(specs, declared)


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
