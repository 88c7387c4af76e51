"""What may move an arm besides a leader arm: a function, an expert, a recorded trajectory, keys, a gamepad.

None of them sits in the control loop. They plan a few hundred milliseconds ahead, the C++ control thread interpolates,
and when they stall the arm holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import read_arrays
from ..errors import MotoriumError
from ..specs.robot import RobotSpec
from ..types import Float32

MAX_TRAJECTORY_ROWS = 10_000_000


class Source(Protocol):
    """Plans setpoints ahead of time."""

    def plan(self, times_s: NDArray[np.float64], setpoint: Float32) -> Float32 | None:
        """Return setpoints at `times_s` since the start.

        Args:
            times_s: (n,) rising, in the future; steps of the source's own period.
            setpoint: (J,) what the arm will have been told by then.

        Returns:
            (n, J) radians; None ends the session.
        """
        ...


class Stepper:
    """A source that decides one step at a time: the newest step is reached and then held."""

    def __init__(self, step: Callable[[float, Float32], ArrayLike | None]) -> None:
        """`step(t_s, setpoint (J,))` returns the next setpoint (J,), or None to end."""
        self._step = step
        self._last: Float32 | None = None

    def plan(self, times_s: NDArray[np.float64], setpoint: Float32) -> Float32 | None:
        """Return the step before, the new one, and standing still after it. Raises MotoriumError for a bad answer."""
        before = setpoint if self._last is None else self._last
        answer = self._step(float(times_s[0]), before)
        if answer is None:
            return None
        target = np.asarray(answer, dtype=np.float32)
        if target.shape != setpoint.shape or not np.isfinite(target).all():
            raise MotoriumError(
                f"a source gave {target.shape} setpoints, or some that are not finite; the arm has {setpoint.shape}"
            )
        self._last = target
        rows = np.repeat(target[None], len(times_s), axis=0)
        rows[0] = before if len(times_s) > 1 else target
        return rows


class Replay:
    """A recorded trajectory, linearly interpolated between its rows."""

    def __init__(self, times_s: ArrayLike, positions_rad: ArrayLike, *, speed: float = 1.0) -> None:
        """Check a trajectory.

        Args:
            times_s: (N,) strictly rising seconds; the first is its start.
            positions_rad: (N, J) radians in joint order.
            speed: 2 plays it twice as fast.

        Raises:
            MotoriumError: shapes that do not fit, times that do not rise, numbers that are not finite.
        """
        self.times_s = np.asarray(times_s, dtype=np.float64)
        self.positions_rad = np.asarray(positions_rad, dtype=np.float32)
        t, q = self.times_s, self.positions_rad
        if t.ndim != 1 or q.ndim != 2 or len(t) != len(q) or len(t) < 2:
            raise MotoriumError(
                f"a trajectory needs (N,) times and (N, J) positions, not {t.shape} and {q.shape}"
            )
        if not (np.isfinite(t).all() and np.isfinite(q).all() and (np.diff(t) > 0).all()):
            raise MotoriumError("a trajectory needs finite numbers and rising times")
        if not 0.05 <= speed <= 5.0:
            raise MotoriumError(f"speed {speed:g} is outside 0.05 to 5")
        self.speed = speed

    @classmethod
    def load(cls, path: str | Path, spec: RobotSpec, *, speed: float = 1.0) -> Replay:
        """Read an .npz with `t_ns` (N,) or `t_s`, `position_rad` (N, J) and optionally `joint_names` (J,).

        Raises MotoriumError: no such arrays, another robot's joints, more rows than ten million.
        """
        arrays = read_arrays(Path(path), max_bytes=1 << 31)
        missing = [name for name in ("position_rad",) if name not in arrays]
        if missing or not {"t_ns", "t_s"} & set(arrays):
            raise MotoriumError(
                f"{path} needs the arrays position_rad and t_ns or t_s; it has {', '.join(arrays)}"
            )
        positions = arrays["position_rad"]
        if len(positions) > MAX_TRAJECTORY_ROWS or positions.ndim != 2:
            raise MotoriumError(f"{path}: position_rad is {positions.shape}, not (N, J)")
        names = [str(name) for name in arrays.get("joint_names", np.array(spec.joint_names))]
        if sorted(names) != sorted(spec.joint_names):
            raise MotoriumError(
                f"{path} has joints {', '.join(names)}; {spec.name} has {', '.join(spec.joint_names)}"
            )
        order = [names.index(name) for name in spec.joint_names]
        if positions.shape[1] != len(order):
            raise MotoriumError(f"{path}: {positions.shape[1]} columns for {len(order)} joints")
        times = arrays["t_s"] if "t_s" in arrays else (arrays["t_ns"] - arrays["t_ns"][0]) / 1e9
        return cls(times, positions[:, order], speed=speed)

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return float(self.times_s[-1] - self.times_s[0]) / self.speed

    def plan(self, times_s: NDArray[np.float64], setpoint: Float32) -> Float32 | None:
        """Return rows of the recording at these times; None after its end."""
        del setpoint  # the recording knows
        if times_s[0] > self.seconds:
            return None
        at = self.times_s[0] + times_s * self.speed
        columns = [np.interp(at, self.times_s, column) for column in self.positions_rad.T]
        return np.stack(columns, axis=1).astype(np.float32)


class Jog:
    """Joint velocities from something held down, integrated: keys or sticks."""

    def __init__(
        self, spec: RobotSpec, read: Callable[[], Sequence[float]], *, speed_share: float = 0.3
    ) -> None:
        """Integrate `read()`, J numbers of -1 to 1, at `speed_share` of each joint's velocity limit."""
        self._read = read
        self._lower = np.array([joint.lower_rad for joint in spec.joints])
        self._upper = np.array([joint.upper_rad for joint in spec.joints])
        self._speed = speed_share * np.array([joint.max_velocity_rad_s for joint in spec.joints])
        self._inner = Stepper(self._step)
        self._last_s = math.nan

    def plan(self, times_s: NDArray[np.float64], setpoint: Float32) -> Float32 | None:
        """Plan as Stepper does."""
        return self._inner.plan(times_s, setpoint)

    def _step(self, t_s: float, setpoint: Float32) -> Any:
        dt = 0.0 if math.isnan(self._last_s) else min(0.1, t_s - self._last_s)
        self._last_s = t_s
        push = np.clip(np.asarray(self._read(), dtype=float), -1.0, 1.0)
        return np.clip(setpoint + dt * self._speed * np.nan_to_num(push), self._lower, self._upper)
