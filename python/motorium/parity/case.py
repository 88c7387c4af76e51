"""One recorded case of another implementation.

A case is a folder with `case.json` (what to override), `inputs.safetensors`, and, there, in its parent, or beside it in
the folder that `case.json` names as its `checkpoint`, `config.json` and `model.safetensors`. What the other
implementation computed is never read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load_file

from .._core import Precision
from ..containers import check_container
from ..errors import CheckpointError
from ..policies import foreign_config

Outputs = dict[str, Any]
"""Name -> array; float32 or int64."""


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        folder: of the case.
        settings: `case.json`.
        inputs: `inputs.safetensors`.
        isa: instruction set to force; empty: the best.
        precision: of the weights.
    """

    folder: Path
    settings: dict[str, Any]
    inputs: dict[str, Any]
    isa: str = ""
    precision: Precision = Precision.FLOAT32

    def file(self, name: str) -> Path:
        """Return a file of the case, or else of its checkpoint, or of its parent. Raises CheckpointError."""
        folders = [self.folder, self.folder.parent]
        if "checkpoint" in self.settings:
            checkpoint = self.settings["checkpoint"]
            if not isinstance(checkpoint, str) or not re.fullmatch(r"\w[\w.-]*", checkpoint):
                raise CheckpointError(
                    f"{self.folder}: checkpoint must be the name of a folder beside the case"
                )
            folders.insert(1, self.folder.parent / checkpoint)
        found = (folder / name for folder in folders if (folder / name).is_file())
        return next(found, folders[-1] / name)

    def input(self, name: str, *shape: int) -> Any:
        """Return an input by name; a negative extent accepts any. Raises CheckpointError."""
        array = self.inputs.get(name)
        if array is None:
            raise CheckpointError(f"{self.folder}: inputs.safetensors lacks {name}")
        if array.ndim != len(shape) or any(
            want >= 0 and got != want for want, got in zip(shape, array.shape, strict=True)
        ):
            raise CheckpointError(f"{self.folder}: {name} has shape {array.shape}, expected {shape}")
        return array


def read_case(folder: Path, isa: str = "") -> Case:
    """Read a case. Raises CheckpointError when a file is absent or damaged."""
    settings = foreign_config.read_json(folder / "case.json")
    if not isinstance(settings, dict):
        raise CheckpointError(f"{folder / 'case.json'} must hold an object")
    path = folder / "inputs.safetensors"
    real = check_container(path)
    try:
        return Case(folder, settings, load_file(real), isa)
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
