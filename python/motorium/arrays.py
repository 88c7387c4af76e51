"""Read untrusted .npz files: never a pickle, and never more memory than allowed."""

from __future__ import annotations

import io
import math
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import MotoriumError
from .foreign import open_regular

MAX_ARRAYS = 64
MAX_NAME = 64
MAX_FILE_BYTES = 2 << 30
MAX_HEADER_BYTES = 4096
KINDS = "biufU"
"""Booleans, integers, floats, texts: what needs no pickle."""

_DAMAGE = (
    OSError, ValueError, EOFError, RuntimeError, SyntaxError, RecursionError, MemoryError, OverflowError,
    zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError,
)  # fmt: skip
"""What the readers of archives and of numpy's headers raise for what they cannot read."""


def read_arrays(path: Path, *, max_bytes: int = 1 << 28) -> dict[str, NDArray[Any]]:
    """Read every array of an .npz file, by name.

    Sizes are taken from the headers and added up before any array is read, whatever the archive claims.

    Args:
        path: of the file.
        max_bytes: of all arrays together.

    Raises:
        MotoriumError: no .npz, damaged, too large, or arrays of objects.
    """
    try:
        with (
            open_regular(path, MAX_FILE_BYTES, error=MotoriumError) as file,
            zipfile.ZipFile(file) as archive,
        ):
            members = archive.infolist()
            if len(members) > MAX_ARRAYS:
                raise ValueError(f"{len(members)} arrays; at most {MAX_ARRAYS} are allowed")
            left, arrays = max_bytes, {}
            for member in members:
                name = member.filename.removesuffix(".npy")
                if len(name) > MAX_NAME:
                    raise ValueError("an array with a very long name")
                arrays[name] = _read(archive, member, left)
                left -= arrays[name].nbytes
            return arrays
    except _DAMAGE as error:
        raise MotoriumError(f"{path} cannot be read as .npz: {error}") from error


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, left: int) -> NDArray[Any]:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member.filename} is compressed in a way that numpy does not use")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{member.filename} has format {version}")
        length = file.read(2 if version == (1, 0) else 4)
        if int.from_bytes(length, "little") > MAX_HEADER_BYTES:
            raise ValueError(f"{member.filename} has a header of {int.from_bytes(length, 'little')} bytes")
        header = io.BytesIO(length + file.read(int.from_bytes(length, "little")))
        read_header = np.lib.format.read_array_header_1_0
        if version == (2, 0):
            read_header = np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read_header(header)
        if dtype.kind not in KINDS:
            raise ValueError(f"{member.filename} holds {dtype}; only numbers and texts are allowed")
        size = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or size > left:
            raise ValueError(f"{member.filename} is {shape}, which is more than allowed")
        data = file.read(size)
        if len(data) != size:
            raise ValueError(f"{member.filename} is cut short")
    flat = np.frombuffer(data, dtype=dtype)
    return flat.reshape(shape, order="F" if fortran else "C").copy(order="C")
