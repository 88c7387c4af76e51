"""The simulated arm in real time: goals, virtual servos, physics, readings, on absolute deadlines."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import ServoEmulator
from ..specs.robot import RobotSpec
from ..specs.servo import MotorSpec
from ..units import NS_PER_S
from .hand import Hand
from .servo_registers import RegisterModel, ServoGoals, ServoReading, ServoSettings
from .world import World

PERIOD_NS = 5_000_000
MAX_LAG_NS = 50_000_000  # further behind than this, simulated time slips instead of racing to catch up
SETTINGS_EVERY = 20  # steps between two looks at the slow registers
FACTOR_WINDOW_NS = 2 * NS_PER_S


def plain(value: Any) -> Any:
    """Turn arrays, numpy scalars and dataclasses, nested in mappings and sequences, into JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


class RealTimeFactor:
    """Simulated seconds per second over a sliding window."""

    def __init__(self, now_ns: int) -> None:
        """Start counting at `now_ns`."""
        self._marks: deque[tuple[int, int]] = deque([(now_ns, 0)])

    def mark(self, now_ns: int, sim_ns: int) -> None:
        """Record how far simulated time has come."""
        self._marks.append((now_ns, sim_ns))
        while len(self._marks) > 2 and self._marks[1][0] < now_ns - FACTOR_WINDOW_NS:
            self._marks.popleft()

    def value(self, now_ns: int, sim_ns: int) -> float:
        """Return the factor up to now; 1.0 before anything could be measured."""
        start_ns, start_sim_ns = self._marks[0]
        return (sim_ns - start_sim_ns) / (now_ns - start_ns) if now_ns > start_ns else 1.0


