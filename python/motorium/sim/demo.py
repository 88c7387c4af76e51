"""The demo: a checkpoint drives the simulated arm over its servo bus through N fresh scenes, and is judged.

Every episode starts from the robot's home pose with a scene laid for its seed; it ends on success or at the limit.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..errors import MotoriumError
from ..files import write_json
from ..instructions import check_instruction
from .report import FILM, REPORT, SHEET, EpisodePictures, Shot, write_film, write_sheet
from .scene import TRAINING_SEEDS_FROM

if TYPE_CHECKING:
    from .._core import LoopStats
    from ..policies.base import Policy
    from ..robots.robot import Robot

FILM_HZ = 10.0


@dataclass(frozen=True)
class DemoPlan:
    """What to show. `task` forces one instruction; None lets every scene draw its own."""

    checkpoint: str
    episodes: int = 10
    seed: int = 0
    task: str | None = None
    robot: str = "sim:so101"
    limit_s: float = 15.0

    def __post_init__(self) -> None:
        if self.task is not None:
            check_instruction(self.task)

    def scene_seed(self, index: int) -> int:
        """Return the seed of episode `index`: `--seed S --episodes 1` replays the scene that a report calls S."""
        return (self.seed + index) % TRAINING_SEEDS_FROM


@dataclass(frozen=True)
class EpisodeResult:
    """How one episode went.

    Attributes:
        wrong_cube: another cube than the one asked for came to lie in the tray.
        shortfalls: plans that needed more committed rows than the policy accepts.
    """

    index: int
    seed: int
    task: str
    success: bool
    wrong_cube: bool
    time_s: float
    pictures: EpisodePictures = field(repr=False, compare=False)
    shortfalls: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without pictures."""
        return {
            "seed": self.seed,
            "task": self.task,
            "success": self.success,
            "wrong_cube": self.wrong_cube,
            "time_s": round(self.time_s, 2),
        }


class Audience(Protocol):
    """Observes a demo; called from the thread that runs it."""

    def begins(self, index: int, seed: int, task: str) -> None:
        """Take note of an episode that starts."""
        ...

    def watches(self, index: int, time_s: float, judge: dict[str, Any]) -> None:
        """Follow the episode, a few times a second."""
        ...

    def ends(self, result: EpisodeResult) -> None:
        """Take note of its end."""
        ...


class Filming:
    """Takes a picture of every camera at a steady rate, on a thread of its own, while control goes on."""

    def __init__(self, cameras: dict[str, Any], rate_hz: float = FILM_HZ) -> None:
        self.shots: list[Shot] = []
        self._cameras = cameras
        self._period_s = 1.0 / rate_hz
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._film, name="film", daemon=True)

    def __enter__(self) -> Filming:
        self._begin = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _film(self) -> None:
        while True:
            try:
                images = {role: camera.read_latest().image.copy() for role, camera in self._cameras.items()}
            except (
                MotoriumError
            ):  # the policy reads the same cameras and tells the reason; the film just ends
                return
            self.shots.append(Shot(time.monotonic() - self._begin, images))
            if self._over.wait(self._period_s):
                return


