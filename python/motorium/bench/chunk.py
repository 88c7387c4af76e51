"""How long one inference of the shipped checkpoint takes, alone and in a run, and where the difference goes.

    alone        back to back: weights in the nearest caches, the processor awake
    paced        one every 0.4 s, as the runner asks: caches have cooled, the core has slept
    beside_sim   paced, while the simulated arm is open: physics, rendering and 200 Hz control share the cores
    in_run       what `motorium run` and `motorium demo` report as chunk latency: waiting for the interpreter included

Beside each latency stands the processor time of the same calls. Where the two are equal and both longer than alone, the
work itself has become slower (cold caches and pages, a clock turned down); where latency is longer than processor time,
somebody else had the core.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..policies.load import load
from ..robots.robot import Robot
from ..runtime.run import run
from ..specs.robot import RobotSpec
from ..types import SLOTS, Observation

CHECKPOINT, ROBOT, TASK = "so101-pick", "so101", "put the red cube in the tray"
GAP_S = 0.4
"""Between two inferences of a run: 8 rows of 0.05 s."""


@dataclass(frozen=True)
class Latencies:
    """Milliseconds of wall and of processor time, one entry per inference."""

    wall_ms: tuple[float, ...]
    cpu_ms: tuple[float, ...]

    def as_dict(self) -> dict[str, float]:
        """Return p50 and p95 of both."""
        found = {}
        for name, values in (("", self.wall_ms), ("cpu_", self.cpu_ms)):
            if values:
                found[f"{name}p50_ms"] = round(float(np.percentile(values, 50)), 2)
                found[f"{name}p95_ms"] = round(float(np.percentile(values, 95)), 2)
        return found


def measure(count: int = 50, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Return `{"machine": ..., "alone": {...}, "paced": {...}, "beside_sim": {...}, "in_run": {...}}`, times in ms.

    Args:
        count: inferences of each kind; paced ones take 0.4 s each.
        say: called with a line of progress.
    """
    from .machine import machine

    policy = load(CHECKPOINT)
    spec = RobotSpec.load(ROBOT)
    grey = {camera.role: np.full((camera.height, camera.width, 3), 128, np.uint8) for camera in spec.cameras}
    observation = Observation(time.monotonic_ns(), np.zeros(SLOTS, np.float32), grey, TASK)
    committed = np.zeros((2, SLOTS), np.float32)
    policy.bind(spec)

    def timed(gap_s: float, look: Callable[[], object] = lambda: None) -> Latencies:
        policy.infer(observation, committed=committed)
        wall, cpu = [], []
        for _ in range(count):
            time.sleep(gap_s)
            look()
            begin, used = time.perf_counter(), time.thread_time()
            policy.infer(observation, committed=committed)
            wall.append(1e3 * (time.perf_counter() - begin))
            cpu.append(1e3 * (time.thread_time() - used))
        return Latencies(tuple(wall), tuple(cpu))

    found: dict[str, Any] = {"machine": machine()}
    say("alone")
    found["alone"] = timed(0.0).as_dict()
    say(f"paced: {count * GAP_S:.0f} s")
    found["paced"] = timed(GAP_S).as_dict()
    with Robot.open(f"sim:{ROBOT}") as robot:
        say(f"beside the simulator: {count * GAP_S:.0f} s")
        found["beside_sim"] = timed(GAP_S, lambda: robot.observe(TASK)).as_dict()
        say(f"in a run: {count * GAP_S:.0f} s")
        report = run(robot, policy, TASK, duration_s=count * GAP_S, until=lambda: False)
        found["in_run"] = Latencies(tuple(report.inference_ms), ()).as_dict()
    return found
