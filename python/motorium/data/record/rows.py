"""Make rows of what an arm and its cameras show, paired as `Robot.observe` pairs what a policy gets.

Per row: the newest picture of every camera, and of the time of that observation the joints, the setpoint in force
(`commanded_rad`) and the one in force a row later (`action`). A live arm and one in virtual time share this code.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ...cameras.base import newest_frames
from ...errors import DataError
from ...robots.frames import ages
from ...timeline.pairing import Floats, label_rows, pair
from ...types import Camera, Float32, UInt8
from ...units import NS_PER_S
from ..format.instants import LEADER
from ..format.schema import Schema
from . import marks

if TYPE_CHECKING:
    from ...robots.identity import Identity
    from ...specs.robot import RobotSpec

PICTURE = "observation.images."
Pose = Callable[[int], Float32]


class JointsThen(Protocol):
    """Joints of a moment; (J,) each."""

    @property
    def t_ns(self) -> int: ...  # noqa: D102
    @property
    def position_rad(self) -> Any: ...  # noqa: D102
    @property
    def velocity_rad_s(self) -> Any: ...  # noqa: D102
    @property
    def effort(self) -> Any: ...  # noqa: D102


class JointsNow(Protocol):
    """Joints as they were read last."""

    @property
    def joint_t_ns(self) -> Any:
        """(J,) int64, when each was read."""
        ...


class Control(Protocol):
    """What rows need of whatever moves the arm, such as `robot.control`."""

    def state(self) -> JointsNow:
        """Return the joints as they were read last."""
        ...

    def state_at(self, t_ns: int) -> JointsThen | None:
        """Return the joints at a time; None before the first reading."""
        ...

    def setpoint_at(self, t_ns: int) -> Floats | None:
        """Return the (J,) setpoint in force at a time; None while that is not known."""
        ...


class Recordable(Protocol):
    """An arm that can be recorded: an open `Robot`, or one in virtual time."""

    @property
    def spec(self) -> RobotSpec:
        """Its declaration."""
        ...

    @property
    def cameras(self) -> Mapping[str, Camera]:
        """Its cameras by their roles."""
        ...

    @property
    def control(self) -> Control:
        """What moves it."""
        ...

    def identity(self) -> Identity:
        """Return which arm it is."""
        ...


class Into(Protocol):
    """Where rows go, such as a `DatasetWriter` with an episode begun."""

    schema: Schema

    def add(self, row: Mapping[str, Any], images: Mapping[str, UInt8 | None]) -> None:
        """Add a row; None for a camera whose last picture still stands."""
        ...


@dataclass(frozen=True)
class _Waiting:
    """A row whose action is still to come."""

    now_ns: int
    t_ns: int
    row: dict[str, Any]
    images: dict[str, UInt8 | None]


class Rows:
    """Takes rows; one is written once its action is known, a row after the observation.

    Args:
        robot: what is recorded.
        into: gets the rows in order.
        start_ns: beginning of the episode.
        clock: tells the time, ns; the clock of the frames and the joints.
        pose: (J,) where the leader's joints were at a time, for the column `leader_rad`.

    Attributes:
        written: rows so far.
        first_ns, last_ns: when the first and the last of them were taken.
    """

    def __init__(
        self, robot: Recordable, into: Into, start_ns: int, clock: Callable[[], int], pose: Pose | None = None
    ) -> None:
        self._robot, self._into, self._start_ns, self._clock = robot, into, start_ns, clock
        self._pose = pose if into.schema.has(LEADER) else None
        self.period_ns = NS_PER_S // into.schema.fps
        self.written = 0
        self.first_ns = self.last_ns = start_ns
        self._keys = [f.key for f in into.schema.videos]
        self._ages = ages(robot.spec)
        self._seen: dict[str, int] = {}
        self._observed_ns = 0
        self._waiting: deque[_Waiting] = deque()

    def take(self, now_ns: int) -> None:
        """Take the row that is due at `now_ns`. Raises DataError, CameraError."""
        control, start_ns = self._robot.control, self._start_ns
        by_role = newest_frames(self._robot.cameras)
        frames = {key: by_role[key.removeprefix(PICTURE)] for key in self._keys}
        captured = {role: frame.t_ns for role, frame in by_role.items()}
        seen_ns = self._clock()
        paired = pair(captured, control.state_at, seen_ns, self._ages, after_ns=self._observed_ns)
        if paired is None:
            raise DataError("no joint state has been read yet")
        self._observed_ns = paired.t_ns
        joints, newest = paired.joints, control.state()
        clocks = [frames[key].t_ns for key in self._keys] + [joints.t_ns]
        row = {
            "observation.state": joints.position_rad,
            "velocity_rad_s": joints.velocity_rad_s,
            "effort": joints.effort,
            "joint_age_s": (seen_ns - newest.joint_t_ns) / NS_PER_S,
            "capture_s": [(t_ns - start_ns) / NS_PER_S for t_ns in clocks],
            "row_s": (now_ns - start_ns) / NS_PER_S,
        } | dict.fromkeys((f.key for f in marks.COLUMNS), 0)  # known at the end of the episode
        if self._pose is not None:
            row[LEADER] = self._pose(paired.t_ns)
        images: dict[str, UInt8 | None] = {}
        for key, frame in frames.items():
            images[key] = None if self._seen.get(key) == frame.seq else frame.image
            self._seen[key] = frame.seq
        self._waiting.append(_Waiting(now_ns, paired.t_ns, row, images))

    def write_known(self) -> bool:
        """Write the rows whose action is known; say whether others wait."""
        while self._waiting:
            first = self._waiting[0]
            setpoints = label_rows(first.t_ns, self.period_ns, 2, self._robot.control.setpoint_at)
            if setpoints is None:
                return True
            self._waiting.popleft()
            self._into.add(first.row | {"commanded_rad": setpoints[0], "action": setpoints[1]}, first.images)
            if self.written == 0:
                self.first_ns = first.now_ns
            self.written, self.last_ns = self.written + 1, first.now_ns
        return False
