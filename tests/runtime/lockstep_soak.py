"""Cycles of the real control loop in lock-step with emulated servos and random faults: a program, and a short test.

    python tests/runtime/lockstep_soak.py 1000000 > record.json

Every cycle is `ControlLoop.step`: read over the pseudo-terminal, gate, write. In one of a hundred cycles a
random servo has a random fault. Chunks walk the arm to and fro beyond its limits, so that the gate has work.
"""

from __future__ import annotations

import json
import math
import sys
import time
from typing import Any

import numpy as np

from motorium._core import ControlLoop
from motorium.motors.emulated import emulate
from motorium.robots.assembly import bus_config, control_config
from motorium.robots.spec import RobotSpec

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
TICK_NS, ROW_NS, TICKS_PER_RAD = 5_000_000, 50_000_000, 4096 / (2 * math.pi)
CHUNK_TICKS = 80


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
        config = bus_config(self.spec)
        config.reply_margin_s = 0.002
        self.loop = ControlLoop(control_config(self.spec, exit="release"), self.emulator.port, config)
        self.now_ns = 10**12
        self.injected = self.out_of_limits = self.faulted = 0

    def follow(self) -> None:
        ticks = np.rint(2048 + self.position * TICKS_PER_RAD).astype(np.int32)
        zero = np.zeros(len(ticks), np.int32)
        self.emulator.update(ticks, zero, zero, np.full(len(ticks), 74, np.int32))

    def begin(self) -> None:
        self.loop.enable(0.0)
        for _ in range(3):
            self.cycle(fault=False)
        if self.loop.mode != "holding":
            raise RuntimeError(f"no torque: {self.loop.stats()}")

    def cycle(self, *, fault: bool) -> None:
        if fault:
            kind = FAULTS[int(self.rng.integers(len(FAULTS)))]
            servo = int(self.rng.integers(1, 7))
            before = self.emulator.stats()["faults"]
            self.emulator.set_fault(kind, servo)
        self.now_ns += TICK_NS
        self.loop.step(self.now_ns)
        if fault:
            self.emulator.set_fault("none")
            self.injected += self.emulator.stats()["faults"] > before
        self.position += 0.3 * (self.loop.goal_rad - self.position)
        self.follow()

    def push(self) -> None:
        committed = self.loop.committed(self.now_ns, ROW_NS, 2)
        target = self.rng.uniform(self.lower - 0.3, self.upper + 0.3)
        share = np.linspace(0, 1, 14)[:, None]
        rows = np.vstack([committed, committed[-1] + share * (target - committed[-1])])
        self.loop.push_chunk(rows.astype(np.float32), self.now_ns, ROW_NS, 2)

    def judge(self) -> None:
        ticks = self.loop.telemetry()
        goals = ticks["goal_rad"].astype(float)
        outside = (goals < self.lower - 1e-5) | (goals > self.upper + 1e-5)
        steps = np.abs(np.diff(goals, axis=0)) > self.speed * TICK_NS * 1e-9 * 1.0001 + 1e-6
        self.out_of_limits += int(outside.any(axis=1).sum() + steps.any(axis=1).sum())
        self.faulted += int(np.count_nonzero(ticks["mode"] == 4))


def soak(cycles: int, seed: int = 0) -> dict[str, Any]:
    """Run so many cycles; what happened."""
    arm = Soak(seed)
    arm.begin()
    arm.loop.telemetry()
    start, begun = time.monotonic(), arm.loop.stats()["bus"]
    chances = arm.rng.random(cycles) < 0.01
    for i in range(cycles):
        if i % CHUNK_TICKS == 0:
            arm.push()
        arm.cycle(fault=bool(chances[i]))
        if i % 500 == 499:
            arm.judge()
    arm.judge()
    stats = arm.loop.stats()
    counted = {k: stats["bus"][k] - begun[k] for k in stats["bus"]}
    arm.loop.stop()
    return {
        "cycles": cycles,
        "seconds": round(time.monotonic() - start, 1),
        "faults_injected": arm.injected,
        "bus_counters": counted,
        "out_of_limit_commands": arm.out_of_limits,
        "ticks_in_fault": arm.faulted,
        "clamped": stats["clamped"],
        "underflows": stats["underflows"],
        "mode": stats["mode"],
    }


if __name__ == "__main__":
    print(json.dumps(soak(int(sys.argv[1]))))
