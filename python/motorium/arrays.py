"""Reading .npz files of strangers: never a pickle, and never more memory than allowed."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import MotoriumError

MAX_ARRAYS = 64
MAX_NAME = 64
KINDS = "biufU"
"""Booleans, integers, floats, texts: what needs no pickle."""


def read_arrays(path: Path, *, max_bytes: int = 1 << 28) -> dict[str, NDArray[Any]]:
    """Every array of an .npz file, by name.

    Sizes are taken from the headers and added up before any array is read, whatever the archive claims.

    Args:
        path: of the file.
        max_bytes: of all arrays together.

    Raises:
        MotoriumError: no .npz, damaged, too large, or arrays of objects.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MAX_ARRAYS:
                raise ValueError(f"{len(members)} arrays, at most {MAX_ARRAYS} are read")
            left, arrays = max_bytes, {}
            for member in members:
                name = member.filename.removesuffix(".npy")
                if len(name) > MAX_NAME:
                    raise ValueError("an array with a very long name")
                arrays[name] = _read(archive, member, left)
                left -= arrays[name].nbytes
            return arrays
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise MotoriumError(f"{path} cannot be read as .npz: {error}") from error


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, left: int) -> NDArray[Any]:
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        else:
            raise ValueError(f"{member.filename} has format {version}")
        if dtype.kind not in KINDS:
            raise ValueError(f"{member.filename} holds {dtype}; numbers and texts are read")
        size = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or size > left:
            raise ValueError(f"{member.filename} is {shape}, which is more than allowed")
        data = file.read(size)
        if len(data) != size:
            raise ValueError(f"{member.filename} is cut short")
    flat = np.frombuffer(data, dtype=dtype)
    return flat.reshape(shape, order="F" if fortran else "C").copy(order="C")
