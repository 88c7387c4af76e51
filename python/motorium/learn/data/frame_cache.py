"""Keep decoded pictures on disk: a file per episode and camera, whole or absent, all of them below a limit.

A file is a header, the pictures one after the other, and a checksum of each. It is written under another name and
renamed, so that a kill leaves nothing half; its size follows from its header, and a picture whose checksum is wrong is
decoded again. Files of runs before go first when room is needed, the longest unused ones; those of this run stay.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import struct
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ... import rooted
from ...errors import DataError
from ...files import TEMPORARY, write_whole
from ...foreign import open_regular
from ...lock_files import LockFile
from ...types import UInt8

MAGIC = b"MTRFRM01"
HEADER = struct.Struct("<8sIIII")
"""Magic, pictures, height, width, 0."""
SUFFIX = ".frames"
LIMIT_BYTES = 8 << 30
MAX_FILE_BYTES = 64 << 30
RESERVE_BYTES = 1 << 30
"""Of the disk stay free: it is not ours alone."""
OPEN_FILES = 64
"""Open at a time; the usual limit of a process is 1024."""
LOCK = ".lock"
"""Shared by all runs that use the folder; whoever holds it alone may remove what killed ones left half written."""
SWEEP_S = 10.0
"""Removing some files takes others no longer."""
_NAME = re.compile(r"[0-9a-f]{64}\.frames")
_HALF = re.compile(rf"\.[0-9a-f]{{40}}\.[0-9a-f]{{8}}{re.escape(TEMPORARY)}")


def cache_home() -> Path:
    """Return the folder of decoded pictures: $XDG_CACHE_HOME/motorium/frames, by default in ~/.cache.

    Raises DataError when the user has no home.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "motorium" / "frames"
    except (RuntimeError, KeyError):
        raise DataError(
            "this user has no home folder for decoded pictures: set XDG_CACHE_HOME, or name a folder for them"
        ) from None


def file_bytes(count: int, size: tuple[int, int]) -> int:
    """Return the size of a file of `count` pictures."""
    return HEADER.size + count * (size[0] * size[1] * 3 + 4)


def write_frames(
    folder: Path, key: str, pictures: Iterable[UInt8], count: int, size: tuple[int, int]
) -> None:
    """Write one file of `count` pictures, whole or not at all.

    Raises DataError when there are fewer or of another size, or a link is in the way; OSError when the disk is full.
    """

    def write(file: BinaryIO) -> None:
        sums = []
        file.write(HEADER.pack(MAGIC, count, *size, 0))
        for picture in pictures:
            if picture.shape != (*size, 3) or picture.dtype != np.uint8:
                raise DataError(f"a picture of {picture.shape}, where {(*size, 3)} were announced")
            data = np.ascontiguousarray(picture).tobytes()
            sums.append(zlib.crc32(data))
            file.write(data)
        if len(sums) != count:
            raise DataError(f"{len(sums)} of {count} pictures")
        file.write(np.asarray(sums, dtype="<u4").tobytes())

    write_whole(folder / (key + SUFFIX), write, root=folder)


