"""Our own engine as a contender, and the time that the machine itself would need."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .peers.expert import ExpertInputs, ExpertSize, Floats

BYTES_PER_WEIGHT = {"float32": 4, "bfloat16": 2, "int8": 1}


def own_contenders(
    size: ExpertSize, weights: Mapping[str, Floats], inputs: ExpertInputs, threads: int
) -> dict[str, tuple[Callable[[], Floats], str]]:
    """Name -> (call that computes one chunk, precision)."""
    del size, weights, inputs, threads
    return {}


def roofline_s(size: ExpertSize, precision: str, threads: int) -> float:
    """The shortest time of one chunk on this machine: arithmetic or weight traffic, whichever takes longer."""
    del size, precision, threads
    return 0.0
