"""Load a policy by the name or the folder of its checkpoint."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from .._core import Precision
from ..containers import CONFIG, FORMAT
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
    precision: Precision | str | None = None,
    threads: int = 1,
    cpus: Sequence[int] = (),
    guidance: str = "none",
) -> Policy:
    """Open a checkpoint by shipped name or directory.

    Args:
        name_or_path: such as "so101-pick", or a directory with `config.json` and `model.safetensors`.
        seed: of the noise the plans start from; None draws a fresh one.
        precision: a `Precision` or its text, "float32", "bfloat16" or "int8", see `EngineOptions`; None takes the
            checkpoint's.
        threads: of the engine, with the caller's.
        cpus: where the other threads are pinned; empty: anywhere.
        guidance: "soft" draws every new plan to the one in force (guided real-time chunking, docs/realtime.md).

    Raises:
        CheckpointError: absent, damaged or of an unknown family, or an option that does not fit.
    """
    folder = find_checkpoint(name_or_path)
    engine = EngineOptions(chosen_precision(precision, folder), threads, tuple(cpus))
    options = LoadOptions(seed, guidance, engine)
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


def chosen_precision(named: Precision | str | None, folder: Path) -> Precision:
    """Return the precision to compute a checkpoint in: as the caller names it, else as its config.json, else float32.

    Raises CheckpointError: there is no such precision.
    """
    if named is not None:
        return precision_named(named)
    config = read_config(folder)
    if config.get("format") != FORMAT:  # in another's config.json the word may mean anything
        return Precision.FLOAT32
    try:
        return precision_named(config.get("precision", Precision.FLOAT32))
    except CheckpointError as error:
        raise CheckpointError(f"{folder / CONFIG}: {error}") from None
