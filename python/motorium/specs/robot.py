"""RobotSpec: a robot as data, read from `robots/<robot>.toml` and frozen.

Unknown keys, missing keys and contradictions raise SpecError; the message lists the valid choices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from ..errors import SpecError
from ..files import looks_like_path, no_such_file
from ..foreign import read_toml, resolve_inside
from ..units import range_problem
from . import encoder
from .checks import choice, positive, unique
from .geometry import GeomSpec, GraspSpec, Vec3, ViewSpec, check_shape
from .latency import LatencySpec
from .servo import MotorSpec
from .travel import check_bounds
from .zero import JointZero

DATA = Path(__file__).parent / "robots"
PAIRS = DATA / "pairs"
UNITS = ("rad", "opening")
PROTOCOLS = ("feetech", "dynamixel", "dynamixel1")
KIT = "dynamixel-sdk"
DRIVERS = ("motorium", KIT)
EXIT_POLICIES = ("park", "hold", "release")

Settings = tuple[tuple[str, int], ...]
"""Register names and the values they have while motorium drives a servo."""

T = TypeVar("T")


@dataclass(frozen=True)
class JointSpec:
    """One joint and its servo; `origin_*` is the joint frame in its parent link, rotation about local +z.

    `motor` is the servo's type where it differs from the bus's: a name, or a .toml beside the robot's own. `settings`
    are registers that this one servo has otherwise than its type; a `passive` joint is read but never given torque.
    `max_jerk_rad_s3` bounds every change of source (hold, slew, joining a chunk); 0 lets the acceleration reach its
    limit within 40 ms. `min_travel_rad` and `max_travel_rad` bound the travel from stop to stop that a calibration
    takes; 0 stands for 0.85 and 1.15 of the limits. A motion has arrived within `arrival_tolerance_rad` of its goal; 0
    stands for what gravity lets this type of servo sag (`sag_rad`).
    """

    name: str
    id: int
    slot: int
    unit: str
    origin_xyz_m: Vec3
    origin_rpy_rad: Vec3
    lower_rad: float
    upper_rad: float
    max_velocity_rad_s: float
    max_acceleration_rad_s2: float
    max_effort: float
    rest_rad: float
    home_rad: float
    mass_kg: float
    com_m: Vec3
    zero_ticks: int = 2048
    sign: int = 1
    motor: str = ""
    passive: bool = False
    settings: Settings = ()
    max_jerk_rad_s3: float = 0.0
    min_travel_rad: float = 0.0
    max_travel_rad: float = 0.0
    arrival_tolerance_rad: float = 0.0

    @property
    def slot_scale(self) -> float:
        """Slot value per radian."""
        return 1.0 / (self.upper_rad - self.lower_rad) if self.unit == "opening" else 1.0

    @property
    def slot_offset(self) -> float:
        """Slot value at zero radians."""
        return -self.lower_rad * self.slot_scale if self.unit == "opening" else 0.0


@dataclass(frozen=True)
class CameraSpec:
    """A camera by its role on the robot."""

    role: str
    width: int
    height: int
    fps: float
    max_age_s: float


@dataclass(frozen=True)
class ControlSpec:
    """Rates and ages of the control thread.

    `estop_hold_s`: after an emergency stop the arm stands under torque for so long before it goes limp. `cpu`: the
    control thread runs on this processor alone, where that is permitted; -1: on any. `settle_s`: after the end of a
    motion an arm that still moves is waited for so long. `fallback` (park, hold, release): what the arm does when no
    chunk has come for `fallback_after_s` after an underflow; empty: its exit policy.
    """

    rate_hz: float
    max_state_age_s: float
    max_command_age_s: float
    trip_after: int
    approach_velocity_share: float
    estop_hold_s: float = 0.5
    cpu: int = -1
    settle_s: float = 1.0
    fallback: str = ""
    fallback_after_s: float = 3.0


@dataclass(frozen=True)
class PolicyRateSpec:
    """How often a policy speaks and how late it may be."""

    rate_hz: float
    latency_budget_s: float


@dataclass(frozen=True)
class BusSpec:
    """The servo bus; `watchdog_s` is the silence after which servos stop by themselves (dynamixel, 0: never).

    `driver` "dynamixel-sdk" has the vendor's kit serve the port, for what motorium's own driver does not speak with.
    """

    protocol: str
    baud: int
    motor: str
    reply_margin_s: float
    watchdog_s: float = 0.0
    driver: str = "motorium"


@dataclass(frozen=True)
class ExitSpec:
    """What the arm does when control ends."""

    policy: str
    park_timeout_s: float


@dataclass(frozen=True)
class TcpSpec:
    """Tool centre point, fixed in the link that joint `parent` moves."""

    parent: str
    origin_xyz_m: Vec3
    origin_rpy_rad: Vec3


@dataclass(frozen=True)
class ArmSpec:
    """One arm of a robot that has several: as it is alone, and its joints under their names and slots in the whole."""

    side: str
    spec: RobotSpec
    joints: tuple[JointSpec, ...]


@dataclass(frozen=True)
class RobotSpec:
    """A whole robot, J joints in bus order."""

    name: str
    title: str
    description: str
    control: ControlSpec
    policy: PolicyRateSpec
    bus: BusSpec
    exit: ExitSpec
    tcp: TcpSpec
    joints: tuple[JointSpec, ...]
    cameras: tuple[CameraSpec, ...]
    geoms: tuple[GeomSpec, ...] = ()
    views: tuple[ViewSpec, ...] = ()
    grasp: GraspSpec | None = None
    arms: tuple[ArmSpec, ...] = ()
    latency: LatencySpec | None = None

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names in joint order."""
        return tuple(joint.name for joint in self.joints)

    @property
    def motor_names(self) -> tuple[str, ...]:
        """Servo type of every joint, in joint order."""
        return tuple(joint.motor or self.bus.motor for joint in self.joints)

    @classmethod
    def load(cls, name_or_path: str | Path) -> RobotSpec:
        """Read a robot by name (see `names()`) or from a TOML file. Raises SpecError."""
        path = given = Path(name_or_path)
        if path.suffix != ".toml":
            path = DATA / f"{name_or_path}.toml"
            path = path if path.is_file() else PAIRS / f"{name_or_path}.toml"
        if not path.is_file():
            known = ", ".join([*names(), *pairs()])
            if looks_like_path(name_or_path, ".toml"):
                raise SpecError(no_such_file(given, f"a robot's TOML file, or a known robot's name: {known}"))
            raise SpecError(f"no robot {str(name_or_path)!r}; known robots: {known}")
        table = read_toml(path, error=SpecError)
        _find_motors(table, path.parent)
        return parse(table, where=path.name)