class FrameCache:
    """Decoded pictures of a folder. For one thread.

    Args:
        folder: made where it is missing; the user's own.
        limit_bytes: that its files may have together.
    """

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self.folder, self.limit_bytes = folder, limit_bytes
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._share()
        except OSError as error:
            raise DataError(
                f"decoded pictures cannot be kept in {folder}: {error.strerror}; name another folder, or set "
                f"XDG_CACHE_HOME"
            ) from error
        self._open: OrderedDict[str, tuple[BinaryIO, NDArray[Any]]] = OrderedDict()
        self._mine: dict[str, int] = {}

    def has(self, key: str, count: int, size: tuple[int, int]) -> bool:
        """Return whether the pictures are there, and keep them for this run."""
        try:
            self._file(key, count, size)
            os.utime(self._path(key))
        except (DataError, OSError):
            return False
        self._mine[key] = file_bytes(count, size)
        return True

    def admit(self, wanted: Mapping[str, int]) -> set[str]:
        """Make room for files that will be written, and keep them for this run.

        Args:
            wanted: key -> bytes.

        Returns:
            Keys of those that fit, in the order given, beside the files that this run has already.
        """
        files = self._files()
        here = sum(found.st_size for found in files.values())
        free = shutil.disk_usage(self.folder).free - RESERVE_BYTES
        room = min(self.limit_bytes, here + free) - sum(self._mine.values())
        admitted = set()
        for key, size in wanted.items():
            if size <= min(room, MAX_FILE_BYTES):
                admitted.add(key)
                room -= size
        self._mine |= {key: wanted[key] for key in admitted}
        others = {n: f for n, f in files.items() if n.removesuffix(SUFFIX) not in self._mine}
        excess = sum(found.st_size for found in others.values()) - room
        for name in sorted(others, key=lambda name: others[name].st_mtime):
            if excess > 0 and name.endswith(SUFFIX):
                rooted.remove(self.folder, self.folder / name)
                excess -= others[name].st_size
        return admitted

    def forget(self, key: str) -> None:
        """Remove a file that could not be written, or that is damaged."""
        self._mine.pop(key, None)
        found = self._open.pop(key, None)
        if found is not None:
            found[0].close()
        with contextlib.suppress(OSError, DataError):
            rooted.remove(self.folder, self._path(key))

    def read(self, key: str, frames: Sequence[int], count: int, size: tuple[int, int]) -> UInt8 | None:
        """Return (n, H, W, 3) of these frames; None where the file is absent or damaged, which is then removed."""
        try:
            file, sums = self._file(key, count, size)
            out = np.empty((len(frames), *size, 3), np.uint8)
            length = size[0] * size[1] * 3
            for place, frame in enumerate(frames):
                data = os.pread(file.fileno(), length, HEADER.size + frame * length)
                if len(data) != length or zlib.crc32(data) != sums[frame]:
                    raise DataError(f"{self._path(key)} is damaged")
                out[place] = np.frombuffer(data, np.uint8).reshape(*size, 3)
        except (DataError, OSError):
            self.forget(key)
            return None
        return out

    def close(self) -> None:
        """Close all files, which stay where they are. Nothing may be written to the folder for this cache any more."""
        for file, _ in self._open.values():
            file.close()
        self._open.clear()
        self._lock.close()

    def _path(self, key: str) -> Path:
        return self.folder / (key + SUFFIX)

    def _file(self, key: str, count: int, size: tuple[int, int]) -> tuple[BinaryIO, NDArray[Any]]:
        if key in self._open:
            self._open.move_to_end(key)
            return self._open[key]
        wanted = file_bytes(count, size)
        file = open_regular(self._path(key), min(wanted, MAX_FILE_BYTES), error=DataError, inside=self.folder)
        try:
            whole = os.fstat(file.fileno()).st_size == wanted
            if not whole or os.pread(file.fileno(), HEADER.size, 0) != HEADER.pack(MAGIC, count, *size, 0):
                raise DataError(f"{self._path(key)} does not hold {count} pictures of {size}")
            sums = np.frombuffer(os.pread(file.fileno(), 4 * count, wanted - 4 * count), "<u4")
        except BaseException:
            file.close()
            raise
        self._open[key] = (file, sums)
        if len(self._open) > OPEN_FILES:
            self._open.popitem(last=False)[1][0].close()
        return self._open[key]

    def _files(self) -> dict[str, os.stat_result]:
        """Files of ours in the folder, also those that are being written; others are nobody's business."""
        found = {}
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name) or _HALF.fullmatch(entry.name):
                    with contextlib.suppress(FileNotFoundError):
                        if entry.is_file(follow_symlinks=False):
                            found[entry.name] = entry.stat(follow_symlinks=False)
        return found

    def _share(self) -> None:
        """Hold the folder with other runs; where there is none, remove what killed ones left half written."""
        self._lock = LockFile(self.folder, self.folder / LOCK)
        try:
            if self._lock.hold(wait_s=0.0):
                for name in filter(_HALF.fullmatch, self._files()):
                    rooted.remove(self.folder, self.folder / name)
            if not self._lock.hold(shared=True, wait_s=SWEEP_S):
                raise DataError(f"{self.folder} is held by another process; wait for it to end")
        except BaseException:
            self._lock.close()
            raise
