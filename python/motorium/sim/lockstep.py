"""The world and the control core in lock-step, in virtual time: no threads, no waiting, repeatable.

Each 5 ms tick is the one the control thread runs: joint state in, setpoint sampled from the plan, safety gate, goal
out; then the physics moves on by one tick. Only the clock and the wire are missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._core import ControlCore, Mode, PushStatus
from ..errors import SafetyError, SimulationError
from ..robots.config import control_config
from ..robots.health import gate_counts
from ..specs.slots import slot_map
from ..timeline.pairing import pair
from ..types import Float32, Observation
from ..units import NS_PER_S
from .world import World

Float64 = NDArray[np.float64]


class Joints(NamedTuple):
    """Joints of the world at a time: (J,) measured angles in radians."""

    t_ns: int
    position_rad: Float32


class LockStep:
    """Plays setpoints into a world through ControlCore.

    Args:
        world: what moves; call `restart` after `world.reset` or `world.set_joints`.
        overrides: keyword arguments of `motorium.robots.config.control_config`.

    Attributes:
        core: the control core, for its plan and counters.
        now_ns: virtual time since the last restart, integer nanoseconds.
        row_ns: length of a policy step.
    """

    def __init__(self, world: World, **overrides: Any) -> None:
        self.world = world
        self.core: ControlCore
        self.now_ns: int
        # Virtual joints are put elsewhere at will, and a side branch begins at the setpoint.
        self._config = control_config(world.spec, **{"position_jump_rad": np.inf, **overrides})
        self.tick_ns = round(NS_PER_S / world.spec.control.rate_hz)
        self.ticks = round(world.spec.control.rate_hz / world.spec.policy.rate_hz)
        self.row_ns = self.ticks * self.tick_ns
        self._slots = slot_map(world.spec)
        self._tick_s = self.tick_ns / NS_PER_S
        self.restart()

    def restart(self) -> None:
        """Start with a fresh core, enabled: setpoint := measured, time 0, no plan, counters zero."""
        self.now_ns = 0
        self._start_core(self.world.readings()[0])

    @property
    def setpoint(self) -> Float64:
        """(J,) radians, the setpoint in force now: row 0 of a chunk observed now."""
        return np.asarray(self.core.setpoint(self.now_ns), dtype=np.float64)

    @property
    def row_s(self) -> float:
        """Length of a policy step in seconds."""
        return self.row_ns / NS_PER_S

    @contextmanager
    def side_branch(self) -> Iterator[None]:
        """Undo what is played inside: on leaving, world, clock, plan and gate are as before.

        The branch starts from the setpoint in force with a plan and a gate of its own, the gate at rest.
        """
        saved = self.world.save(), self.core, self.now_ns
        setpoint = self.core.setpoint(self.now_ns)
        try:
            self._start_core(setpoint)
            yield
        finally:
            world, self.core, self.now_ns = saved
            self.world.restore(world)

    def advance_to(self, t_ns: int) -> None:
        """Tick until `now_ns` is the first tick at or after `t_ns`."""
        while self.now_ns < t_ns:
            self._tick()

    def observe(self, task: str) -> Observation:
        """Return what a policy sees now."""
        images = {camera.role: self.world.render(camera.role) for camera in self.world.spec.cameras}
        paired = pair(dict.fromkeys(images, self.now_ns), self._joints_at, self.now_ns)
        assert paired is not None  # the world always has joints
        state = self._slots.scatter(paired.joints.position_rad)
        return Observation(paired.t_ns, state, images, task, paired.skew_ns)

    def _joints_at(self, t_ns: int) -> Joints:
        return Joints(t_ns, self.world.readings()[0])

    def committed(self, delay: int) -> NDArray[np.float32]:
        """Return (delay, J) setpoints already planned from now on, one per policy step; row 0 is in force now."""
        return np.asarray(self.core.committed(self.now_ns, self.row_ns, delay))

    def run_row(self, setpoint_next: NDArray[Any]) -> None:
        """Move the setpoint to `setpoint_next` (J,) radians in one policy step. Errors as `run_chunk`."""
        rows = np.stack([self.setpoint, np.asarray(setpoint_next, dtype=np.float64)])
        self.run_chunk(rows, delay=0, count=1)

    def run_chunk(self, rows: NDArray[Any], *, delay: int, count: int) -> None:
        """Play `count` policy steps under a chunk observed now that is ready `delay` steps later.

        Args:
            rows: (T, J) radians, row 0 is the setpoint now; rows below `delay` should equal `committed(delay)`.
            delay: steps that pass under the old plan first.
            count: steps until the next observation, at least `delay`.

        Raises SimulationError when the core refuses the chunk, SafetyError when the gate has tripped.
        """
        if not 0 <= delay <= count:
            raise SimulationError(f"need 0 <= delay <= count, not delay {delay} and count {count}")
        t0_ns = self.now_ns
        self.wait(delay)
        chunk = np.ascontiguousarray(rows, dtype=np.float32)
        status = self.core.push_chunk(chunk, t0_ns, self.row_ns, delay, self.now_ns)
        if status is not PushStatus.ACCEPTED:
            raise SimulationError(
                f"the control core answered {status.value!r} to a chunk of shape {chunk.shape}"
            )
        self.wait(count - delay)

    def wait(self, count: int) -> None:
        """Let `count` policy steps pass under the plan in force. Raises SafetyError when the gate has tripped."""
        for _ in range(count * self.ticks):
            self._tick()
        if self.core.mode is Mode.FAULT:
            raise SafetyError(f"the safety gate tripped in lock-step: {gate_counts(self.core.stats())}")

    def _start_core(self, position_rad: NDArray[np.float32]) -> None:
        still = np.zeros_like(position_rad)
        self.core = ControlCore(self._config)
        self.core.enable()
        self.core.tick(self.now_ns, position_rad, still, still, self.now_ns)

    def _tick(self) -> None:
        goal = self.core.tick(self.now_ns, *self.world.readings(), self.now_ns)
        self.world.step(goal, self._tick_s)
        self.now_ns += self.tick_ns
