"""load: a checkpoint's name -> the policy that runs it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .nano.checkpoint import load_checkpoint
from .nano.policy import NanoPolicy
from .options import EngineOptions


def load(
    name_or_path: str | os.PathLike[str],
    *,
    seed: int | None = None,
    precision: str = "float32",
    threads: int = 1,
    cpus: Sequence[int] = (),
    guidance: str = "none",
) -> NanoPolicy:
    """Open a checkpoint by shipped name or directory.

    Args:
        name_or_path: such as "so101-pick", or a directory with `config.json` and `model.safetensors`.
        seed: of the noise the plans start from; None draws a fresh one.
        precision: "float32", "bfloat16" or "int8"; see `EngineOptions`.
        threads: of the engine, with the caller's.
        cpus: where the other threads are pinned; empty: anywhere.
        guidance: "soft" draws every new plan to the one before (guided real-time chunking, docs/realtime.md).

    Raises:
        CheckpointError: absent, damaged or of an unknown family, or an option that does not fit.
    """
    options = EngineOptions(precision, threads, tuple(cpus))
    return NanoPolicy(load_checkpoint(name_or_path), seed=seed, options=options, guidance=guidance)
