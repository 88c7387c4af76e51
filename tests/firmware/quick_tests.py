"""The quick tests of the portable core without pytest: in a forked child per library, in milliseconds.

`mutants.py` and `test_core_coverage.py` run them so. pytest runs the same functions as ordinary tests.
"""

from __future__ import annotations

import ctypes
import importlib
import inspect
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import native_core as native
import native_guard

HERE = Path(__file__).parent
CPU_S = 10
"""What a child may compute: an endless loop ends there, however busy the machine."""


ROOM_BYTES = 1 << 32
"""What a child may map beyond what its parent had, which after other tests may be much."""


@dataclass(frozen=True)
class Unit:
    """C files that are tested together.

    Attributes:
        sources: names in firmware/core, without ending.
        open: loads the library made of them.
        modules: whose tests take it, as an argument called like the unit.
    """

    sources: tuple[str, ...]
    open: Callable[[Path], ctypes.CDLL]
    modules: tuple[str, ...]


UNITS = {
    "limits": Unit(("limits",), native.open_limits, ("test_limits", "test_limits_exact")),
    "guard": Unit(("guard",), native_guard.open_guard, ("test_guard", "test_guard_thresholds")),
    "profile": Unit(("profile",), native.open_profile, ("test_profile",)),
    "feetech": Unit(("feetech",), native.open_feetech, ("test_feetech_exact", "test_feetech_codec")),
    "dynamixel": Unit(
        ("dynamixel", "dynamixel_parser"),
        native.open_dynamixel,
        ("test_dynamixel_exact", "test_dynamixel_codec"),
    ),
}


@dataclass(frozen=True)
class Case:
    """One test with its arguments."""

    name: str
    function: Callable[..., None]
    arguments: dict[str, Any]


def parameters(function: Callable[..., None]) -> Iterator[dict[str, Any]]:
    """Every combination that pytest.mark.parametrize asks for."""
    rows: list[dict[str, Any]] = [{}]
    for mark in getattr(function, "pytestmark", []):
        names, values = mark.args
        names = [names] if isinstance(names, str) else list(names)
        sets = [dict(zip(names, v if len(names) > 1 else [v], strict=True)) for v in values]
        rows = [{**row, **one} for row in rows for one in sets]
    yield from rows


def cases(unit: str) -> list[Case]:
    """The unit's tests but for those that draw their inputs by chance."""
    found = []
    for module in UNITS[unit].modules:
        for name, function in vars(importlib.import_module(module)).items():
            if not name.startswith("test_") or hasattr(function, "hypothesis"):
                continue
            for i, given in enumerate(parameters(function)):
                needed = set(inspect.signature(function).parameters) - set(given)
                if needed == {unit}:
                    found.append(Case(f"{module}.{name}[{i}]", function, given))
    return found


def failure(unit: str, library: Path, tests: list[Case], after: Callable[[Any], None] | None = None) -> str:
    """Run tests on a library in a child; the name of the first that fails, or ""."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        run_and_exit(unit, library, tests, write, after)
    os.close(write)
    with os.fdopen(read, "rb") as names:
        last = names.read().decode().split("\n")[-2:-1]
    _, status = os.waitpid(child, 0)
    return "" if status == 0 else (last or ["loading"])[0]


def _mapped_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def run_and_exit(
    unit: str, library: Path, tests: list[Case], names: int, after: Callable[[Any], None] | None
) -> None:
    """In the child: writes each name before its test; exit 0 when all pass."""
    code = 1
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        room = _mapped_bytes() + ROOM_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (room, room))
        for number in (signal.SIGSEGV, signal.SIGILL, signal.SIGFPE, signal.SIGBUS, signal.SIGABRT):
            signal.signal(number, signal.SIG_DFL)
        lib = UNITS[unit].open(library)
        for test in tests:
            os.write(names, f"{test.name}\n".encode())
            test.function(**{unit: lib}, **test.arguments)
        if after:
            after(lib)
        code = 0
    finally:
        os._exit(code)
