"""Instrumented builds of the portable core, one per session."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import native_core as native
import pytest


@pytest.fixture(scope="session")
def limits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ctypes.CDLL]:
    """limits.c as a library. With MOTORIUM_COVERAGE=<folder>, counters land there."""
    folder = Path(os.environ.get("MOTORIUM_COVERAGE") or tmp_path_factory.mktemp("limits"))
    lib = native.load_limits(folder)
    yield lib
    if "MOTORIUM_COVERAGE" in os.environ:
        lib.dump()


@pytest.fixture(scope="session")
def feetech(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """feetech.c as a library."""
    lib = ctypes.CDLL(str(native.build(native.CORE / "feetech.c", tmp_path_factory.mktemp("feetech"))))
    for name in ("packet", "ping", "read", "write", "sync_read", "sync_write", "push"):
        getattr(lib, f"mtr_ft_{name}").restype = ctypes.c_size_t
    lib.mtr_ft_encode_signed.restype = ctypes.c_uint16
    lib.mtr_ft_get16.restype = ctypes.c_uint16
    return lib


@pytest.fixture(scope="session")
def dynamixel(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The Dynamixel codec as a library."""
    folder = tmp_path_factory.mktemp("dynamixel")
    sources = native.CORE / "dynamixel.c", folder, native.CORE / "dynamixel_parser.c"
    lib = ctypes.CDLL(str(native.build(*sources)))
    for name in (
        "packet", "status", "ping", "reboot", "clear_turns", "read", "write", "sync_read", "sync_write",
        "bulk_read", "bulk_write", "push", "put_block", "fast_intact", "fast_next", "end",
    ):  # fmt: skip
        getattr(lib, f"mtr_dxl_{name}").restype = ctypes.c_size_t
    lib.mtr_dxl_crc.restype = ctypes.c_uint16
    lib.mtr_dxl_give_up.restype = ctypes.c_bool
    return lib
