"""Read untrusted HDF5 files: only what is in the file itself, within size limits.

Refused: links to elsewhere, external and virtual storage, filters that would load a library, objects, and datasets that
claim more than they hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...foreign import descriptor_path, open_regular

MAX_FILE_BYTES = 1 << 40
MAX_MEMBERS = 100_000
MAX_BYTES = 256 << 20
"""Largest column, unpacked, that is read."""
MAX_CHUNK_BYTES = 256 << 20
MAX_ATTRIBUTE = 1 << 20
BLOCK_BYTES = 64 << 20
FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
"""Filters that h5py brings (HDF5's registered numbers); any other would be looked for as a plug-in."""
_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,80}")


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open the root group of a file. DataError when it is absent or damaged, also where it is read later."""
    try:
        import h5py
    except ImportError as error:
        raise DataError("HDF5 needs h5py: pip install 'motorium[hdf5]'") from error
    with (
        open_regular(path, MAX_FILE_BYTES, error=DataError) as held,
        _reading(str(path)),
        h5py.File(descriptor_path(held, path), "r") as file,
    ):
        yield file


@contextmanager
def _reading(where: str) -> Iterator[None]:
    """Raise what h5py says about damage as a DataError."""
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, OverflowError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{where} is damaged, or not an HDF5 file: {words}") from error


def names(group: Any) -> list[str]:
    """List members of a group in natural order: demo_2 before demo_10. DataError for names that are none."""
    if len(group) > MAX_MEMBERS:
        raise DataError(f"{group.name} has {len(group)} members")
    found = list(group)
    for name in found:
        if not _NAME.fullmatch(name) or ".." in name:
            raise DataError(f"{name[:80]!r} in {group.name} is not a valid name")
    return sorted(found, key=natural)


def natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key in which demo_9 comes before demo_10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def member(group: Any, path: str) -> Any:
    """Return a group or dataset below, or None. DataError when a link on the way leads elsewhere."""
    import h5py

    node = group
    for name in path.split("/"):
        if not isinstance(node, h5py.Group):
            return None
        link = node.get(name, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise DataError(f"{node.name}/{name} is an external link, which is not followed")
        node = node[name]
    return node


def checked(dataset: Any, where: str) -> Any:
    """Return a dataset of numbers that lies in this file. DataError for anything else."""
    with _reading(where):
        return _checked(dataset, where)


def _checked(dataset: Any, where: str) -> Any:
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise DataError(f"{where} is not a dataset")
    if dataset.dtype.hasobject or dataset.dtype.kind not in "fiub":
        raise DataError(f"{where} holds {dataset.dtype}; only numbers are read")
    if dataset.shape is None or not dataset.shape or min(dataset.shape) < 1:
        raise DataError(f"{where} is empty")
    _check_storage(dataset, where)
    return dataset


def packed(dataset: Any, where: str) -> Any:
    """Return a dataset of one run of bytes per row: padded uint8, texts of fixed size, or of any. DataError."""
    import h5py

    with _reading(where):
        if isinstance(dataset, h5py.Dataset) and is_packed(dataset) and dataset.dtype != np.uint8:
            if not dataset.size:
                raise DataError(f"{where} is empty")
            _check_storage(dataset, where)
            return dataset
    return checked(dataset, where)


def is_packed(dataset: Any) -> bool:
    """Return whether a dataset has the form of one run of bytes for each row."""
    import h5py

    shape, dtype = getattr(dataset, "shape", None) or (), getattr(dataset, "dtype", None)
    if dtype == np.uint8:
        return len(shape) == 2
    return (
        len(shape) == 1
        and dtype is not None
        and (dtype.kind == "S" or h5py.check_vlen_dtype(dtype) == np.uint8)
    )


def _check_storage(dataset: Any, where: str) -> None:
    """Raise DataError for what lies elsewhere, needs a library that h5py does not bring, or is not there at all."""
    if dataset.is_virtual or dataset.external:
        raise DataError(f"{where} is stored in another file, which is not opened")
    made = dataset.id.get_create_plist()
    for i in range(made.get_nfilters()):
        code = made.get_filter(i)[0]
        if code not in FILTERS:
            raise DataError(
                f"{where} is compressed with filter {code}; known: {', '.join(FILTERS.values())}: use h5repack"
            )
    chunk = int(np.prod(dataset.chunks or (1,), dtype=object)) * dataset.dtype.itemsize
    if chunk > MAX_CHUNK_BYTES:
        raise DataError(f"{where} has chunks of {chunk >> 20} MB; at most {MAX_CHUNK_BYTES >> 20} are read")
    if dataset.id.get_storage_size() == 0:
        raise DataError(f"{where} claims {dataset.shape} but holds nothing")


def column(dataset: Any, where: str, dtype: type[np.floating[Any]] | None = None) -> NDArray[Any]:
    """Read a dataset of one or two dimensions as (N, D), of `dtype` or in full precision. DataError."""
    found = checked(dataset, where)
    if len(found.shape) > 2 or found.size * found.dtype.itemsize > MAX_BYTES:
        raise DataError(
            f"{where} has shape {found.shape}; (N,) or (N, D) up to {MAX_BYTES >> 20} MB is accepted"
        )
    with (
        _reading(where),
        np.errstate(over="ignore"),
    ):  # what is too large becomes infinite, and is refused as such
        values = np.asarray(found[()])
        return np.asarray(values, dtype=dtype or _kept(values)).reshape(found.shape[0], -1)


def _kept(values: NDArray[Any]) -> np.dtype[Any]:
    """Return a type that LeRobot's datasets have and in which no value changes, if there is one."""
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind == "f":
        return np.dtype(np.float64 if size > 4 else np.float32)
    if kind == "b" or values.dtype in (np.uint8, np.int16, np.int32, np.int64):
        return values.dtype.newbyteorder("=")
    if kind == "u" and size == 8 and values.size and int(values.max()) > np.iinfo(np.int64).max:
        return np.dtype(np.float64)
    return np.dtype(np.int64)


def blocks(dataset: Any, where: str) -> Iterator[NDArray[Any]]:
    """Yield entries along the first axis, some dozens of megabytes in memory at once. DataError."""
    size = max(1, int(np.prod(dataset.shape[1:], dtype=object)) * dataset.dtype.itemsize)
    step = (
        1 if dataset.dtype.hasobject else max(1, BLOCK_BYTES // size)
    )  # how large those are is not known before
    for start in range(0, dataset.shape[0], step):
        with _reading(where):
            block = dataset[start : start + step]
        yield from block


def attribute(group: Any, name: str) -> Any:
    """Read an attribute as a text, a number, or a list of them; None without a readable one."""
    with _reading(f"{group.name}: attribute {name}"):
        if name not in group.attrs:
            return None
        made = group.attrs.get_id(name)
        if made.get_storage_size() > MAX_ATTRIBUTE:
            return None
        return _plain(group.attrs[name])


def text_member(group: Any, name: str) -> Any:
    """Read the first text of a dataset of texts; None for anything else or an unsupported storage."""
    import h5py

    if name not in group:
        return None
    found = member(group, name)
    if not isinstance(found, h5py.Dataset) or h5py.check_string_dtype(found.dtype) is None or not found.size:
        return None
    where = f"{group.name}/{name}"
    try:
        _check_storage(found, where)
    except DataError:
        return None  # named with the columns that are not carried over
    with _reading(where):
        return _plain(found[(0,) * len(found.shape)])


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_plain(part) for part in value.reshape(-1)[:MAX_ATTRIBUTE]] if value.size else None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        return value[:MAX_ATTRIBUTE].rstrip("\0")
    return value if isinstance(value, (int, float)) else None
