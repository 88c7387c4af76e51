"""Evaluate in closed loop and lock-step: the policy as deployed, with the runner's rhythm and committed rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._core import Precision
from ..children import spawned_pool
from ..errors import MotoriumError, SafetyError
from ..policies.base import Policy
from ..runtime.lockstep import VirtualClock, run_lockstep
from ..sim.lockstep import LockStep
from ..sim.scene import TRAINING_SEEDS_FROM
from ..sim.tasks import forced_colour
from ..sim.world import World
from ..specs.robot import RobotSpec
from ..specs.slots import slot_map

ENGINES = ("core", "torch")


@dataclass(frozen=True)
class EvalJob:
    """What to evaluate.

    Attributes:
        seed: scene of the first episode; episode i has scene `seed + i`, all below TRAINING_SEEDS_FROM.
        latency_s: what every inference takes in virtual time; the old plan goes on meanwhile.
        drawn: draw it instead from the robot's declared distribution; without one `latency_s` stays.
        age_s: of every observation when its inference starts.
        limit_s: simulated time after which an episode has failed.
        engine: "core" runs the C++ engine, "torch" the PyTorch network.
        precision: of the C++ engine's weights, a `Precision` or its text.
    """

    checkpoint: Path
    robot: str = "so101"
    task: str = "pick-to-tray"
    episodes: int = 100
    seed: int = 0
    latency_s: float = 0.05
    drawn: bool = False
    age_s: float = 0.03
    limit_s: float = 15.0
    processes: int = 2
    engine: str = "core"
    precision: Precision | str = Precision.FLOAT32


@dataclass(frozen=True)
class EpisodeResult:
    """The result of one episode.

    Attributes:
        time_s: simulated time until success was confirmed, or the limit.
        shortfalls: plans that needed more committed rows than the policy accepts; on a robot they are refused.
    """

    seed: int
    instruction: str
    success: bool
    time_s: float
    target_in_tray: bool
    wrong_cube: bool
    shortfalls: int = 0


@dataclass(frozen=True)
class EvalReport:
    """Totals; `wilson95` is the 95 % Wilson score interval of the success rate."""

    job: EvalJob
    results: tuple[EpisodeResult, ...]

    @property
    def successes(self) -> int:
        """Episodes that succeeded."""
        return sum(result.success for result in self.results)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        count, good = len(self.results), self.successes
        times = [result.time_s for result in self.results if result.success]
        return {
            "checkpoint": str(self.job.checkpoint),
            "robot": self.job.robot,
            "task": self.job.task,
            "engine": self.job.engine,
            "precision": str(self.job.precision),
            "seed": self.job.seed,
            "latency_s": self.job.latency_s,
            "latency_drawn": self.job.drawn,
            "age_s": self.job.age_s,
            "episodes": count,
            "successes": good,
            "success_rate": good / count,
            "wilson95": list(wilson(good, count)),
            "wrong_cube": sum(result.wrong_cube for result in self.results),
            "shortfalls": sum(result.shortfalls for result in self.results),
            "mean_time_s": float(np.mean(times)) if times else None,
            "per_episode": [asdict(result) for result in self.results],
        }


def wilson(successes: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion (Wilson, 1927)."""
    if count < 1:
        return 0.0, 1.0
    p, z2 = successes / count, z * z
    centre = (p + z2 / (2 * count)) / (1 + z2 / count)
    half = z * math.sqrt(p * (1 - p) / count + z2 / (4 * count * count)) / (1 + z2 / count)
    return max(0.0, centre - half), min(1.0, centre + half)


def check_job(job: EvalJob) -> None:
    """Raise MotoriumError for a training seed, an unknown task or engine, or no episodes."""
    forced_colour(job.task)
    if job.engine not in ENGINES:
        raise MotoriumError(f"unknown engine {job.engine!r}; engines: {', '.join(ENGINES)}")
    if job.episodes < 1:
        raise MotoriumError(f"episodes is {job.episodes}; at least 1 is needed")
    if not 0 <= job.seed <= TRAINING_SEEDS_FROM - job.episodes:
        raise MotoriumError(
            f"seeds {job.seed}..{job.seed + job.episodes - 1} overlap the training scenes (from "
            f"{TRAINING_SEEDS_FROM}) or are below 0; choose others"
        )


def evaluate(job: EvalJob, report: Callable[[EpisodeResult], None] | None = None) -> EvalReport:
    """Play all episodes and count. Raises MotoriumError as `check_job` does."""
    check_job(job)
    seeds = range(job.seed, job.seed + job.episodes)
    results = []
    for result in _play_all(job, seeds):
        results.append(result)
        if report is not None:
            report(result)
    return EvalReport(job, tuple(sorted(results, key=lambda r: r.seed)))


def _play_all(job: EvalJob, seeds: range) -> Any:
    if job.processes <= 1:
        for seed in seeds:
            yield _play(job, seed)
        return
    with spawned_pool(min(job.processes, len(seeds)), _limit_threads) as pool:
        yield from pool.imap_unordered(_Player(job), seeds)


def _limit_threads() -> None:
    """Give each process one thread: more would fight over the same cores."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)


@dataclass(frozen=True)
class _Player:
    job: EvalJob

    def __call__(self, seed: int) -> EpisodeResult:
        return _play(self.job, seed)


_open: dict[tuple[Path, str, str, str], tuple[Policy, LockStep]] = {}


def _play(job: EvalJob, seed: int) -> EpisodeResult:
    key = (job.checkpoint, job.engine, job.robot, str(job.precision))
    if key not in _open:
        spec = RobotSpec.load(job.robot)
        policy = load_policy(job.checkpoint, job.engine, job.precision)
        policy.bind(spec)
        _open[key] = (policy, LockStep(World(spec)))
    policy, play = _open[key]
    policy.seed(seed)
    return play_episode(policy, play, job, seed)


def load_policy(checkpoint: Path, engine: str, precision: Precision | str = Precision.FLOAT32) -> Policy:
    """Return the policy of a checkpoint folder on one of ENGINES. Raises CheckpointError."""
    if engine == "torch":
        from ..learn.torch_policy import TorchPolicy

        return TorchPolicy.load(checkpoint)
    from ..policies.load import load

    return load(checkpoint, precision=precision)


def play_episode(policy: Policy, play: LockStep, job: EvalJob, seed: int) -> EpisodeResult:
    """Play one episode on the stage `play`, in the runner's own rhythm; a tripped safety gate is a failure."""
    world = play.world
    world.reset(seed, job.task)
    play.restart()
    drawn = world.spec.latency if job.drawn else None
    clock = VirtualClock(job.limit_s, job.latency_s, job.age_s, drawn, seed)
    shortfalls = 0
    with suppress(SafetyError):
        report = run_lockstep(play, policy, slot_map(world.spec), world.task, clock, lambda: world.success)
        shortfalls = report.shortfalls
    judged, done = world.judge(), world.success
    return EpisodeResult(
        seed, world.task, done, world.time_s, judged["target_in_tray"], judged["wrong_in_tray"], shortfalls
    )
