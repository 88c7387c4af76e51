"""The calibration of an arm, or one for each arm of a robot of several, by name, file or adapter."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

from ..errors import CalibrationError
from ..specs.composition import by_side, split_ports
from ..specs.robot import ArmSpec, RobotSpec
from ..specs.zero import JointZero
from .calibration import Calibration, spec_hash


def arm_zeros(arm: ArmSpec, calibration: Calibration | None) -> list[JointZero]:
    """Return the zeros of one arm's joints from the calibration of all; nominal without one."""
    if calibration is None:
        return [JointZero(float(joint.zero_ticks), joint.sign) for joint in arm.joints]
    return [calibration.joints[joint.name] for joint in arm.joints]


def find_calibration(given: str | Path | Calibration | None, port: str, spec: RobotSpec) -> Calibration:
    """Return what `Robot.open` means by its argument `calibration`; None finds it by the adapter behind `port`.

    Raises CalibrationError.
    """
    if given is None:
        return adapter_calibrations(port, spec) if spec.arms else Calibration.of_adapter(port, spec)
    return named_calibration(given, spec)


def named_calibration(given: str | Path | Calibration, spec: RobotSpec) -> Calibration:
    """Return a calibration given as object, file or name; of several arms also as "left=NAME,right=NAME".

    Raises CalibrationError.
    """
    if isinstance(given, Calibration):
        given.check(spec)
        return given
    if given == "nominal":
        return Calibration.nominal(spec)
    if not spec.arms or "=" not in str(given):
        return Calibration.load(given, spec)
    names = by_side(str(given))
    if set(names) != {arm.side for arm in spec.arms}:
        example = ",".join(f"{arm.side}=NAME" for arm in spec.arms)
        raise CalibrationError(f"{spec.name} needs a calibration for each arm: {example}, not {given!r}")
    return _joined(spec, {arm.side: named_calibration(names[arm.side], arm.spec) for arm in spec.arms})


def adapter_calibrations(port: str, spec: RobotSpec) -> Calibration:
    """Find every arm's calibration by its adapter, under the joint names of `spec`.

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
                f"{one} and {other} arm would both get the calibration {found[one].robot!r}, because nothing tells "
                f"their adapters apart: calibrate each under its own name and give --calibration {example}"
            )
    return _joined(spec, found)


def _joined(spec: RobotSpec, found: Mapping[str, Calibration]) -> Calibration:
    joints = {}
    for arm in spec.arms:
        names = zip(arm.joints, arm.spec.joints, strict=True)
        joints.update({joint.name: found[arm.side].joints[single.name] for joint, single in names})
    return Calibration(spec.name, spec_hash(spec), joints)
