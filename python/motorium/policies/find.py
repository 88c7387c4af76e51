"""Find a checkpoint by its path, or by the name under which motorium ships it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..containers import CONFIG, FORMAT, WEIGHTS
from ..errors import CheckpointError
from . import recognise, registry


def find_checkpoint(name_or_path: str | os.PathLike[str]) -> Path:
    """Find the folder of a checkpoint: a path, or a name shipped with motorium. Raises CheckpointError."""
    path = Path(name_or_path)
    if path.is_dir():
        return path
    if path.is_file():
        raise CheckpointError(_file_given(path))
    name = os.fspath(name_or_path)
    folders = model_folders()
    if re.fullmatch(r"\w[\w.-]*", name):
        for folder in folders:
            if (folder / name).is_dir():
                return folder / name
    known = ", ".join(shipped()) or "none shipped"
    is_file = path.suffix == ".safetensors" or recognise.foreign_file(path)
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not is_file and not path.parent.exists():
        raise CheckpointError(
            f"no folder {name!r} here. If it is a repository on a hub: motorium downloads nothing, so fetch it and "
            f"give the folder. Shipped: {known}"
        )
    if path.name != name or path.suffix:
        raise CheckpointError(f"{path}: no such folder. Shipped checkpoints have names: {known}")
    raise CheckpointError(f"no checkpoint {name!r}: neither a directory nor shipped ({known})")


def shipped() -> list[str]:
    """List the names of the checkpoints that come with motorium."""
    return sorted({found.parent.name for folder in model_folders() for found in folder.glob(f"*/{CONFIG}")})


def _file_given(path: Path) -> str:
    if told := recognise.foreign_file(path):
        return f"{path} is {told}; {what_runs()}"
    if path.name in (CONFIG, WEIGHTS):
        return f"{path} is a file; give the directory that holds it: {path.parent}"
    return f"{path} is a file; give the directory that holds {CONFIG} and {WEIGHTS}"


def what_runs(network: str = "") -> str:
    """Say what motorium runs, where a checkpoint is of somebody else; `network` is the module that runs its network."""
    network = f"; its network runs: {network}" if network else ""
    return (
        f"motorium runs its own checkpoints: {', '.join(shipped())}, and what `motorium train` writes "
        f"({CONFIG} with `format` {FORMAT!r}, and {WEIGHTS}). To use another one, wrap it: anything with `infer` is "
        "a policy "
        f"(docs/from-lerobot.md{network})"
    )


def model_folders() -> list[Path]:
    """Return where what comes with motorium lies: in the package, or beside its sources."""
    package = Path(__file__).resolve().parents[1]
    return [package / "_models", package.parents[1] / "models"]


def refuse_foreign(folder: Path) -> None:
    """Raise CheckpointError when the checkpoint in `folder` is of a family that motorium does not run."""
    if told := recognise.foreign_checkpoint(folder):
        family = registry.family_of(recognise.read_config(folder))
        raise CheckpointError(f"{folder} is {told}; {what_runs(family.network if family else '')}")
