"""Arrows point down: Python imports, C and C++ includes, and the CMake targets."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
PYTHON_HEADERS = re.compile(r"^(Python\.h|pybind11/|numpy/)")
C_STANDARD = {
    "assert.h", "errno.h", "float.h", "limits.h", "math.h", "stdbool.h", "stddef.h", "stdint.h", "string.h",
}  # fmt: skip

# Rooms of F1, each with the rooms it may include from.
F1 = {
    "include": {"include"},
    "bench": {"bench", "include"},
    "fuzz": {"fuzz", "engine", "bus", "runtime", "kernels", "include"},
    "arch": {"arch", "kernels", "include"},
    "kernels": {"kernels", "arch", "include"},
    "engine": {"engine", "kernels", "arch", "include"},
    "bus": {"bus", "include"},
    "runtime": {"runtime", "bus", "include"},
    "robot": {"robot", "runtime", "bus", "include"},
    "emulator": {"emulator", "bus", "include"},
}


def includes(path: Path) -> list[str]:
    return [name for _, name in INCLUDE.findall(path.read_text(encoding="utf-8"))]


def test_python_imports_point_down(tree):
    result = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tree.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 broken" in result.stdout


def test_the_import_contract_sees_every_package(tree):
    config = tomllib.loads((tree.root / "pyproject.toml").read_text(encoding="utf-8"))
    layers = next(c for c in config["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    named = set(re.findall(r"\w+", " ".join(layers["layers"])))
    package = tree.root / "python/motorium"
    present = {p.parent.name for p in package.glob("*/__init__.py")} | {p.stem for p in package.glob("*.py")}
    assert present - {"__init__"} <= named


@pytest.mark.parametrize("room", sorted(F1))
def test_core_rooms_include_only_what_is_below(tree, room):
    for path in tree.files(".hpp", ".cpp", ".h", ".inc", ".def", under=f"csrc/{room}"):
        for name in includes(path):
            assert not PYTHON_HEADERS.match(name), f"{tree.name(path)} includes {name}: F1 knows no Python"
            neighbour = name.split("/")[0] if "/" in name else room
            if neighbour in {*F1, "bindings", "capi"}:
                assert neighbour in F1[room], f"{tree.name(path)} reaches sideways or up to {name}"


def test_every_core_room_is_declared(tree):
    rooms = {p.name for p in (tree.root / "csrc").iterdir() if p.is_dir()}
    assert rooms - {"bindings"} <= set(F1), "declare the new room and what it may include"


def test_firmware_core_is_plain_c(tree):
    sources = list(tree.files(under="firmware/core"))
    assert sources
    for path in sources:
        assert path.suffix in {".c", ".h"}, f"{tree.name(path)} is not C"
        for name in includes(path):
            own = (path.parent / name).is_file() or (tree.root / "firmware" / name).is_file()
            assert own or name in C_STANDARD, f"{tree.name(path)} includes {name}"


def test_only_the_binding_sees_python_headers(tree):
    cmake = "\n".join(p.read_text(encoding="utf-8") for p in tree.files(".cmake", ".txt", under="."))
    commands = re.findall(r"(target_\w+|include_directories|link_libraries)\s*\(([^)]*)\)", cmake)
    assert commands
    for command, arguments in commands:
        if re.search(r"pybind11|Python", arguments):
            assert arguments.split()[0] == "_core", f"{command}({arguments}): Python is visible below F2"
    assert "pybind11_add_module(_core " in cmake


def test_bindings_hold_no_algorithm(tree):
    for path in tree.files(".cpp", under="csrc/bindings"):
        loops = re.findall(r"^( *)(?:for|while) \(", path.read_text(encoding="utf-8"), re.MULTILINE)
        deepest = max(map(len, loops), default=0)
        assert deepest <= 6, f"{tree.name(path)}: nested loops belong below the binding"
