"""Write a compiled robot of today's format, and beside it the values it came from: python tests/robots/golden/make.py.

What a release has written stays as it is: a new format gets new files beside these.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from motorium import _core
from motorium.robots import config as configs
from motorium.robots.calibration import Calibration
from motorium.robots.compiled import write_compiled
from motorium.specs.robot import RobotSpec

HERE = Path(__file__).parent
NOT_READABLE = ("FieldFormat", "GuardJoint", "ServoSetting", "SettingBound", "SettingWords", "ControlConfig")
"""Classes of the core whose values Python gives and cannot read back: what they were made from is noted."""
CLASSES = ("BusConfig", "PolicyTiming", "RobotCamera", "RobotConfig", "RobotJoint", "ServoJoint")


@contextmanager
def noted() -> Iterator[list[tuple[Any, dict[str, Any]]]]:
    """Note each object of `NOT_READABLE` with the keywords it was made from."""
    notes: list[tuple[Any, dict[str, Any]]] = []

    def noting(make: Callable[..., Any]) -> Callable[..., Any]:
        def made(**values: Any) -> Any:
            notes.append((make(**values), values))
            return notes[-1][0]

        return made

    patches = [patch.object(_core, name, noting(getattr(_core, name))) for name in NOT_READABLE]
    patches += [
        patch.object(configs, name, noting(getattr(_core, name))) for name in ("ControlConfig", "GuardJoint")
    ]
    for one in patches:
        one.start()
    nothing = ("stall_effort", "stall_error_rad", "stall_velocity_rad_s", "stall_time_s", "overload_effort")
    guard = patch.object(
        configs, "NO_GUARD", configs.GuardJoint(**dict.fromkeys([*nothing, "hold_effort"], 0.0))
    )
    guard.start()
    try:
        yield notes
    finally:
        for one in [*patches, guard]:
            one.stop()


def plain(value: Any, notes: list[tuple[Any, dict[str, Any]]]) -> Any:
    """Values for JSON: of an object of the core by its attributes, or by the keywords it was made from."""
    kind = type(value).__name__
    if kind in CLASSES:
        names = [name for name in dir(type(value)) if isinstance(getattr(type(value), name), property)]
        return {name: plain(getattr(value, name), notes) for name in names}
    if kind in NOT_READABLE:
        return next(plain(made, notes) for one, made in notes if same(one, value))
    if isinstance(value, dict):
        return {name: plain(one, notes) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one, notes) for one in value]
    return value.hex() if isinstance(value, bytes) else value


def same(one: Any, other: Any) -> bool:
    """Whether `other` is a copy of `one`."""
    if type(one) is not type(other):
        return False
    if not isinstance(one, _core.ServoSetting):
        return one is other or isinstance(one, _core.ControlConfig)
    numbers = all(
        getattr(one, name) == getattr(other, name) for name in ("joint", "address", "value", "mask")
    )
    return numbers and (one.words.joint, one.words.name) == (other.words.joint, other.words.name)


def calibrated(spec: RobotSpec) -> Calibration:
    """Return zeros as of an arm that was swept by hand: none of them the nominal one."""
    nominal = Calibration.nominal(spec)
    moved = {
        name: replace(zero, zero_ticks=zero.zero_ticks + 7.5 * (j % 3 - 1))
        for j, (name, zero) in enumerate(nominal.joints.items())
    }
    return replace(nominal, joints=moved)


def main() -> None:
    """Write both files of each robot."""
    for name, robot in (("so101", "so101"), ("pair", "bi_so101_follower")):
        with noted() as notes:
            spec = RobotSpec.load(robot)
            config = configs.robot_config(spec, calibrated(spec) if not spec.arms else None)
        values = plain(config, notes)
        write_compiled(HERE / f"{name}-1.robot", config)
        text = json.dumps(values, separators=(",", ":"), sort_keys=True)
        (HERE / f"{name}-1.json").write_text(text + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