class PhysicsLoop:
    """Owns the world while it runs. Every public method may be called from any thread."""

    def __init__(self, world: World, bus: ServoEmulator, spec: RobotSpec) -> None:
        """Take over `world` and `bus`; the present registers are right on return."""
        self.lock = threading.Lock()  # held for one step, one copy or one reset
        self._world, self._bus = world, bus
        self.hand = Hand(spec)
        self._touching = True
        self._motors = [MotorSpec.load(name) for name in spec.motor_names]
        self._servos = RegisterModel(spec, self._settings())
        self._assembled_limit = world.servos.torque_limit.copy()  # after a reset: what the arm itself allows
        self._steps = 0
        self._slipped_ns = 0
        self._t_ns = time.monotonic_ns()
        self._factor = RealTimeFactor(self._t_ns)
        self._reset_steps = 0
        self._publish()
        self._aim_at_present()

    @property
    def t_ns(self) -> int:
        """The moment the world's state stands for; read it under `lock` together with the state."""
        return self._t_ns

    def run(self, stop: threading.Event) -> None:
        """Step until `stop` is set, one period after another, never waiting for anyone but the clock."""
        next_ns = time.monotonic_ns() + PERIOD_NS
        while not stop.is_set():
            now_ns = time.monotonic_ns()
            if now_ns < next_ns:
                time.sleep((next_ns - now_ns) / NS_PER_S)
            elif now_ns - next_ns > MAX_LAG_NS:
                self._slipped_ns += now_ns - next_ns
                next_ns = now_ns
            with self.lock:
                self.step(next_ns)
            next_ns += PERIOD_NS

    def step(self, t_ns: int) -> None:
        """Advance by one period; afterwards the state is that of `t_ns`. The caller holds `lock`."""
        dt_s = PERIOD_NS / NS_PER_S
        if self._steps % SETTINGS_EVERY == 0:
            self._servos.settings = self._settings()
            self._factor.mark(self._t_ns, self._steps * PERIOD_NS)
        drive = self._servos.drive(self._goals(), self._world.position_rad, dt_s)
        target_rad, fraction = self.hand.take(self._world.position_rad, drive, dt_s)
        servos = self._world.servos
        servos.torque_enable = fraction > 0
        servos.torque_limit = np.minimum(fraction, self._assembled_limit)
        servos.apply_limits()
        if self.hand.lifted == self._touching:
            self._touching = not self.hand.lifted
            self._world.set_contacts(on=self._touching)
        self._world.step(target_rad, dt_s)
        self._t_ns = t_ns
        self._steps += 1
        self._publish(dt_s)

    def reset(self, seed: int, task: str | None, *, keep_arm: bool) -> int:
        """Lay out the scene of `seed` between two steps; returns the time of the new state.

        A kept arm stands exactly where it stood, as when a person rearranges the table; else it is at the
        scene's start pose. Raises SimulationError for an unknown task, and nothing has changed then.
        """
        with self.lock:
            data, arm = self._world.data, slice(self._world.joints)
            kept = [values[arm].copy() for values in (data.qpos, data.qvel, data.ctrl)]
            self._world.reset(seed, task)
            if keep_arm:
                self._world.set_joints(kept[0])
                data.qvel[arm], data.ctrl[arm] = kept[1], kept[2]
            self._reset_steps = self._steps
            self._publish()
            if not keep_arm:
                self._aim_at_present()
            return self._t_ns

    def status(self) -> dict[str, Any]:
        """Return success and judgement so far, task, times; JSON values."""
        with self.lock:
            judge = plain(self._world.judge())
            return {
                "success": bool(self._world.success),
                "held_s": judge.get("held_s", 0.0),
                "judge": judge,
                "task": self._world.task,
                "sim_time_s": (self._steps - self._reset_steps) * PERIOD_NS / NS_PER_S,
                "t_ns": self._t_ns,
                "real_time_factor": round(self._factor.value(self._t_ns, self._steps * PERIOD_NS), 4),
                "slipped_s": self._slipped_ns / NS_PER_S,
                "torque": bool(self._servos.enabled.any()),
            }

    def truth(self) -> dict[str, Any]:
        """Return poses from the physics; JSON values."""
        with self.lock:
            truth: dict[str, Any] = plain(self._world.truth())
            return truth

    def _aim_at_present(self) -> None:
        """As after power-on: every goal register holds where its joint is."""
        for place, motor in enumerate(self._motors):  # by place: a program may change every id
            goal, present = motor.register("goal_position"), motor.register("present_position")
            table = self._bus.table(place)
            self._bus.program(place, goal.address, table[present.address : present.address + present.size])

    def _settings(self) -> ServoSettings:
        return ServoSettings.from_registers(
            self._motors, [self._bus.table(i) for i in range(len(self._motors))]
        )

    def _goals(self) -> ServoGoals:
        goals = self._bus.goals()
        return ServoGoals(
            torque_enable=np.asarray(goals.torque_enable) != 0,
            position_ticks=np.asarray(goals.goal_position_ticks, float),
            speed_ticks_s=np.asarray(goals.goal_speed_ticks_s, float),
            acceleration=np.asarray(goals.acceleration, float),
            torque_limit=np.asarray(goals.torque_limit_permille, float) / 1000,
            turn_speed_ticks_s=np.where(goals.turning, goals.turn_speed_ticks_s, np.nan),
        )

    def _publish(self, dt_s: float = 0.0) -> None:
        senses = self._world.joint_state()
        if self.hand.holds:  # a servo without torque measures no current, however it is pulled
            on = self._servos.enabled
            senses = replace(senses, effort=senses.effort * on, current_ma=senses.current_ma * on)
        self._bus.update(**_registers(self._servos.read(senses, dt_s)))


def _registers(reading: ServoReading) -> dict[str, NDArray[Any]]:
    return {
        "position_ticks": reading.position_ticks,
        "speed_ticks_s": reading.speed_ticks_s,
        "load_permille": reading.load_permille,
        "voltage_dv": reading.voltage_dv,
        "temperature_c": reading.temperature_c,
        "current_raw": reading.current_units,
        "moving": reading.moving,
        "status": reading.status,
    }
