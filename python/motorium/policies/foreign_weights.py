"""Weights that other projects named: mapped from `model.safetensors` by a table of names, parts and shapes.

The file is memory-mapped: a float32 tensor costs no copy before the engine lays it out for its kernels.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from ..checkpoints import LARGEST_WEIGHTS, check_container
from ..errors import CheckpointError
from ..foreign import open_regular, parse_json
from ..types import Float32

Shape = tuple[int, ...]
LISTED = 12
MOST_ELEMENTS = 1 << 34


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


def map_tensors(path: Path) -> dict[str, Float32]:
    """Name -> float32 array over the file's own pages; bfloat16 and float16 are converted.

    Raises:
        CheckpointError: absent, truncated, not safetensors, or of another type of numbers.
    """
    real = check_container(path)
    try:
        with safe_open(real, framework="numpy") as file:  # the reference parser checks the whole header
            names = list(file.keys())
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged: {error}; copy the checkpoint again") from error
    with open_regular(real, LARGEST_WEIGHTS, error=CheckpointError) as handle:
        (length,) = struct.unpack("<Q", handle.read(8))
        header = parse_json(handle.read(length))
        size = os.fstat(handle.fileno()).st_size
        data = np.memmap(handle, np.uint8, "r", offset=8 + length) if size > 8 + length else None
    return {name: _tensor(name, header[name], data, path) for name in names}


def _tensor(name: str, entry: Mapping[str, Any], data: np.memmap | None, path: Path) -> Float32:
    kind, shape = entry["dtype"], entry["shape"]
    begin, end = entry["data_offsets"]
    raw = data[begin:end] if data is not None else np.empty(0, np.uint8)
    if raw.ctypes.data % 4 and kind == "F32":
        raw = raw.copy()
    if kind == "F32":
        values = raw.view("<f4")
    elif kind == "F16":
        values = raw.copy().view("<f2").astype(np.float32)
    elif kind == "BF16":
        values = (raw.copy().view("<u2").astype(np.uint32) << 16).view(np.float32)
    else:
        raise CheckpointError(f"{path}: {name} has dtype {kind}; F32, BF16 and F16 are read")
    return values.reshape(shape)


def fit(
    found: Mapping[str, Float32], table: Table, unused: Callable[[str], bool], where: Path
) -> dict[str, Float32]:
    """The engine's tensors. Names that `unused` knows may be there and are left alone.

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
    if elements > MOST_ELEMENTS:
        raise CheckpointError(f"{where}: config.json asks for {elements:.3g} weights; too many")


def _listed(what: str, names: Iterable[str], between: str = ", ") -> str:
    names = sorted(names)
    if not names:
        return ""
    more = f"{between}... and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{what}: {between.join(names[:LISTED])}{more}"
