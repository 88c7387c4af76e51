"""A teleoperation session: keeps the arm following, stops on command, and reports how well it went.

This thread looks at the arm twenty times a second. The path from leader to follower is in C++: the follower's control
thread takes the leader's newest reading in each of its own ticks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import LoopStats, Mode
from ..moved import renamed
from ..robots.robot import Robot
from ..types import Float32
from ..units import NS_PER_S, s_to_ns
from .leader import LeaderArm
from .mapping import MAX_AGE_S, JointMap
from .report import ArmCounters, FollowedJoints, SessionEnd, TeleopReport
from .sources import Source
from .tracking import Track, tracking

WATCH_S = 0.05
PLAN_DT_S = 0.04
PLAN_ROWS = 8
"""A third of a second: so long a source may stall before the arm holds."""
COMMITTED_ROWS = 2
SOURCE_GAP_RAD = 0.05
"""A source that begins further away than this is approached first, at the approach speed."""

Watch = Callable[[NDArray[np.void]], None]


@dataclass(frozen=True)
class Controls:
    """What the person beside the arm can say; each is asked twenty times a second.

    Attributes:
        engaged: whether the arm may move now (a dead-man switch, a pause key).
        stopped: emergency stop.
        ended: end the session.
    """

    engaged: Callable[[], bool] = lambda: True
    stopped: Callable[[], bool] = lambda: False
    ended: Callable[[], bool] = lambda: False


class Session:
    """One session with an open arm. Any number may follow one another."""

    def __init__(self, robot: Robot, *, controls: Controls | None = None) -> None:
        """Of `robot`, with what the person beside it can say."""
        self.robot = robot
        self._controls = controls or Controls()
        self._engaged_s = 0.0

    def follow(
        self,
        leader: LeaderArm,
        joints: JointMap | None = None,
        *,
        seconds: float | None = None,
        max_age_s: float = MAX_AGE_S,
        watch: Watch = lambda _ticks: None,
    ) -> TeleopReport:
        """Follow a leader arm until something ends it; the arm then holds where it is.

        Args:
            leader: open already.
            joints: which moves which; by name when None.
            seconds: at most; None until ended.
            max_age_s: without a reading of the leader for so long the arm holds.
            watch: called twenty times a second with the arm's telemetry since the last call, for a display or a
                recorder (`robot.control.telemetry` has one reader, and that is the session).

        Raises:
            BusError, SafetyError: a fault of the follower, or of the leader's bus.
            BindingError: the arms have no joint in common.
        """
        joints = joints or JointMap.between(leader.spec, self.robot.spec)
        control = self.robot.control
        control.follow(leader.control, joints.as_dict(max_age_s))
        tracks = Track(len(self.robot.spec.joints)), Track(len(leader.spec.joints))
        before = control.stats()
        settled_ns = 0
        start = time.monotonic()

        def look() -> None:
            nonlocal settled_ns
            leader.check()
            stats = control.stats()
            self._engage(stats)
            if stats.streaming and not settled_ns:
                settled_ns = time.monotonic_ns() + s_to_ns(_ramp_s(self.robot, leader, joints))
            ticks = control.telemetry()
            tracks[0].take(ticks)
            tracks[1].take(leader.control.telemetry())
            watch(ticks)

        reason = self._run(look, seconds)
        return TeleopReport(
            **self._summary(start, before, leader.spec.name, reason),
            tracking=tracking(*tracks, joints, settled_ns) if settled_ns else None,
            joints=FollowedJoints(_moved(self.robot, joints), tuple(joints.unmoved), tuple(joints.unused)),
            leader=ArmCounters.of(leader.control.stats()),
        )

    def play(
        self,
        source: Source,
        *,
        name: str = "source",
        seconds: float | None = None,
        watch: Watch = lambda _ticks: None,
    ) -> TeleopReport:
        """Let a source move the arm until it ends; the arm is first brought to where the source begins.

        Args:
            source: plans ahead; it may be slow, the control thread is not.
            name: for the report.
            seconds: at most; None until it ends.
            watch: as for `follow`, called once per planning step of 40 ms.

        Raises:
            BusError, SafetyError: a fault of the arm.
        """
        control = self.robot.control
        dt_ns = s_to_ns(PLAN_DT_S)
        setpoint = np.asarray(control.goal_rad, dtype=np.float32)
        first = source.plan(np.zeros(1), setpoint)
        if first is not None and float(np.abs(first[0] - setpoint).max()) > SOURCE_GAP_RAD:
            self.robot.move_to(np.clip(first[0], *_limits(self.robot)))
        before, start, start_ns = control.stats(), time.monotonic(), time.monotonic_ns()
        ended, paused_ns = False, 0

        def look() -> None:
            nonlocal ended, paused_ns
            watch(control.telemetry())
            if not self._controls.engaged():
                if control.mode is Mode.RUNNING:
                    control.hold()
                paused_ns += dt_ns  # a paused trajectory goes on where it was
                return
            now_ns = time.monotonic_ns()
            committed = control.committed_joints(now_ns, dt_ns, COMMITTED_ROWS)
            begin_s = (now_ns - start_ns - paused_ns) / NS_PER_S
            times_s = begin_s + PLAN_DT_S * np.arange(COMMITTED_ROWS, PLAN_ROWS)
            rows = source.plan(np.maximum(times_s, 0.0), committed[-1])
            ended = rows is None
            if rows is not None:
                control.push_joints(
                    np.vstack([committed, rows]).astype(np.float32), now_ns, dt_ns, COMMITTED_ROWS
                )
                self._engaged_s += PLAN_DT_S

        reason = self._run(look, seconds, period_s=PLAN_DT_S, over=lambda: ended)
        return TeleopReport(**self._summary(start, before, name, reason))

    def _run(
        self,
        look: Callable[[], None],
        seconds: float | None,
        *,
        period_s: float = WATCH_S,
        over: Callable[[], bool] = lambda: False,
    ) -> SessionEnd:
        start = due = time.monotonic()
        try:
            while True:
                if self._controls.stopped():
                    self.robot.estop()
                    return SessionEnd.STOPPED
                self.robot.check()
                if self._controls.ended():
                    return SessionEnd.ENDED
                look()
                if over():
                    self._play_out()
                    return SessionEnd.SOURCE
                if seconds is not None and time.monotonic() - start >= seconds:
                    return SessionEnd.TIME
                due = max(due + period_s, time.monotonic())
                time.sleep(max(0.0, due - time.monotonic()))
        finally:
            if self.robot.control.mode is Mode.RUNNING:
                self.robot.control.hold()

    def _play_out(self) -> None:
        """Do what was planned up to the end of the source, then hold for good."""
        give_up = time.monotonic() + PLAN_ROWS * PLAN_DT_S
        while self.robot.control.mode is Mode.RUNNING and time.monotonic() < give_up:
            time.sleep(0.005)
        self.robot.control.hold()

    def _engage(self, stats: LoopStats) -> None:
        """Begin, go on, or let go. After a loss the arm begins anew, with a ramp, once the leader is heard again."""
        control, streaming = self.robot.control, stats.streaming
        if not self._controls.engaged():
            if streaming or stats.mode is Mode.RUNNING:
                control.hold()
        elif streaming:
            self._engaged_s += WATCH_S
        elif stats.mode is Mode.HOLDING:
            control.engage()

    def _summary(self, start_s: float, before: LoopStats, source: str, reason: SessionEnd) -> dict[str, Any]:
        control = self.robot.control
        stats, seconds = control.stats(), time.monotonic() - start_s
        if reason is not SessionEnd.STOPPED:
            self.robot.check()
        return {
            "robot": self.robot.spec.name,
            "source": source,
            "seconds": seconds,
            "engaged_s": min(seconds, self._engaged_s),
            "rate_hz": (stats.ticks - before.ticks) / max(seconds, 1e-9),
            "streams": stats.streams - before.streams,
            "losses": stats.streams_lost - before.streams_lost,
            "reason": reason,
            "control": ArmCounters.of(stats, before),
        }


def _moved(robot: Robot, joints: JointMap) -> tuple[str, ...]:
    return tuple(
        name for name, index in zip(robot.spec.joint_names, joints.source, strict=True) if index >= 0
    )


def _limits(robot: Robot) -> tuple[Float32, Float32]:
    """Lower and upper limits, (J,) radians: a source may have been made on an arm that reaches further."""
    joints = robot.spec.joints
    lower, upper = [joint.lower_rad for joint in joints], [joint.upper_rad for joint in joints]
    return np.array(lower, dtype=np.float32), np.array(upper, dtype=np.float32)


def _ramp_s(robot: Robot, leader: LeaderArm, joints: JointMap) -> float:
    """How long the ramp lasts at most, from where both arms are now; see RampIn in the runtime."""
    here = robot.position_rad
    goal: Float32 = joints.apply(leader.position_rad, here)
    fraction = robot.spec.control.approach_velocity_share
    speed = fraction * np.array([joint.max_velocity_rad_s for joint in robot.spec.joints])
    return float(max(0.2, (1.5 * np.abs(goal - here) / speed).max()) + 0.2)


__getattr__ = renamed(__name__, START_GAP_RAD="SOURCE_GAP_RAD")
