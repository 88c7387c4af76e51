"""Several arms as one robot: `robots/pairs/*.toml` names the arms, their sides and their slots.

Each arm keeps its own bus, its own port and its own calibration; the buses are driven at the same time. A port is
written `left=/dev/ttyACM0,right=/dev/ttyACM1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..errors import BusError, SpecError
from ..moved import names_of
from .robot import ArmSpec, CameraSpec, RobotSpec

KEYS = {"schema", "robot", "arms", "cameras"}
ARM_KEYS = {"side", "robot", "slots"}


def compose(table: Mapping[str, Any], cameras: tuple[CameraSpec, ...], where: str) -> RobotSpec:
    """Return a RobotSpec of several arms from decoded TOML; rates, exit policy and bus are those of the first arm.

    Raises SpecError: unknown or missing keys, arms that differ in bus or rates, sides, joints or slots used twice.
    """
    if set(table) - KEYS:
        raise SpecError(
            f"unknown section {sorted(set(table) - KEYS)[0]!r} in {where}; valid: {', '.join(sorted(KEYS))}"
        )
    entries = table["arms"]
    if not isinstance(entries, list) or len(entries) < 2:
        raise SpecError(f"{where} needs at least two [[arms]]")
    arms = tuple(_arm(entry, f"{where}.arms[{i}]") for i, entry in enumerate(entries))
    first = arms[0].spec
    for arm in arms[1:]:
        if (arm.spec.bus, arm.spec.control, arm.spec.exit) != (first.bus, first.control, first.exit):
            raise SpecError(f"{where}: {arm.side} and {arms[0].side} differ in bus, control or exit")
    joints = tuple(joint for arm in arms for joint in arm.joints)
    return replace(
        first,
        **table["robot"],
        joints=joints,
        cameras=cameras,
        tcp=replace(first.tcp, parent=f"{arms[0].side}_{first.tcp.parent}"),
        arms=arms,
        geoms=(),
        views=(),
        grasp=None,
    )


def _arm(entry: Any, where: str) -> ArmSpec:
    if not isinstance(entry, Mapping) or set(entry) != ARM_KEYS:
        raise SpecError(f"{where} must have exactly the keys {', '.join(sorted(ARM_KEYS))}")
    spec = RobotSpec.load(entry["robot"])
    slots = entry["slots"]
    if len(slots) != len(spec.joints):
        raise SpecError(f"{where} has {len(slots)} slots for the {len(spec.joints)} joints of {spec.name}")
    joints = tuple(
        replace(joint, name=f"{entry['side']}_{joint.name}", slot=slot)
        for joint, slot in zip(spec.joints, slots, strict=True)
    )
    return ArmSpec(entry["side"], spec, joints)


def split_ports(port: str | Mapping[str, str], spec: RobotSpec) -> list[str]:
    """Split into one port per arm, in their order. Raises BusError when one is missing, unknown or used twice."""
    given = dict(port) if isinstance(port, Mapping) else by_side(port)
    sides = [arm.side for arm in spec.arms]
    if set(given) != set(sides):
        example = ",".join(f"{side}=/dev/ttyACM{i}" for i, side in enumerate(sides))
        raise BusError(f"{spec.name} needs a port for each of {', '.join(sides)}: port={example!r}")
    if len(set(given.values())) < len(sides):
        raise BusError(f"{spec.name} has one bus per arm: {', '.join(given.values())} names a port twice")
    return [given[side] for side in sides]


def by_side(text: str) -> dict[str, str]:
    """Read "left=A,right=B" as side -> what is said of it."""
    pairs = (part.partition("=") for part in text.split(","))
    return {side.strip(): said.strip() for side, _, said in pairs}


def join_ports(port: str | Mapping[str, str]) -> str:
    """Join ports in one line, as `split_ports` reads them."""
    return port if isinstance(port, str) else ",".join(f"{side}={device}" for side, device in port.items())


__getattr__ = names_of(  # of 0.1.0, when this was robots.composition
    "motorium.robots.arm_calibrations",
    "adapter_calibrations",
    "arm_zeros",
    "find_calibration",
    "named_calibration",
)
