"""Weights that other projects named: mapped from `model.safetensors` by a table of names, parts and shapes.

The file is memory-mapped: a float32 tensor costs no copy before the engine lays it out for its kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..containers import Shape
from ..errors import CheckpointError
from ..types import Float32

LISTED = 12
MAX_ELEMENTS = 1 << 34


@dataclass(frozen=True)
class Weight:
    """One tensor of the checkpoint, or one of `parts` equal stretches of its first axis.

    Attributes:
        name: the official one.
        shape: of the whole tensor.
        part: which stretch becomes the engine's tensor.
        parts: 1 for the whole tensor.
    """

    name: str
    shape: Shape
    part: int = 0
    parts: int = 1


Table = Mapping[str, Weight]
"""Engine name -> where it comes from."""


def fit(
    found: Mapping[str, Float32], table: Table, unused: Callable[[str], bool], where: Path
) -> dict[str, Float32]:
    """Return the engine's tensors. Names that `unused` knows may be there and are left alone.

    Raises:
        CheckpointError: with all missing and surplus names and wrong shapes at once.
    """
    expected = {weight.name: weight.shape for weight in table.values()}
    surplus = [name for name in found if name not in expected and not unused(name)]
    wrong = [
        f"{name} has shape {found[name].shape}, expected {shape}"
        for name, shape in expected.items()
        if name in found and found[name].shape != shape
    ]
    problems = [
        _listed("missing tensors", (name for name in expected if name not in found)),
        _listed("surplus tensors", surplus),
        _listed("wrong shapes", wrong, "; "),
    ]
    if any(problems):
        text = "; ".join(problem for problem in problems if problem)
        raise CheckpointError(f"{where}: {text}. config.json and model.safetensors do not fit together")
    result = {}
    for target, weight in table.items():
        whole = found[weight.name]
        rows = weight.shape[0] // weight.parts
        result[target] = whole[weight.part * rows : (weight.part + 1) * rows] if weight.parts > 1 else whole
        if not np.isfinite(result[target]).all():
            raise CheckpointError(f"{where}: {weight.name} holds NaN or infinite weights")
    return result


def bound(table: Table, where: Path) -> None:
    """Refuse a config whose sizes no checkpoint has, before anything is allocated. Raises CheckpointError."""
    elements = sum(math.prod(weight.shape) for weight in table.values())
    if elements > MAX_ELEMENTS:
        raise CheckpointError(f"{where}: config.json asks for {elements:.3g} weights, which is too many")


def _listed(what: str, names: Iterable[str], between: str = ", ") -> str:
    names = sorted(names)
    if not names:
        return ""
    more = f"{between}... and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{what}: {between.join(names[:LISTED])}{more}"
