"""Run one recorded case of another implementation, so that the results can be compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from .._core import Precision
from ..errors import CheckpointError
from ..policies.options import precision_named
from .being_h05 import run_being_h05
from .case import Case, Outputs, read_case
from .xiaomi_r0 import run_xiaomi_r0
from .xvla import run_xvla

FAMILIES: dict[str, Callable[[Case], Outputs]] = {
    "being_h05": run_being_h05,
    "xvla": run_xvla,
    "xiaomi_r0": run_xiaomi_r0,
    "xiaomi_r0_async": run_xiaomi_r0,
}
"""`family` in case.json -> what runs it."""


def run_case(folder: Path, isa: str = "", precision: Precision | str = Precision.FLOAT32) -> Outputs:
    """Compute all outputs of one case. Raises CheckpointError when it cannot be run."""
    case = replace(read_case(folder, isa), precision=precision_named(precision))
    family = case.settings.get("family")
    if family not in FAMILIES:
        raise CheckpointError(f"{folder}: family {family!r} is unknown; known: {', '.join(FAMILIES)}")
    return {name: np.ascontiguousarray(array) for name, array in FAMILIES[family](case).items()}
