"""Containers of checkpoints: a folder with `config.json` and `model.safetensors`, read and written without pickle.

What the tensors mean is the business of each family (`policies/`). Sizes are checked before a tensor is read, so that a
damaged file never costs the memory that it claims.
"""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .errors import CheckpointError
from .files import exchange_names, sync_file, temporary_name, write_whole
from .foreign import open_regular, parse_json
from .types import Float32

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FORMAT = "motorium-checkpoint"
"""`format` in config.json of motorium's own checkpoints."""
NEEDED = f"a checkpoint directory needs {CONFIG} and {WEIGHTS}"
LARGEST_CONFIG = 4 << 20
LARGEST_HEADER = 16 << 20
LARGEST_WEIGHTS = 1 << 38
LISTED = 8
"""Names shown in a message before '... and n more'."""
Shape = tuple[int, ...]


def check_container(path: Path) -> Path:
    """Refuse pickles and truncated files by their first bytes, before any parser sees them.

    Layout: https://huggingface.co/docs/safetensors - u64 little-endian header length, JSON header, data. Returns the
    path without links, for a parser. Raises CheckpointError.
    """
    if not os.path.lexists(path):
        raise CheckpointError(f"{path} is missing; {NEEDED}")
    with open_regular(path, LARGEST_WEIGHTS, error=CheckpointError, inside=path.parent) as file:
        size, head = os.fstat(file.fileno()).st_size, file.read(9)
    if head[:2] == b"PK" or (head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05"):
        raise CheckpointError(
            f"{path} is a pickle or torch archive under a safetensors name; it was not opened, because unpickling "
            "runs code. Ask its author for safetensors"
        )
    if len(head) < 9:
        raise CheckpointError(f"{path} is truncated: {size} bytes; copy the checkpoint again")
    (header,) = struct.unpack("<Q", head[:8])
    if head[8:9] != b"{" or header > LARGEST_HEADER:
        raise CheckpointError(f"{path} is not a safetensors file; copy the checkpoint again")
    if header + 8 > size:
        raise CheckpointError(f"{path} is truncated in its header: {size} bytes; copy the checkpoint again")
    return Path(os.path.realpath(path))


def read_tensors(path: Path, shapes: Mapping[str, Shape]) -> dict[str, Float32]:
    """Read float32 tensors of exactly these names and shapes.

    Raises:
        CheckpointError: absent, damaged, of other names, shapes or types, or with weights that are not finite.
    """
    real = check_container(path)
    try:
        with safe_open(real, framework="numpy") as file:
            found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            compare_shapes({name: tuple(part.get_shape()) for name, part in found.items()}, shapes, str(path))
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
        require_finite(name, array, str(path))
    return tensors


def map_tensors(path: Path) -> dict[str, Float32]:
    """Name -> float32 array over the file's own pages; bfloat16 and float16 are converted.

    Raises:
        CheckpointError: absent, truncated, not safetensors, or of another type of numbers.
    """
    real = check_container(path)
    try:
        with safe_open(real, framework="numpy") as file:  # the reference parser checks the whole header
            names = list(file.keys())
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged: {error}; copy the checkpoint again") from error
    with open_regular(real, LARGEST_WEIGHTS, error=CheckpointError) as handle:
        (length,) = struct.unpack("<Q", handle.read(8))
        header = parse_json(handle.read(length))
        size = os.fstat(handle.fileno()).st_size
        data = np.memmap(handle, np.uint8, "r", offset=8 + length) if size > 8 + length else None
    return {name: _tensor(name, header[name], data, path) for name in names}


def _tensor(name: str, entry: Mapping[str, Any], data: np.memmap | None, path: Path) -> Float32:
    kind, shape = entry["dtype"], entry["shape"]
    begin, end = entry["data_offsets"]
    raw = data[begin:end] if data is not None else np.empty(0, np.uint8)
    if raw.ctypes.data % 4 and kind == "F32":
        raw = raw.copy()
    if kind == "F32":
        values = raw.view("<f4")
    elif kind == "F16":
        values = raw.copy().view("<f2").astype(np.float32)
    elif kind == "BF16":
        values = (raw.copy().view("<u2").astype(np.uint32) << 16).view(np.float32)
    else:
        raise CheckpointError(f"{path}: {name} has dtype {kind}; F32, BF16 and F16 are read")
    return values.reshape(shape)


def compare_shapes(found: Mapping[str, Shape], expected: Mapping[str, Shape], where: str) -> None:
    """Raise CheckpointError with the missing and surplus names and the wrong shapes."""
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


def require_finite(name: str, array: Float32, where: str) -> None:
    """Raise CheckpointError when `array` holds NaN or infinite weights."""
    if not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise CheckpointError(
            f"{where}: {name} holds {count} NaN or infinite weights; training diverged or the file is damaged"
        )


def write_tensors(path: Path, arrays: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> None:
    """Write numpy arrays as safetensors, whole or not at all. The library's own writer ignores the umask (0600)."""
    content = save(dict(arrays), metadata=None if metadata is None else dict(metadata))
    write_whole(path, lambda file: file.write(content))


def write_container(
    directory: Path, config: str, arrays: Mapping[str, Float32], metadata: Mapping[str, str] | None = None
) -> None:
    """Write both files so that `directory` holds either the old ones or the new ones, never half.

    Other files already in it (a model card) are kept, links among them as links; so are permissions.

    Args:
        directory: resolved; made where it does not exist.
        config: the text of config.json.
        arrays: name -> array.
        metadata: of the safetensors header.
    """
    fresh = directory.with_name(temporary_name(directory.name))
    fresh.mkdir(parents=True)
    try:
        if directory.is_dir():
            _keep_others(directory, fresh)
        (fresh / CONFIG).write_text(config, encoding="utf-8")
        write_tensors(fresh / WEIGHTS, arrays, metadata)
        for name in (CONFIG, WEIGHTS):
            if (directory / name).is_file():
                shutil.copymode(directory / name, fresh / name)
        _swap(fresh, directory)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _keep_others(target: Path, fresh: Path) -> None:
    """Copy what is not written anew."""

    def anew(folder: str, names: list[str]) -> set[str]:
        return {CONFIG, WEIGHTS} & set(names) if Path(folder) == target else set()

    shutil.copytree(target, fresh, symlinks=True, dirs_exist_ok=True, ignore=anew)


def _swap(fresh: Path, target: Path) -> None:
    """Put `fresh` in the place of `target`; the old one goes only once the new one stands."""
    for file in fresh.iterdir():
        if file.is_file():
            sync_file(file)
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


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:LISTED])
    return shown if len(names) <= LISTED else f"{shown} ... and {len(names) - LISTED} more"
