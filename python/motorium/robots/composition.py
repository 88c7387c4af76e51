"""Several arms as one robot: `data/pairs/*.toml` names the arms, their sides and their slots.

Each arm keeps its own bus, its own port and its own calibration; the buses are driven at the same time. A port is
written `left=/dev/ttyACM0,right=/dev/ttyACM1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from ..errors import BusError, CalibrationError, SpecError
from ..motors.bus import JointZero
from .calibration import Calibration, spec_hash
from .spec import ArmSpec, CameraSpec, RobotSpec

KEYS = {"schema", "robot", "arms", "cameras"}
ARM_KEYS = {"side", "robot", "slots"}


def compose(table: Mapping[str, Any], cameras: tuple[CameraSpec, ...], where: str) -> RobotSpec:
    """A RobotSpec of several arms from decoded TOML; rates, exit policy and bus are those of the first arm.

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
    """One port per arm, in their order. Raises BusError when one is missing, unknown or used twice."""
    given = dict(port) if isinstance(port, Mapping) else dict(_pair(part) for part in port.split(","))
    sides = [arm.side for arm in spec.arms]
    if set(given) != set(sides):
        example = ",".join(f"{side}=/dev/ttyACM{i}" for i, side in enumerate(sides))
        raise BusError(f"{spec.name} needs a port for each of {', '.join(sides)}: port={example!r}")
    if len(set(given.values())) < len(sides):
        raise BusError(f"{spec.name} has one bus per arm: {', '.join(given.values())} names a port twice")
    return [given[side] for side in sides]


def _pair(part: str) -> tuple[str, str]:
    side, _, device = part.partition("=")
    return side.strip(), device.strip()


def join_ports(port: str | Mapping[str, str]) -> str:
    """Ports in one line, as `split_ports` reads them."""
    return port if isinstance(port, str) else ",".join(f"{side}={device}" for side, device in port.items())


def arm_zeros(arm: ArmSpec, calibration: Calibration | None) -> list[JointZero]:
    """Of one arm's joints, from the calibration of all; nominal without one."""
    if calibration is None:
        return [JointZero(float(joint.zero_ticks), joint.sign) for joint in arm.joints]
    return [calibration.joints[joint.name] for joint in arm.joints]


def find_calibration(given: str | Path | Calibration | None, port: str, spec: RobotSpec) -> Calibration:
    """What `Robot.open` means by its argument `calibration`; None finds it by the adapter behind `port`.

    Raises CalibrationError.
    """
    if given is None:
        return adapter_calibrations(port, spec) if spec.arms else Calibration.of_adapter(port, spec)
    return named_calibration(given, spec)


def named_calibration(given: str | Path | Calibration, spec: RobotSpec) -> Calibration:
    """A calibration given as object, file or name; of several arms also as "left=NAME,right=NAME".

    Raises CalibrationError.
    """
    if isinstance(given, Calibration):
        given.check(spec)
        return given
    if given == "nominal":
        return Calibration.nominal(spec)
    if not spec.arms or "=" not in str(given):
        return Calibration.load(given, spec)
    names = dict(_pair(part) for part in str(given).split(","))
    if set(names) != {arm.side for arm in spec.arms}:
        example = ",".join(f"{arm.side}=NAME" for arm in spec.arms)
        raise CalibrationError(f"{spec.name} needs a calibration for each arm: {example}, not {given!r}")
    return _joined(spec, {arm.side: named_calibration(names[arm.side], arm.spec) for arm in spec.arms})


def adapter_calibrations(port: str, spec: RobotSpec) -> Calibration:
    """Every arm's own calibration, found by its adapter, under the joint names of `spec`.

    Raises CalibrationError when one has none, or when two arms would get the zeros of one.
    """
    devices = split_ports(port, spec)
    found = {
        arm.side: Calibration.of_adapter(device, arm.spec)
        for arm, device in zip(spec.arms, devices, strict=True)
    }
    for one, other in combinations(found, 2):
        if found[one] == found[other]:
            example = ",".join(f"{side}=NAME" for side in found)
            raise CalibrationError(
                f"{one} and {other} arm would both get the calibration {found[one].robot!r}, since nothing tells their "
                f"adapters apart: calibrate each under a name of its own and give --calibration {example}"
            )
    return _joined(spec, found)


def _joined(spec: RobotSpec, found: Mapping[str, Calibration]) -> Calibration:
    joints = {}
    for arm in spec.arms:
        names = zip(arm.joints, arm.spec.joints, strict=True)
        joints.update({joint.name: found[arm.side].joints[single.name] for joint, single in names})
    return Calibration(spec.name, spec_hash(spec), joints)
