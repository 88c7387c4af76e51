"""Load a policy by the name or the folder of its checkpoint."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .._core import Precision
from ..errors import BindingError, CheckpointError
from .adapt import as_policy
from .base import Policy
from .find import find_checkpoint, refuse_foreign
from .options import EngineOptions, LoadOptions, precision_named
from .recognise import read_config
from .registry import OWN, family_of, refuse_broken


def load(
    name_or_path: str | os.PathLike[str],
    *,
    seed: int | None = None,
    precision: Precision | str = Precision.FLOAT32,
    threads: int = 1,
    cpus: Sequence[int] = (),
    guidance: str = "none",
) -> Policy:
    """Open a checkpoint by shipped name or directory.

    Args:
        name_or_path: such as "so101-pick", or a directory with `config.json` and `model.safetensors`.
        seed: of the noise the plans start from; None draws a fresh one.
        precision: a `Precision` or its text, "float32", "bfloat16" or "int8"; see `EngineOptions`.
        threads: of the engine, with the caller's.
        cpus: where the other threads are pinned; empty: anywhere.
        guidance: "soft" draws every new plan to the one in force (guided real-time chunking, docs/realtime.md).

    Raises:
        CheckpointError: absent, damaged or of an unknown family, or an option that does not fit.
    """
    folder = find_checkpoint(name_or_path)
    options = LoadOptions(seed, guidance, EngineOptions(precision_named(precision), threads, tuple(cpus)))
    family = family_of(read_config(folder))
    if family is None or not family.module:
        refuse_foreign(folder)
        refuse_broken()
        family = OWN  # which says what its config.json lacks
    loaded = family.load(folder, options)
    try:
        return as_policy(loaded)
    except BindingError as error:
        raise CheckpointError(
            f"{folder}: the policy family {family.name!r} gives no policy: {error}"
        ) from error
