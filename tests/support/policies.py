"""Policies without a network: they draw a sine from the committed rows, with chosen latency and faults."""

from __future__ import annotations

import threading
import time

import numpy as np

from motorium.policies.base import Policy, PolicyInfo
from motorium.specs.robot import RobotSpec
from motorium.specs.slots import slot_map, valid_mask
from motorium.types import ActionChunk, Float32, Observation

SPEC = RobotSpec.load("so101")


class SinePolicy(Policy):
    """Swings shoulder_pan and keeps the other joints at home; continues exactly where the committed rows end."""

    info = PolicyInfo(rows=16, dt_s=0.05, execution_horizon=8, max_delay=6)

    def __init__(self, latency_s: float = 0.0) -> None:
        self.latency_s = latency_s
        self.calls = 0
        self.committed: list[int] = []
        self.seen: list[Observation] = []
        self.sleeper = threading.Event()
        self.map = slot_map(SPEC)
        self.home = np.array([joint.home_rad for joint in SPEC.joints], np.float32)

    def wanted(self, t_ns: int) -> Float32:
        pose = self.home.copy()
        pose[0] += 0.4 * np.sin(t_ns * 1e-9 * 2.0)
        return pose

    def spoil(self, rows: Float32) -> Float32:
        return rows

    def infer(self, obs: Observation, *, committed: Float32 | None) -> ActionChunk:
        self.calls += 1
        self.seen.append(obs)
        d = 0 if committed is None else len(committed)
        self.committed.append(d)
        if self.latency_s:
            self.sleeper.wait(self.latency_s)
        dt_ns = round(self.info.dt_s * 1e9)
        joints = np.array([self.wanted(obs.t_ns + i * dt_ns) for i in range(self.info.rows)], np.float32)
        if committed is not None:
            locked = self.map.gather_chunk(committed)
            gap = locked[-1] - joints[d - 1]
            fade = np.clip(1.0 - np.arange(self.info.rows - d + 1)[1:] / 6.0, 0.0, 1.0)
            joints[d:] += fade[:, None] * gap
            joints[:d] = locked
        rows = self.spoil(self.map.scatter_chunk(joints))
        return ActionChunk(rows, valid_mask(SPEC), obs.t_ns, self.info.dt_s, d)


class NanPolicy(SinePolicy):
    """Unusable from call `first` on, for `count` calls."""

    def __init__(self, first: int, count: int) -> None:
        super().__init__()
        self.bad = range(first, first + count)

    def spoil(self, rows: Float32) -> Float32:
        if self.calls in self.bad:
            rows[7, 52] = np.nan
        return rows


class BrokenPolicy(SinePolicy):
    """Raises at call `at`."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def spoil(self, rows: Float32) -> Float32:
        if self.calls == self.at:
            raise ArithmeticError("the network melted")
        return rows


class StallingPolicy(SinePolicy):
    """Takes `stall_s` at call `at`."""

    def __init__(self, at: int, stall_s: float) -> None:
        super().__init__(latency_s=0.02)
        self.at, self.stall_s = at, stall_s

    def spoil(self, rows: Float32) -> Float32:
        if self.calls == self.at:
            time.sleep(self.stall_s)
        return rows


class HalfPolicy(SinePolicy):
    """Does not speak for the gripper."""

    def infer(self, obs: Observation, *, committed: Float32 | None) -> ActionChunk:
        chunk = super().infer(obs, committed=committed)
        valid = chunk.valid.copy()
        valid[18] = False
        return ActionChunk(chunk.rows, valid, chunk.t0_ns, chunk.dt_s)
