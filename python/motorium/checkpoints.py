"""Checkpoints: a directory with `config.json` and `model.safetensors`, read without torch or pickle.

Whatever is wrong with one ends in a CheckpointError that says what, where, and what to do. Sizes are
checked against the descriptor before any tensor is read, so a damaged file never costs its claimed memory.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .errors import CheckpointError
from .files import exchange_names, temporary_name, write_whole
from .foreign import open_regular, read_text
from .policies import recognise
from .policies.nano.config import FORMAT, Descriptor
from .policies.nano.weights import Shape, nano_tensors
from .types import Float32

CONFIG, WEIGHTS = "config.json", "model.safetensors"
NEEDED = f"a checkpoint directory needs {CONFIG} and {WEIGHTS}"
LARGEST_CONFIG = 4 << 20
LARGEST_HEADER = 16 << 20
LARGEST_WEIGHTS = 1 << 38
MOST_ELEMENTS = 1 << 28
LISTED = 8
"""Names shown in a message before '... and n more'."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory.

    Attributes:
        path: the directory it came from.
        descriptor: `config.json`.
        tensors: name -> float32 array, exactly the names and shapes of `nano_tensors(descriptor)`.
    """

    path: Path
    descriptor: Descriptor
    tensors: Mapping[str, Float32]


def find_checkpoint(name_or_path: str | os.PathLike[str]) -> Path:
    """Directory of a checkpoint: a path, or a name shipped with motorium. Raises CheckpointError."""
    path = Path(name_or_path)
    if path.is_dir():
        return path
    if path.is_file():
        raise CheckpointError(_file_given(path))
    name = os.fspath(name_or_path)
    folders = _model_folders()
    if re.fullmatch(r"\w[\w.-]*", name):
        for folder in folders:
            if (folder / name).is_dir():
                return folder / name
    known = ", ".join(shipped()) or "none shipped"
    is_file = path.suffix == ".safetensors" or recognise.foreign_file(path)
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not is_file and not path.parent.exists():
        raise CheckpointError(
            f"no folder {name!r} here. Is it a repository on a hub? motorium downloads nothing: fetch it, then give "
            f"the folder. Shipped: {known}"
        )
    if path.name != name or path.suffix:
        raise CheckpointError(f"{path}: no such folder. Shipped checkpoints have names: {known}")
    raise CheckpointError(f"no checkpoint {name!r}: neither a directory nor shipped ({known})")


def shipped() -> list[str]:
    """Names of the checkpoints that come with motorium."""
    return sorted({found.parent.name for folder in _model_folders() for found in folder.glob(f"*/{CONFIG}")})


def _file_given(path: Path) -> str:
    if told := recognise.foreign_file(path):
        return f"{path} is {told}; {_what_runs(told)}"
    if path.name in (CONFIG, WEIGHTS):
        return f"{path} is a file; give the directory that holds it: {path.parent}"
    return f"{path} is a file; give the directory that holds {CONFIG} and {WEIGHTS}"


def _what_runs(told: str) -> str:
    network = "; its network runs: motorium.policies.xvla" if "X-VLA" in told else ""
    return (
        f"motorium runs its own checkpoints: {', '.join(shipped())}, and what `motorium train` writes "
        f"({CONFIG} with `format` {FORMAT!r}, and {WEIGHTS}). Others: wrap it, anything with `infer` is a policy "
        f"(docs/from-lerobot.md{network})"
    )


def _model_folders() -> list[Path]:
    package = Path(__file__).resolve().parent
    return [package / "_models", package.parents[1] / "models"]


def load_checkpoint(name_or_path: str | os.PathLike[str]) -> Checkpoint:
    """Read and check a checkpoint by directory or shipped name. Raises CheckpointError."""
    path = find_checkpoint(name_or_path)
    if told := recognise.foreign_checkpoint(path):
        raise CheckpointError(f"{path} is {told}; {_what_runs(told)}")
    descriptor = _read_descriptor(path / CONFIG)
    shapes = _bounded_shapes(descriptor, path)
    return Checkpoint(path, descriptor, _read_tensors(path / WEIGHTS, shapes))


def save_checkpoint(
    directory: str | os.PathLike[str], descriptor: Descriptor, tensors: Mapping[str, Any]
) -> Path:
    """Write a checkpoint so that the directory holds either the old one or the new one, never half of one.

    Other files already in the directory (a model card) are kept, links among them as links; so are permissions. A
    directory that is a link stays one. Values may be anything numpy can turn into float32.

    Raises CheckpointError when the tensors do not fit the descriptor.
    """
    target = Path(os.path.realpath(directory))
    arrays = {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in tensors.items()}
    shapes = _bounded_shapes(descriptor, target)
    _compare({name: array.shape for name, array in arrays.items()}, shapes, f"cannot save to {target}")
    for name, array in arrays.items():
        _require_finite(name, array, f"cannot save to {target}")
    fresh = target.with_name(temporary_name(target.name))
    fresh.mkdir(parents=True)
    try:
        if target.is_dir():
            _keep_others(target, fresh)
        (fresh / CONFIG).write_text(descriptor.to_json(), encoding="utf-8")
        write_tensors(fresh / WEIGHTS, arrays, {"format": descriptor.format})
        for name in (CONFIG, WEIGHTS):
            if (target / name).is_file():
                shutil.copymode(target / name, fresh / name)
        _swap(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def write_tensors(path: Path, arrays: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> None:
    """Write numpy arrays as safetensors, whole or not at all. The library's own writer ignores the umask (0600)."""
    content = save(dict(arrays), metadata=None if metadata is None else dict(metadata))
    write_whole(path, lambda file: file.write(content))