def _find_motors(table: dict[str, Any], folder: Path) -> None:
    """Motor tables of the robot's author lie beside the robot's file."""
    joints = table.get("joints", [])
    for entry in [table.get("bus"), *(joints if isinstance(joints, list) else [])]:
        motor = entry.get("motor") if isinstance(entry, dict) else None
        if isinstance(motor, str) and motor.endswith(".toml"):
            resolve_inside(folder / motor, folder, SpecError)
            entry["motor"] = str(folder / motor)


def pairs() -> list[str]:
    """Robots of several arms that ship with motorium."""
    return sorted(path.stem for path in PAIRS.glob("*.toml"))


def names() -> list[str]:
    """Robots of one arm that ship with motorium."""
    return sorted(path.stem for path in DATA.glob("*.toml"))


def _convert(value: object, kind: str, where: str) -> Any:
    if kind == "Vec3":
        if isinstance(value, list) and len(value) == 3 and all(_is_number(v) for v in value):
            return tuple(_in_range(v, where) for v in value)
        raise SpecError(f"{where} must be a list of 3 numbers, not {value!r}")
    if kind == "Floats" and isinstance(value, list) and all(_is_number(v) for v in value):
        return tuple(_in_range(v, where) for v in value)
    if kind == "float" and _is_number(value):
        return _in_range(value, where)
    if kind == "int" and isinstance(value, int) and not isinstance(value, bool):
        return int(_in_range(value, where))
    if kind == "str" and isinstance(value, str) and value:
        return value
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "Settings" and isinstance(value, Mapping):
        return tuple((name, _convert(number, "int", f"{where}.{name}")) for name, number in value.items())
    raise SpecError(f"{where} must be a {kind}, not {value!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _in_range(value: Any, where: str) -> float:
    problem = range_problem(where, value)
    if problem:
        raise SpecError(f"{where}: {problem}")
    return float(value)


def _build(cls: type[T], table: object, where: str) -> T:
    if not isinstance(table, Mapping):
        raise SpecError(f"{where} must be a table, not {table!r}")
    known = {field.name: field for field in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise SpecError(f"unknown key {unknown[0]!r} in {where}; valid keys: {', '.join(sorted(known))}")
    missing = sorted(name for name, f in known.items() if f.default is MISSING and name not in table)
    if missing:
        raise SpecError(f"{where} lacks {', '.join(missing)}; valid keys: {', '.join(sorted(known))}")
    return cls(**{key: _convert(table[key], str(known[key].type), f"{where}.{key}") for key in table})


def _build_all(cls: type[T], table: Mapping[str, object], section: str, where: str) -> tuple[T, ...]:
    value = table[section]
    if not isinstance(value, list) or not value:
        raise SpecError(f"{where} must hold at least one [[{section}]] table")
    return tuple(_build(cls, entry, f"{where}.{section}[{i}]") for i, entry in enumerate(value))


def parse(table: Mapping[str, object], *, where: str = "robot") -> RobotSpec:
    """Build and check a RobotSpec from decoded TOML. Raises SpecError."""
    if "arms" in table:
        return _parse_pair(table, where)
    required = ("schema", "robot", "control", "policy", "bus", "exit", "tcp", "joints", "cameras")
    sections = (*required, "geoms", "views", "grasp", "latency")
    unknown = sorted(set(table) - set(sections))
    if unknown:
        raise SpecError(f"unknown section {unknown[0]!r} in {where}; valid sections: {', '.join(sections)}")
    missing = [section for section in required if section not in table]
    if missing:
        raise SpecError(f"{where} lacks section {missing[0]!r}; valid sections: {', '.join(sections)}")
    if table["schema"] != 1:
        raise SpecError(f"{where} has schema {table['schema']!r}; this version reads schema 1")
    identity = table["robot"]
    if not isinstance(identity, Mapping) or set(identity) != {"name", "title", "description"}:
        raise SpecError(f"{where}.robot must have exactly the keys name, title, description")
    spec = RobotSpec(
        **{key: _convert(identity[key], "str", f"{where}.robot.{key}") for key in identity},
        control=_build(ControlSpec, table["control"], f"{where}.control"),
        policy=_build(PolicyRateSpec, table["policy"], f"{where}.policy"),
        bus=_build(BusSpec, table["bus"], f"{where}.bus"),
        exit=_build(ExitSpec, table["exit"], f"{where}.exit"),
        tcp=_build(TcpSpec, table["tcp"], f"{where}.tcp"),
        joints=_build_all(JointSpec, table, "joints", where),
        cameras=_build_all(CameraSpec, table, "cameras", where),
        geoms=_build_all(GeomSpec, table, "geoms", where) if "geoms" in table else (),
        views=_build_all(ViewSpec, table, "views", where) if "views" in table else (),
        grasp=_build(GraspSpec, table["grasp"], f"{where}.grasp") if "grasp" in table else None,
        latency=_build(LatencySpec, table["latency"], f"{where}.latency") if "latency" in table else None,
    )
    check(spec, where=where)
    return spec


def _parse_pair(table: Mapping[str, object], where: str) -> RobotSpec:
    from .composition import compose

    if table.get("schema") != 1 or not {"robot", "cameras"} <= set(table):
        raise SpecError(f"{where} needs schema = 1, [robot], [[arms]] and [[cameras]]")
    spec = compose(table, _build_all(CameraSpec, table, "cameras", where), where)
    check(spec, where=where)
    return spec


def _check_joint(joint: JointSpec, where: str) -> None:
    here = f"{where}: joint {joint.name!r}"
    choice(joint.unit, UNITS, f"{here} unit")
    for name, most in (("slot", 199), ("id", 252)):
        if not 0 <= getattr(joint, name) <= most:
            raise SpecError(f"{here} {name} {getattr(joint, name)} is outside 0..{most}")
    if joint.lower_rad >= joint.upper_rad:
        raise SpecError(f"{here} lower_rad {joint.lower_rad} is not below upper_rad {joint.upper_rad}")
    for name in ("rest_rad", "home_rad"):
        if not joint.lower_rad <= getattr(joint, name) <= joint.upper_rad:
            raise SpecError(f"{here} {name} {getattr(joint, name)} is outside its limits")
    for name in ("max_velocity_rad_s", "max_acceleration_rad_s2", "max_effort", "mass_kg"):
        positive(getattr(joint, name), f"{here} {name}")
    for name in ("max_jerk_rad_s3", "arrival_tolerance_rad"):
        positive(getattr(joint, name), f"{here} {name}", or_zero=True)
    if joint.max_effort > 1:
        raise SpecError(f"{here} max_effort {joint.max_effort} is a share of stall torque, 0..1")
    if joint.sign not in (-1, 1):
        raise SpecError(f"{here} sign is {joint.sign}; valid choices: -1, 1")


def _check_encoders(spec: RobotSpec, where: str) -> None:
    """Every position that a joint may take must be a count of its servo, with the zeros of the file; so its travel."""
    for joint, name in zip(spec.joints, spec.motor_names, strict=True):
        problem = encoder.problem(joint, MotorSpec.load(name), JointZero(joint.zero_ticks, joint.sign))
        if problem is not None:
            raise SpecError(f"{where}: {problem}")
        check_bounds(joint, f"{where}: joint {joint.name!r}")


def _check_control(control: ControlSpec, where: str) -> None:
    if not 0 < control.approach_velocity_share <= 1:
        raise SpecError(f"{where}.approach_velocity_share must be in (0, 1]")
    if not -1 <= control.cpu < 1024:
        raise SpecError(f"{where}.cpu must be a processor's number, or -1 for any")
    for name, most in (("estop_hold_s", 10), ("settle_s", 10), ("fallback_after_s", 3600)):
        if not 0 <= getattr(control, name) <= most:
            raise SpecError(f"{where}.{name} must be in 0..{most}")
    choice(control.fallback, ("", *EXIT_POLICIES), f"{where}.fallback")


def check(spec: RobotSpec, *, where: str = "robot") -> None:
    """Raise SpecError when a spec contradicts itself."""
    unique([joint.name for joint in spec.joints], "joint name", where)
    for joints in [arm.joints for arm in spec.arms] or [spec.joints]:
        unique([joint.id for joint in joints], "servo id", where)
    unique([joint.slot for joint in spec.joints], "slot", where)
    unique([camera.role for camera in spec.cameras], "camera role", where)
    for joint in spec.joints:
        _check_joint(joint, where)
    choice(spec.bus.protocol, PROTOCOLS, f"{where}.bus.protocol")
    choice(spec.bus.driver, DRIVERS, f"{where}.bus.driver")
    if (spec.bus.driver == KIT) != (spec.bus.protocol == "dynamixel1") and spec.bus.protocol != "dynamixel":
        raise SpecError(
            f"{where}.bus: protocol {spec.bus.protocol!r} does not go with driver {spec.bus.driver!r}"
        )
    choice(spec.exit.policy, EXIT_POLICIES, f"{where}.exit.policy")
    choice(spec.tcp.parent, spec.joint_names, f"{where}.tcp.parent")
    check_shape(spec, where)
    _check_encoders(spec, where)
    if not 1 <= spec.policy.rate_hz <= spec.control.rate_hz <= 2000:
        raise SpecError(f"{where}: need 1 <= policy.rate_hz <= control.rate_hz <= 2000")
    _check_control(spec.control, f"{where}.control")
    if spec.latency is not None and spec.latency.problem():
        raise SpecError(f"{where}.latency: {spec.latency.problem()}")
