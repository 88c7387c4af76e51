"""How an engine computes, whatever network it holds."""

from __future__ import annotations

from dataclasses import dataclass

from .._core import Precision
from ..errors import CheckpointError

PRECISIONS = tuple(precision.value for precision in Precision)
"""Texts of `Precision`, as options of verbs and of `motorium.load` give them."""


def precision_named(name: Precision | str) -> Precision:
    """Return a precision by its text. Raises CheckpointError with the known ones."""
    try:
        return Precision(name)
    except ValueError:
        raise CheckpointError(f"precision {name!r} is unknown; known: {', '.join(PRECISIONS)}") from None


@dataclass(frozen=True)
class EngineOptions:
    """Precision, threads and instruction set.

    Attributes:
        precision: of the large weights. BFLOAT16 halves and INT8 quarters what a step reads from memory;
            routers, embeddings and outputs stay float32.
        threads: with the caller's. One leaves the other cores to the control loop. Results do not depend on it.
        cpus: the other threads are pinned to these in turn; empty: the system places them.
        isa: an instruction set by name ("avx2", "plain", ...); empty takes MOTORIUM_ISA or the best.
    """

    precision: Precision = Precision.FLOAT32
    threads: int = 1
    cpus: tuple[int, ...] = ()
    isa: str = ""


@dataclass(frozen=True)
class LoadOptions:
    """What the caller of `motorium.load` chooses; a family refuses what it does not have.

    Attributes:
        seed: of the noise the plans start from; None draws a fresh one.
        guidance: one of `motorium.policies.guidance.GUIDANCE`.
        engine: how the engine computes.
    """

    seed: int | None = None
    guidance: str = "none"
    engine: EngineOptions = EngineOptions()
