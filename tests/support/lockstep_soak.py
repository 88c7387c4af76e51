"""Cycles of the real control loop in lock-step with emulated servos and random faults: a program, and a short test.

    python tests/support/lockstep_soak.py 1000000 > record.json

Every cycle is `_core.Robot.step`: read over the pseudo-terminal, gate, write. In one of a hundred cycles a
random servo has a random fault. Chunks walk the arm to and fro beyond its limits, so that the gate has work. Now
and then no servo answers for so long that the loop goes into fault: whatever the reason, it is released and enabled
again, and every tick in which a goal that follows a plan went through the gate counts as commanded.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import Any

import numpy as np
from servo_arm import TICKS_PER_RAD

from motorium import _core
from motorium._core import Mode, ServoFault
from motorium.motors.emulated import emulate
from motorium.robots.config import robot_config
from motorium.specs.robot import RobotSpec

FAULTS = (
    "drop",
    "corrupt",
    "truncate",
    "duplicate",
    "wrong_id",
    "wrong_length",
    "garbage_before",
    "garbage_after",
)
TICK_NS, ROW_NS = 5_000_000, 50_000_000
CHUNK_TICKS = 80
JUDGED_TICKS = 500
BREAKDOWN_EVERY, BREAKDOWN_TICKS = 20_000, 60
"""Cycles from one silence to the next, and how long it is: `LoopConfig` goes into fault after 40 bad reads."""
MOVING, RUNNING, HOLDING, FAULT = 1, 2, 3, 4
PASS, CLAMPED = 0, 1
RECOVERY_TICKS = 20


class Soak:
    """One arm, its faults, and what has been seen so far."""

    def __init__(self, seed: int) -> None:
        self.spec = RobotSpec.load("so101")
        self.rng = np.random.default_rng(seed)
        self.lower = np.array([j.lower_rad for j in self.spec.joints])
        self.upper = np.array([j.upper_rad for j in self.spec.joints])
        self.speed = np.array([j.max_velocity_rad_s for j in self.spec.joints])
        self.emulator = emulate([j.id for j in self.spec.joints], self.spec.motor_names)
        self.position = np.array([j.home_rad for j in self.spec.joints])
        self.follow()
        config = robot_config(self.spec, exit="release")
        bus = config.buses[0]
        bus.reply_margin_s = 0.002
        config.buses = [bus]
        self.loop = _core.Robot(config, [self.emulator.port])
        self.now_ns = 10**12
        self.injected = self.out_of_limits = self.faulted = self.commanded = 0
        self.recoveries: Counter[str] = Counter()
        self.last: tuple[bool, Any] = (False, None)

    def follow(self) -> None:
        ticks = np.rint(2048 + self.position * TICKS_PER_RAD).astype(np.int32)
        zero = np.zeros(len(ticks), np.int32)
        self.emulator.update(ticks, zero, zero, np.full(len(ticks), 74, np.int32))

    def begin(self) -> None:
        self.loop.enable(0.0)
        for _ in range(3):
            self.cycle(fault=False)
        if self.loop.mode is not Mode.HOLDING:
            raise RuntimeError(f"no torque: {self.loop.stats()}")

    def recover(self) -> int:
        """From a fault back to torque, as a user would; how many cycles that took."""
        self.recoveries[self.loop.reason.value] += 1
        self.loop.release()
        self.loop.accept_position()
        for cycles in range(1, RECOVERY_TICKS):
            self.cycle(fault=False)
            if self.loop.mode is Mode.HOLDING:
                self.push()
                return cycles
            if self.loop.mode is not Mode.FAULT:
                self.loop.enable(0.0)
        raise RuntimeError(f"it does not recover: {self.loop.stats()}")

    def cycle(self, *, fault: bool) -> None:
        if fault:
            kind = FAULTS[int(self.rng.integers(len(FAULTS)))]
            servo = int(self.rng.integers(1, 7))
            before = self.emulator.stats().faults
            self.emulator.set_fault(ServoFault(kind), servo)
        self.now_ns += TICK_NS
        self.loop.step(self.now_ns)
        if fault:
            self.emulator.set_fault(ServoFault.NONE)
            self.injected += self.emulator.stats().faults > before
        self.position += 0.3 * (self.loop.goal_rad - self.position)
        self.follow()

    def push(self) -> None:
        committed = self.loop.committed_joints(self.now_ns, ROW_NS, 2)
        target = self.rng.uniform(self.lower - 0.3, self.upper + 0.3)
        share = np.linspace(0, 1, 14)[:, None]
        rows = np.vstack([committed, committed[-1] + share * (target - committed[-1])])
        self.loop.push_joints(rows.astype(np.float32), self.now_ns, ROW_NS, 2)

    def judge(self) -> None:
        ticks = self.loop.telemetry()
        if not len(ticks):
            return
        goals = ticks["goal_rad"].astype(float)
        sent = np.isin(ticks["mode"], (MOVING, RUNNING, HOLDING))
        # The first goal after an enable is where the arm is, wherever it was before.
        follows = np.concatenate([[self.last[0]], sent[:-1]]) & sent
        before = np.vstack([goals[0] if self.last[1] is None else self.last[1], goals[:-1]])
        outside = (goals < self.lower - 1e-5) | (goals > self.upper + 1e-5)
        steps = np.abs(goals - before) > self.speed * TICK_NS * 1e-9 * 1.0001 + 1e-6
        self.out_of_limits += int((outside.any(axis=1) & sent).sum() + (steps.any(axis=1) & follows).sum())
        self.faulted += int(np.count_nonzero(ticks["mode"] == FAULT))
        through = np.isin(ticks["verdict"], (PASS, CLAMPED))
        self.commanded += int(np.count_nonzero((ticks["mode"] == RUNNING) & through))
        self.last = bool(sent[-1]), goals[-1]


def soak(cycles: int, seed: int = 0, breakdown_every: int = BREAKDOWN_EVERY) -> dict[str, Any]:
    """Run so many cycles; what happened."""
    arm = Soak(seed)
    arm.begin()
    arm.loop.telemetry()
    start, begun = time.monotonic(), arm.loop.stats().bus
    chances = arm.rng.random(cycles) < 0.01
    done, judged = 0, 0
    while done < cycles:
        if done % CHUNK_TICKS == 0:
            arm.push()
        into = (done + breakdown_every // 2) % breakdown_every
        if into in (0, BREAKDOWN_TICKS):
            arm.emulator.set_fault(ServoFault.DROP if into == 0 else ServoFault.NONE)
        silent = into < BREAKDOWN_TICKS
        arm.cycle(fault=bool(chances[done]) and not silent)
        done += 1
        if arm.loop.mode is Mode.FAULT and not silent:
            done += arm.recover()
        if done - judged >= JUDGED_TICKS:
            arm.judge()
            judged = done
    arm.judge()
    stats = arm.loop.stats()
    counted = {k: getattr(stats.bus, k) - getattr(begun, k) for k in stats.bus.fields}
    arm.loop.stop()
    return {
        "cycles": done,
        "seconds": round(time.monotonic() - start, 1),
        "commanded": arm.commanded,
        "commanded_share": round(arm.commanded / done, 5),
        "faults_injected": arm.injected,
        "bus_counters": counted,
        "out_of_limit_commands": arm.out_of_limits,
        "ticks_in_fault": arm.faulted,
        "recoveries": dict(arm.recoveries),
        "clamped": stats.clamped,
        "underflows": stats.underflows,
        "mode": stats.mode.value,
    }


if __name__ == "__main__":
    print(json.dumps(soak(int(sys.argv[1]))))
