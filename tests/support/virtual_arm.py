"""Six virtual servos on a pseudo-terminal that follow their goals with a first-order lag, in a thread."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path
from types import TracebackType

import numpy as np

from motorium.motors.emulated import emulate
from motorium.specs.robot import DATA, RobotSpec
from motorium.specs.servo import MotorSpec

STIFFNESS = 8.0
"""Share of stall torque per radian of error."""


def quick_robot(folder: Path, robot: str = "so101", *, patient: bool = False, exit_: str = "park") -> str:
    """The declaration of `robot` with faster slews, so that a test need not watch an arm go to rest for two seconds.

    A `patient` one takes a busy machine for no lost reply and no silent servo, in tests of something else. `exit_` is
    what it does at its end: with `release` no test waits for its park.
    """
    text = (DATA / f"{robot}.toml").read_text(encoding="utf-8")
    quick = folder / f"{robot}.toml"
    changes = {"approach_velocity_share = 0.25": "approach_velocity_share = 0.9"}
    if patient:
        changes |= {
            "reply_margin_s = 0.004": "reply_margin_s = 0.03",
            "max_state_age_s = 0.1": "max_state_age_s = 0.3",
        }
    if exit_ != "park":
        changes['policy = "park"'] = f'policy = "{exit_}"'
    for shipped, changed in changes.items():
        assert shipped in text
        text = text.replace(shipped, changed)
    quick.write_text(text, encoding="utf-8")
    return str(quick)


class VirtualArm:
    """Owns a ServoEmulator; `with VirtualArm(spec) as arm:` keeps it moving until the end of the block."""

    def __init__(self, spec: RobotSpec, start_rad: np.ndarray | None = None, lag_s: float = 0.03) -> None:
        self.spec = spec
        self.zero = np.array([joint.zero_ticks for joint in spec.joints], float)
        self.sign = np.array([joint.sign for joint in spec.joints], float)
        rest = np.array([joint.rest_rad for joint in spec.joints])
        self.position_rad = rest.copy() if start_rad is None else np.array(start_rad, float)
        self.lag_s = lag_s
        self.largest_goal_step_rad = 0.0
        self.stuck = False
        self.blocked: int | None = None  # a joint that stands against something
        self.sag_rad = np.zeros(len(spec.joints))  # what a load keeps each joint from its goal
        self.temperature_c = 30
        self.emulator = emulate([joint.id for joint in spec.joints], spec.motor_names)
        motors = [MotorSpec.load(name) for name in spec.motor_names]
        self.ticks_per_rad = np.array([motor.ticks_per_turn for motor in motors]) / (2 * math.pi)
        self._voltage_dv = np.rint(10 * np.array([motor.supply_v for motor in motors])).astype(np.int32)
        self._stop = threading.Event()
        self._publish(np.zeros(len(spec.joints)))
        self._thread = threading.Thread(target=self._run, name="virtual-arm", daemon=True)

    def __enter__(self) -> VirtualArm:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.emulator.close()

    @property
    def torque(self) -> np.ndarray:
        return np.asarray(self.emulator.goals().torque_enable, bool)

    def goal_rad(self) -> np.ndarray:
        ticks = np.asarray(self.emulator.goals().goal_position_ticks, float)
        return (ticks - self.zero) * self.sign / self.ticks_per_rad

    def _publish(self, velocity: np.ndarray) -> None:
        ticks = np.rint(self.zero + self.sign * self.position_rad * self.ticks_per_rad).astype(np.int32)
        speed = np.rint(self.sign * velocity * self.ticks_per_rad).astype(np.int32)
        load = np.zeros(len(ticks), np.int32)
        if self.blocked is not None:  # a position controller pushes in proportion to its error
            j = self.blocked
            push = STIFFNESS * (self.goal_rad()[j] - self.position_rad[j]) * self.torque[j]
            load[j] = self.sign[j] * np.clip(1000 * push, -1000, 1000)
        temperature = np.full(len(ticks), self.temperature_c, np.int32)
        self.emulator.update(ticks, speed, load, self._voltage_dv, temperature)

    def _run(self) -> None:
        last = time.monotonic()
        goal_before: np.ndarray | None = None
        while not self._stop.wait(0.004):
            now = time.monotonic()
            dt, last = now - last, now
            powered, goal = self.torque, self.goal_rad()
            if powered.all() and goal_before is not None:
                step = float(np.abs(goal - goal_before).max()) / max(dt, 0.005)
                self.largest_goal_step_rad = max(self.largest_goal_step_rad, step * 0.005)
            goal_before = goal if powered.all() else None
            share = 0.0 if self.stuck else 1.0 - math.exp(-dt / self.lag_s)
            move = np.where(powered, share * (goal + self.sag_rad - self.position_rad), 0.0)
            if self.blocked is not None:
                move[self.blocked] = 0.0
            self.position_rad = self.position_rad + move
            self._publish(move / max(dt, 1e-3))
