"""Shapes, views and grasp of a robot are checked like everything else in its TOML."""

from __future__ import annotations

from typing import Any

import pytest

from motorium.errors import SpecError
from motorium.foreign import parse_toml
from motorium.specs import robot_file as specs
from motorium.specs.robot import DATA


@pytest.fixture
def table() -> dict[str, Any]:
    text = (DATA / "so101.toml").read_text(encoding="utf-8")
    decoded: dict[str, Any] = parse_toml(text)
    return decoded


def test_a_robot_without_looks_is_a_robot(table: dict[str, Any]) -> None:
    for section in ("geoms", "views", "grasp"):
        del table[section]
    spec = specs.parse(table)
    assert (spec.geoms, spec.views, spec.grasp) == ((), (), None)


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("geoms", {"link": "tail"}, "valid choices: base, shoulder_pan"),
        ("geoms", {"shape": "mesh"}, "valid choices: box, capsule, cylinder"),
        ("geoms", {"role": "tail"}, "valid choices: body, finger"),
        ("geoms", {"size_m": [0.1, 0.0, 0.1]}, "three positive lengths"),
        ("geoms", {"shape": "capsule"}, "radius_m > 0"),
        ("geoms", {"weight": 1.0}, "unknown key 'weight'"),
        ("views", {"role": "roof"}, "valid choices: front, wrist"),
        ("views", {"role": "wrist"}, "used more than once"),
        ("views", {"mount": "tail"}, "valid choices: base"),
    ],
)
def test_nonsense_is_named(table: dict[str, Any], section: str, change: dict[str, Any], message: str) -> None:
    table[section][0] = {**table[section][0], **change}
    with pytest.raises(SpecError, match=message):
        specs.parse(table)


def test_a_grasp_names_a_joint(table: dict[str, Any]) -> None:
    table["grasp"]["joint"] = "thumb"
    with pytest.raises(SpecError, match="gripper"):
        specs.parse(table)
