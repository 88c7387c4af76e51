"""Instrumented builds of the portable core, one per session."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import native_core as native
import native_guard
import pytest

sys.path.insert(0, str(Path(__file__).parent))


def built(folders: pytest.TempPathFactory, name: str, *others: str) -> Path:
    sources = [native.CORE / f"{other}.c" for other in others]
    return native.build(native.CORE / f"{name}.c", folders.mktemp(name), *sources)


@pytest.fixture(scope="session")
def limits(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return native.open_limits(built(tmp_path_factory, "limits"))


@pytest.fixture(scope="session")
def guard(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return native_guard.open_guard(built(tmp_path_factory, "guard"))


@pytest.fixture(scope="session")
def profile(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return native.open_profile(built(tmp_path_factory, "profile"))


@pytest.fixture(scope="session")
def feetech(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return native.open_feetech(built(tmp_path_factory, "feetech"))


@pytest.fixture(scope="session")
def dynamixel(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return native.open_dynamixel(built(tmp_path_factory, "dynamixel", "dynamixel_parser"))