def _keep_others(target: Path, fresh: Path) -> None:
    """Copy what is not written anew."""

    def anew(folder: str, names: list[str]) -> set[str]:
        return {CONFIG, WEIGHTS} & set(names) if Path(folder) == target else set()

    shutil.copytree(target, fresh, symlinks=True, dirs_exist_ok=True, ignore=anew)


def _swap(fresh: Path, target: Path) -> None:
    """Put `fresh` in the place of `target`; the old one goes only once the new one stands."""
    for file in fresh.iterdir():
        if file.is_file():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
    if not target.exists():
        fresh.rename(target)
        return
    if exchange_names(fresh, target):
        return
    old = target.with_name(f"{fresh.name}.old")
    target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _read_descriptor(path: Path) -> Descriptor:
    if not os.path.lexists(path):
        near = recognise.checkpoint_near(path.parent)
        advice = NEEDED if near is None else f"there is one in {near}: give that folder"
        raise CheckpointError(f"{path} is absent; {advice}")
    text = read_text(path, LARGEST_CONFIG, error=CheckpointError, inside=path.parent)
    try:
        return Descriptor.from_json(text)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _bounded_shapes(descriptor: Descriptor, where: Path) -> dict[str, Shape]:
    shapes = nano_tensors(descriptor)
    elements = sum(math.prod(shape) for shape in shapes.values())
    if elements > MOST_ELEMENTS:
        raise CheckpointError(
            f"{where}: dims in {CONFIG} ask for {elements:.3g} weights; at most {MOST_ELEMENTS:.3g} allowed"
        )
    return shapes


def _read_tensors(path: Path, shapes: Mapping[str, Shape]) -> dict[str, Float32]:
    real = check_container(path)
    try:
        with safe_open(real, framework="numpy") as file:
            found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            _compare({name: tuple(part.get_shape()) for name, part in found.items()}, shapes, str(path))
            wrong = sorted(name for name, part in found.items() if part.get_dtype() != "F32")
            if wrong:
                kinds = sorted({found[name].get_dtype() for name in wrong})
                raise CheckpointError(f"{path}: {_list(wrong)}: dtype {', '.join(kinds)}, expected F32")
            tensors = {name: np.ascontiguousarray(file.get_tensor(name)) for name in shapes}
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged: {error}; copy the checkpoint again") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    for name, array in tensors.items():
        _require_finite(name, array, str(path))
    return tensors


def check_container(path: Path) -> Path:
    """Refuse pickles and truncated files by their first bytes, before any parser sees them.

    Layout: https://huggingface.co/docs/safetensors - u64 little-endian header length, JSON header, data. Returns the
    path without links, for a parser. Raises CheckpointError.
    """
    if not os.path.lexists(path):
        raise CheckpointError(f"{path} is absent; {NEEDED}")
    with open_regular(path, LARGEST_WEIGHTS, error=CheckpointError, inside=path.parent) as file:
        size, head = os.fstat(file.fileno()).st_size, file.read(9)
    if head[:2] == b"PK" or (head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05"):
        raise CheckpointError(
            f"{path} is a pickle or torch archive under a safetensors name; it was not opened, since "
            "unpickling runs code. Ask its author for safetensors"
        )
    if len(head) < 9:
        raise CheckpointError(f"{path} is truncated: {size} bytes; copy the checkpoint again")
    (header,) = struct.unpack("<Q", head[:8])
    if head[8:9] != b"{" or header > LARGEST_HEADER:
        raise CheckpointError(f"{path} is not a safetensors file; copy the checkpoint again")
    if header + 8 > size:
        raise CheckpointError(f"{path} is truncated in its header: {size} bytes; copy the checkpoint again")
    return Path(os.path.realpath(path))


def _compare(found: Mapping[str, Shape], expected: Mapping[str, Shape], where: str) -> None:
    missing = sorted(set(expected) - set(found))
    surplus = sorted(set(found) - set(expected))
    parts = []
    if missing:
        parts.append(f"missing tensors: {_list(missing)}")
    if surplus:
        parts.append(f"surplus tensors: {_list(surplus)}")
    parts += [
        f"{name} has shape {tuple(found[name])}, expected {tuple(expected[name])}"
        for name in sorted(set(found) & set(expected))
        if tuple(found[name]) != tuple(expected[name])
    ][:LISTED]
    if parts:
        raise CheckpointError(f"{where}: {'; '.join(parts)}. {CONFIG} and {WEIGHTS} do not fit together")


def _require_finite(name: str, array: Float32, where: str) -> None:
    if not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise CheckpointError(
            f"{where}: {name} holds {count} NaN or infinite weights; training diverged or the file is damaged"
        )


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:LISTED])
    return shown if len(names) <= LISTED else f"{shown} ... and {len(names) - LISTED} more"
