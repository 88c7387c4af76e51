"""What docs/from-lerobot.md and docs/calibration.md tell people to type can be typed; what they link to is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from motorium.cli.main import main
from motorium.specs import lerobot_units
from motorium.specs.robot import RobotSpec

ROOT = Path(__file__).parents[2]
PAGES = ("from-lerobot.md", "calibration.md")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def commands() -> list[list[str]]:
    """Every `motorium ...` with a verb, in tables, sentences and console blocks."""
    found = []
    for name in PAGES:
        lines = re.findall(r"^\$ (motorium .*)$", page(name), re.MULTILINE)
        lines += re.findall(r"`(motorium [^`]+)`", page(name))
        found += [shlex.split(line, comments=True) for line in lines]
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_commands_and_their_flags_exist(command: list[str]) -> None:
    here: click.Command | None = main
    arguments = command[1:]
    while isinstance(here, click.Group):
        here = here.get_command(click.Context(here), arguments.pop(0))
    assert here is not None, f"no {' '.join(command)}"
    known = {option for parameter in here.params for option in parameter.opts}
    assert {text for text in arguments if text.startswith("--")} <= known


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page(name)):
        there = ROOT / "docs" / target
        assert there.exists() or there.with_suffix(".md").exists(), f"{name} links to {target}"


def test_the_formulas_of_units_are_those_that_are_used() -> None:
    spec = RobotSpec.load("so101")
    assert all(joint.sign == 1 for joint in spec.joints)
    middle = [(joint.lower_rad + joint.upper_rad) / 2 for joint in spec.joints]
    travel = [joint.upper_rad - joint.lower_rad for joint in spec.joints]
    (degrees,) = lerobot_units.to_radians([[90, 0, 0, 0, 0, 50]], spec, "deg")
    assert degrees[0] == pytest.approx(middle[0] + 1.5708, abs=1e-4)
    assert degrees[5] == pytest.approx(spec.joints[5].lower_rad + 0.5 * travel[5], abs=1e-6)
    (shares,) = lerobot_units.to_radians([[0, 100, 0, 0, 0, 100]], spec, "lerobot")
    assert shares[1] == pytest.approx(middle[1] + travel[1] / 2, abs=1e-6)
    assert shares[5] == pytest.approx(spec.joints[5].upper_rad, abs=1e-6)
