"""load: a checkpoint's name -> the policy that runs it."""

from __future__ import annotations

import os

from ..checkpoints import load_checkpoint
from .nano import NanoPolicy


def load(name_or_path: str | os.PathLike[str], *, seed: int | None = None) -> NanoPolicy:
    """Open a checkpoint by shipped name or directory.

    Args:
        name_or_path: such as "so101-pick", or a directory with `config.json` and `model.safetensors`.
        seed: of the noise the plans start from; None draws a fresh one.

    Raises:
        CheckpointError: absent, damaged or of an unknown family.
    """
    return NanoPolicy(load_checkpoint(name_or_path), seed=seed)
