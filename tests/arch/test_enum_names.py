"""An enum of the core has the same members, by the same names, in C++ and in Python."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from motorium import _core

ENUM = re.compile(r"enum class (\w+)[^{;]*\{(.*?)\}", re.DOTALL)
IN_CPP = {"LatencySetting": "Setting"}
"""Enums that a struct of C++ holds, by their names in Python."""
NAMES = (
    "BusStatus", "Cause", "FileProblem", "LatencySetting", "Mode", "MoveEnd", "Precision", "PushStatus", "Reason",
    "RestPolicy", "ServoFault", "SettingTrouble", "WatchedBy",
)  # fmt: skip


@pytest.fixture(scope="module")
def enums(request: pytest.FixtureRequest) -> dict[str, list[str]]:
    """Name -> members of each enum in a header."""
    found = {}
    for path in sorted(Path(request.config.rootpath, "csrc").rglob("*.hpp")):
        for name, body in ENUM.findall(re.sub(r"//.*", "", path.read_text(encoding="utf-8"))):
            found[name] = [member.split("=")[0].strip() for member in body.split(",") if member.strip()]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_members_have_their_names_of_cpp_in_capitals(name: str, enums: dict[str, list[str]]) -> None:
    members = getattr(_core, name).__members__
    assert list(members) == [member.upper() for member in enums[IN_CPP.get(name, name)]]
