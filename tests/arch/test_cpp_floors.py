"""Arrows point down: C and C++ includes, and the graph of the CMake targets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
PYTHON_HEADERS = re.compile(r"^(Python\.h|pybind11/|numpy/)")
C_STANDARD = {
    "assert.h", "errno.h", "float.h", "limits.h", "math.h", "stdbool.h", "stddef.h", "stdint.h", "string.h",
}  # fmt: skip

FLOORS: tuple[tuple[str, ...], ...] = (
    ("motorium",),  # csrc/include: headers of the standard library alone
    ("core", "io"),  # firmware/core, which the microcontroller links too; serial port and clock
    ("bus", "kernels", "emulator"),
    ("runtime", "engine"),
    ("robot",),
    ("bindings",),
)
"""The rooms in their order. A room includes from floors below it, never from a neighbour on its own floor."""

INCLUDED: dict[str, set[str]] = {
    "io": set(),
    "kernels": {"motorium"},
    "bus": {"motorium", "core", "io"},
    "emulator": {"motorium", "core", "io"},
    "engine": {"motorium", "kernels"},
    "runtime": {"motorium", "core", "io", "bus"},
}
"""What a room of these may include; one that is not named here may include everything below it."""

BESIDE: dict[str, set[str]] = {
    "bench": {"motorium"},
    "fuzz": {"motorium", "kernels", "engine", "bus", "runtime", "robot"},
}
"""Rooms of programs, and what each may include."""

INNER = {"engine": ("cpu", "layers", "denoiser", "families")}
"""Rooms within a room, in their order: each includes itself and what stands before it."""


def includes(tree, path: Path) -> list[str]:
    return [name for _, name in INCLUDE.findall(tree.text(path))]


def room_of(name: str) -> str:
    """`engine/cpu/arena.hpp` -> `engine`."""
    return name.split("/", maxsplit=1)[0]


def floor_of(room: str) -> int:
    return next(floor for floor, rooms in enumerate(FLOORS) if room in rooms)


def allowed(room: str) -> set[str]:
    below = {name for rooms in FLOORS[: floor_of(room)] for name in rooms}
    return INCLUDED.get(room, below) | {room}


ROOMS = [room for rooms in FLOORS[1:] for room in rooms if room != "core"]
C_AND_CPP = (".hpp", ".cpp", ".h", ".inc", ".def", ".in")


def includes_of_room(tree, room):
    """File, and each room of ours that it includes from."""
    known = {name for rooms in FLOORS for name in rooms} | set(BESIDE) | {"capi"}
    for path in tree.files(*C_AND_CPP, under=f"csrc/{room}"):
        for name in includes(tree, path):
            if room_of(name) in known:
                yield path, name
            elif room != "bindings":
                own = (path.parent / name).is_file()
                assert not own, f"{tree.name(path)} includes {name}: write it from its room on"


@pytest.mark.parametrize("room", [*ROOMS, *BESIDE])
def test_rooms_include_only_what_is_below(tree, room):
    may = BESIDE[room] | {room} if room in BESIDE else allowed(room)
    for path, name in includes_of_room(tree, room):
        assert room_of(name) in may, f"{tree.name(path)} reaches sideways or up to {name}"


def test_the_table_itself_points_down():
    for room, may in INCLUDED.items():
        assert all(floor_of(other) < floor_of(room) for other in may), room


@pytest.mark.parametrize("room", INNER)
def test_inner_rooms_include_only_what_stands_before_them(tree, room):
    order = INNER[room]
    assert {p.name for p in (tree.root / "csrc" / room).iterdir()} == set(order), (
        "a file belongs to an inner room"
    )
    for path, name in includes_of_room(tree, room):
        if room_of(name) == room:
            here, there = path.relative_to(tree.root / "csrc" / room).parts[0], name.split("/")[1]
            assert order.index(there) <= order.index(here), f"{tree.name(path)} reaches up to {name}"


def test_core_rooms_know_no_python(tree):
    for path in tree.files(*C_AND_CPP, under="csrc"):
        if "bindings" not in path.parts:
            for name in includes(tree, path):
                assert not PYTHON_HEADERS.match(name), f"{tree.name(path)} includes {name}"


def test_every_room_is_declared(tree):
    rooms = {p.name for p in (tree.root / "csrc").iterdir() if p.is_dir()}
    assert rooms - {"include"} <= set(ROOMS) | set(BESIDE), "give the new room its floor"


def test_firmware_core_is_plain_c(tree):
    sources = list(tree.files(under="firmware/core"))
    assert sources
    for path in sources:
        assert path.suffix in {".c", ".h"}, f"{tree.name(path)} is not C"
        for name in includes(tree, path):
            own = (path.parent / name).is_file() or (tree.root / "firmware" / name).is_file()
            assert own or name in C_STANDARD, f"{tree.name(path)} includes {name}"


def cmake_commands(tree) -> list[tuple[str, str]]:
    cmake = "\n".join(tree.text(p) for p in tree.files(".cmake", ".txt", under="."))
    cmake = re.sub(r"#.*", "", cmake)
    return re.findall(r"(motorium_room|target_\w+|include_directories|link_libraries)\s*\(([^)]*)\)", cmake)


def test_cmake_links_what_is_below(tree):
    """The targets of the rooms, by name: what a room links, it may include."""
    linked = {}
    for command, arguments in cmake_commands(tree):
        name, *others = arguments.split()
        if command == "motorium_room" and name != "name":
            linked[name] = {
                other.removeprefix("motorium_") for other in others if other.startswith("motorium_")
            }
    assert set(linked) == {room for room in ROOMS if (tree.root / "csrc" / room).is_dir()} - {
        "kernels",
        "bindings",
    }
    for room, others in linked.items():
        rooms = {"core" if other == "wire" else other for other in others}
        assert rooms <= allowed(room), f"motorium_{room} links sideways or up: {rooms - allowed(room)}"


def test_only_the_binding_sees_python_headers(tree):
    commands = cmake_commands(tree)
    assert commands
    for command, arguments in commands:
        if re.search(r"pybind11|Python", arguments):
            assert arguments.split()[0] == "_core", (
                f"{command}({arguments}): Python is visible below the binding"
            )
    assert "pybind11_add_module(_core " in (tree.root / "CMakeLists.txt").read_text(encoding="utf-8")


def test_bindings_hold_no_algorithm(tree):
    for path in tree.files(".cpp", under="csrc/bindings"):
        loops = re.findall(r"^( *)(?:for|while) \(", tree.text(path), re.MULTILINE)
        deepest = max(map(len, loops), default=0)
        assert deepest <= 6, f"{tree.name(path)}: nested loops belong below the binding"


def header_users(tree) -> dict[str, set[str]]:
    """Each header of ours by the name that includes write, and the files that include it."""
    roots = ("csrc/include/", "csrc/bindings/", "csrc/", "firmware/")
    files = [p for folder in ("csrc", "firmware") for p in tree.files(*C_AND_CPP, under=folder)]
    users: dict[str, set[str]] = {}
    for path in files:
        name = tree.name(path)
        if path.suffix in {".h", ".hpp"} and not name.startswith(("csrc/kernels/", "csrc/include/")):
            root = next(root for root in roots if name.startswith(root))
            users[name.removeprefix(root)] = set()
    for path in files:
        for written in includes(tree, path):
            name = written.removeprefix("bindings/")
            if name in users:
                users[name].add(tree.name(path))
    return users


def test_a_header_has_more_than_one_user(tree):
    """A header that only one file includes lives in that file; the sources of its own count as users."""
    lonely = {name for name, users in header_users(tree).items() if len(users) < 2}
    assert not lonely


DOORS = {
    "bind_gate.cpp": {"bus", "io"},
    "bind_guard.cpp": {"bus", "core"},
    "bind_guard.hpp": {"core"},
    "bind_emulator.cpp": {"emulator"},
    "bind_emulated_models.cpp": {"emulator"},
}
"""Files of the bindings through which tests and tools reach a part by itself."""
ENGINE = (
    "bind_kernel",
    "bind_engine",
    "bind_denoiser",
    "bind_families",
    "bind_florence",
    "denoiser",
    "engine_glue",
)
"""How files begin that bind kernels and engines, which choose their kernels by instruction set."""
OPEN = {"motorium", "robot", "engine", "bindings"}
"""Rooms that every file of the bindings may include."""


def test_bindings_reach_the_bus_and_the_control_thread_through_robot_alone(tree):
    beyond: dict[str, set[str]] = {}
    for path, name in includes_of_room(tree, "bindings"):
        may = {"kernels"} if path.name.startswith(ENGINE) else set()
        if room_of(name) not in OPEN | may | DOORS.get(path.name, set()):
            beyond.setdefault(path.name, set()).add(room_of(name))
    assert not beyond