@dataclass(frozen=True)
class DemoReport:
    """A finished demo. Times in the figures are in the units their names say."""

    plan: DemoPlan
    results: tuple[EpisodeResult, ...]
    transport: str
    latencies_ms: tuple[float, ...]
    control: LoopStats

    @property
    def successes(self) -> int:
        """Episodes the judge called a success."""
        return sum(result.success for result in self.results)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures that `motorium demo --json` prints."""
        p50, p95 = np.percentile(self.latencies_ms or (0.0,), (50, 95))
        control, count = self.control, len(self.results)
        return {
            "robot": self.plan.robot,
            "transport": self.transport,
            "checkpoint": self.plan.checkpoint,
            "seed": self.plan.seed,
            "episodes": count,
            "successes": self.successes,
            "success_rate": round(self.successes / count, 4),
            "chunk_latency_ms": {"p50": round(float(p50), 2), "p95": round(float(p95), 2)},
            "control": {
                "rate_hz": control.rate_hz,
                "ticks": control.ticks,
                "missed": control.missed,
                "period_us": {"p50": control.period_us.p50, "p99": control.period_us.p99},
            },
            "bus": {name: getattr(control.bus, name) for name in ("cycles", "crc_errors", "timeouts")},
            "safety": control.safety.as_dict(),
            "underflows": control.underflows,
            "late_chunks": control.late_chunks,
            "shortfalls": sum(result.shortfalls for result in self.results),
        }

    def write(self, folder: Path) -> list[Path]:
        """Write the contact sheet, the film of the first episode and, last, report.json. Returns the paths."""
        pictures = [result.pictures for result in self.results]
        write_sheet(folder / SHEET, pictures)
        written = [folder / SHEET]
        first = pictures[0]
        roles = sorted(first.shots[0].images) if first.shots else []
        if write_film(folder / FILM, first, roles=roles):
            written.append(folder / FILM)
        write_json(
            folder / REPORT, {**self.as_dict(), "results": [result.as_dict() for result in self.results]}
        )
        return [*written, folder / REPORT]


def run_demo(
    plan: DemoPlan,
    audience: Audience,
    policy: Policy | None = None,
    guard: Callable[[Robot], AbstractContextManager[object]] = nullcontext,
    ended: Callable[[], bool] = lambda: False,
) -> DemoReport:
    """Open the robot, run every episode, bring it to rest.

    Args:
        plan: what to show.
        audience: hears of every episode.
        policy: what drives the arm; None loads `plan.checkpoint`.
        guard: entered with the robot before it has torque, such as `motorium.operator.estop.stop_keys`.
        ended: asked about 20 times a second; ends the episode, and the demo with it.

    Raises MotoriumError; the robot is at rest whichever way it ends.
    """
    from ..robots.robot import Robot

    if policy is None:
        from ..policies.load import load

        policy = load(plan.checkpoint, seed=plan.seed)
    results: list[EpisodeResult] = []
    latencies_ms: list[float] = []
    over = False

    def is_over() -> bool:
        nonlocal over
        over = over or ended()
        return over

    robot = Robot.open(plan.robot, seed=plan.scene_seed(0))
    with closing(robot), guard(robot), robot:
        transport = "pty" if os.path.realpath(robot.port).startswith("/dev/pts/") else "serial"
        for index in range(plan.episodes):
            if results and is_over():
                break
            result, latency_ms = _run_episode(robot, policy, plan, index, audience, is_over)
            latencies_ms += latency_ms
            if index > 0:  # the film shows the first episode; of the others the sheet needs three shots
                result = replace(result, pictures=result.pictures.for_sheet())
            results.append(result)
        control = robot.control.stats()
    return DemoReport(plan, tuple(results), transport, tuple(latencies_ms), control)


def _run_episode(
    robot: Robot, policy: Policy, plan: DemoPlan, index: int, audience: Audience, ended: Callable[[], bool]
) -> tuple[EpisodeResult, tuple[float, ...]]:
    from ..runtime.run import drive
    from ..runtime.runner import Runner

    world, seed = robot.world, plan.scene_seed(index)
    robot.home()
    task = str(world.reset(seed, task=plan.task, arm="keep")["task"])
    audience.begins(index, seed, task)
    status: dict[str, Any] = world.status()

    def done() -> bool:
        nonlocal status
        status = world.status()
        return bool(status["success"])

    with Filming(dict(robot.cameras)) as filming:
        report = drive(
            Runner(robot, policy, task),
            plan.limit_s,
            until=done,
            on_progress=lambda time_s: audience.watches(index, time_s, status["judge"]),
            ended=ended,
        )
    wrong = bool(status["judge"]["wrong_in_tray"])
    outcome = "success" if report.success else "wrong cube in the tray" if wrong else "not done in time"
    detail = f"scene {seed}: {outcome}, {report.duration_s:.1f} s"
    pictures = EpisodePictures(
        f"{index + 1}. {task}", detail, success=bool(report.success), shots=tuple(filming.shots)
    )
    result = EpisodeResult(
        index, seed, task, bool(report.success), wrong, report.duration_s, pictures, report.shortfalls
    )
    audience.ends(result)
    return result, report.inference_ms
