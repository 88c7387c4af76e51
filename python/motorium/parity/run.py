"""Run one recorded case of another implementation, so that the results can be compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import CheckpointError
from .being_h05 import run_being_h05
from .case import PRECISIONS, Case, Outputs, read_case
from .xiaomi_r0 import run_xiaomi_r0
from .xvla import run_xvla

FAMILIES: dict[str, Callable[[Case], Outputs]] = {
    "being_h05": run_being_h05,
    "xvla": run_xvla,
    "xiaomi_r0": run_xiaomi_r0,
    "xiaomi_r0_async": run_xiaomi_r0,
}
"""`family` in case.json -> what runs it."""


def run_case(folder: Path, isa: str = "", precision: str = "float32") -> Outputs:
    """Compute all outputs of one case. Raises CheckpointError when it cannot be run."""
    if precision not in PRECISIONS:
        raise CheckpointError(f"precision {precision!r} is unknown; known: {', '.join(PRECISIONS)}")
    case = replace(read_case(folder, isa), precision=precision)
    family = case.settings.get("family")
    if family not in FAMILIES:
        raise CheckpointError(f"{folder}: family {family!r} is unknown; known: {', '.join(FAMILIES)}")
    return {name: np.ascontiguousarray(array) for name, array in FAMILIES[family](case).items()}
