"""RobotSpec: a robot as data, read from `robots/<robot>.toml` and frozen.

Unknown keys, missing keys and contradictions raise SpecError; the message lists the valid choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import SpecError
from ..files import looks_like_path, no_such_file
from ..foreign import open_regular, read_toml, resolve_inside
from .geometry import GeomSpec, GraspSpec, Vec3, ViewSpec
from .joint import JointSpec
from .latency import LatencySpec

DATA = Path(__file__).parent / "robots"
PAIRS = DATA / "pairs"
COMPILED = b"MTROBOT\0"
"""The first bytes of a compiled robot (docs/compiled-robot.md)."""
MAX_COMPILED_BYTES = 1 << 20
"""As `kMaxRobotFileBytes` of csrc/robot/robot_file.hpp."""
EXIT_POLICIES = ("park", "hold", "release")


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

    `estop_hold_s`: after an emergency stop the arm stands under torque for so long before torque goes off. `cpu`: the
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
    """How often a policy runs and how late it may be."""

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
    """One arm of a robot with several: its own spec, and its joints with their names and slots in the robot."""

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
            if given.is_file() and _is_compiled(given):
                raise SpecError(
                    f"{given} is a compiled robot, which C++ opens and `motorium robots --show` shows "
                    f"(docs/compiled-robot.md); give the robot's TOML file, or a known robot's name: {known}"
                )
            if looks_like_path(name_or_path, ".toml"):
                raise SpecError(no_such_file(given, f"a robot's TOML file, or a known robot's name: {known}"))
            raise SpecError(f"no robot {str(name_or_path)!r}; known robots: {known}")
        from .robot_file import parse

        table = read_toml(path, error=SpecError)
        _find_motors(table, path.parent)
        return parse(table, where=path.name)


def _is_compiled(path: Path) -> bool:
    try:
        with open_regular(path, MAX_COMPILED_BYTES, error=SpecError) as file:
            return file.read(len(COMPILED)) == COMPILED
    except SpecError:
        return False


def _find_motors(table: dict[str, Any], folder: Path) -> None:
    """Motor tables of the robot's author lie beside the robot's file."""
    joints = table.get("joints", [])
    for entry in [table.get("bus"), *(joints if isinstance(joints, list) else [])]:
        motor = entry.get("motor") if isinstance(entry, dict) else None
        if isinstance(motor, str) and motor.endswith(".toml"):
            resolve_inside(folder / motor, folder, SpecError)
            entry["motor"] = str(folder / motor)


def pairs() -> list[str]:
    """List the robots of several arms that ship with motorium."""
    return sorted(path.stem for path in PAIRS.glob("*.toml"))


def names() -> list[str]:
    """List the robots of one arm that ship with motorium."""
    return sorted(path.stem for path in DATA.glob("*.toml"))
