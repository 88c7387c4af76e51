"""Evaluate in closed loop and lock-step: the policy as deployed, with the runner's rhythm and committed rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .._core import Precision
from ..children import spawned_pool
from ..errors import CheckpointError, MotoriumError, SafetyError
from ..policies.base import Policy
from ..policies.load import chosen_precision, load
from ..runtime.lockstep import VirtualClock, run_lockstep
from ..sim.lockstep import LockStep
from ..sim.scene import TRAINING_SEEDS_FROM, asked_colours
from ..sim.tasks import forced_colour
from ..sim.variation import USUAL as USUAL_SCENES
from ..sim.variation import Variation
from ..sim.world import World
from ..specs.robot import RobotSpec
from ..specs.slots import slot_map
from .corruption import check_corruptions, corrupt
from .proportions import wilson
from .wrapped import Corrupted, Uncommitted, Watched

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
        precision: of the C++ engine's weights, a `Precision` or its text; None takes the checkpoint's.
        injected_s: added to what every inference takes.
        uac: hand the policy the committed rows (universal asynchronous chunking); without, every chunk starts anew.
        corrupt: what is done to pictures and words, some of `corruption.CORRUPTIONS`.
        steps: of the flow; None takes the checkpoint's.
        scene: a declared variation of the scenes (`sim.variation`).
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
    precision: Precision | str | None = None
    injected_s: float = 0.0
    uac: bool = True
    corrupt: tuple[str, ...] = ()
    steps: int | None = None
    scene: str = USUAL_SCENES

    def as_dict(self) -> dict[str, Any]:
        """Return what is evaluated and how, ready for JSON; settings of USUAL only where they differ from it."""
        changed = {
            "injected_latency_s": self.injected_s, "uac": self.uac, "corrupt": list(self.corrupt), "steps": self.steps,
            "scene": self.scene,
        }  # fmt: skip
        return {
            "checkpoint": str(self.checkpoint),
            "robot": self.robot,
            "task": self.task,
            "engine": self.engine,
            "precision": chosen_precision(self.precision, self.checkpoint).value,
            "seed": self.seed,
            "latency_s": self.latency_s,
            "latency_drawn": self.drawn,
            "age_s": self.age_s,
            **{name: value for name, value in changed.items() if value != USUAL[name]},
        }


USUAL: dict[str, Any] = {
    "injected_latency_s": 0.0,
    "uac": True,
    "corrupt": [],
    "steps": None,
    "scene": USUAL_SCENES,
}
"""Settings that results name only where they differ, so that those of earlier versions mean the same."""


@dataclass(frozen=True)
class EpisodeResult:
    """The result of one episode.

    Attributes:
        time_s: simulated time until success was confirmed, or the limit.
        shortfalls: plans that needed more committed rows than the policy accepts; on a robot they are refused. None
            are needed without `uac`.
        told: what the policy was told instead of `instruction`, where that differs.
        unlike: how unlike those of training its pictures were, by view, a mean over its plans; empty where the
            checkpoint cannot tell (`Policy.picture_distances`).
    """

    seed: int
    instruction: str
    success: bool
    time_s: float
    target_in_tray: bool
    wrong_cube: bool
    shortfalls: int = 0
    told: str | None = None
    unlike: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `told` and `unlike` only where there is something to tell."""
        absent = {name for name, value in (("told", self.told is None), ("unlike", not self.unlike)) if value}
        return {name: value for name, value in asdict(self).items() if name not in absent}


@dataclass(frozen=True)
class EvalReport:
    """Totals; `wilson95` is the 95 % Wilson score interval of the success rate."""

    job: EvalJob
    results: tuple[EpisodeResult, ...]

    @property
    def successes(self) -> int:
        """Episodes that succeeded."""
        return sum(result.success for result in self.results)

    @property
    def unlike(self) -> dict[str, float]:
        """How unlike those of training the pictures were, by view: the mean of all episodes."""
        told = [result.unlike for result in self.results if result.unlike]
        return {role: float(np.mean([unlike[role] for unlike in told])) for role in (told[0] if told else ())}

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        count, good = len(self.results), self.successes
        times = [result.time_s for result in self.results if result.success]
        return {
            **self.job.as_dict(),
            "episodes": count,
            "successes": good,
            "success_rate": good / count,
            "wilson95": list(wilson(good, count)),
            "wrong_cube": sum(result.wrong_cube for result in self.results),
            "shortfalls": sum(result.shortfalls for result in self.results),
            "mean_time_s": float(np.mean(times)) if times else None,
            **({"unlike": self.unlike} if self.unlike else {}),
            "per_episode": [result.as_dict() for result in self.results],
        }


def check_job(job: EvalJob) -> None:
    """Raise MotoriumError for a training seed, an unknown task, engine or corruption, or no episodes."""
    forced_colour(job.task, asked_colours(Variation.load(job.scene)))
    check_corruptions(job.corrupt)
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


_open: dict[tuple[Any, ...], tuple[Policy, LockStep]] = {}


def _play(job: EvalJob, seed: int) -> EpisodeResult:
    key = (job.checkpoint, job.engine, job.robot, str(job.precision), job.steps, job.scene)
    if key not in _open:
        spec = RobotSpec.load(job.robot)
        policy = load_policy(job.checkpoint, job.engine, job.precision)
        if job.steps is not None:
            _set_steps(policy, job.steps)
        policy.bind(spec)
        _open[key] = (policy, LockStep(World(spec, variation=Variation.load(job.scene))))
    policy, play = _open[key]
    policy.seed(seed)
    return play_episode(policy, play, job, seed)


def load_policy(checkpoint: Path, engine: str, precision: Precision | str | None = None) -> Policy:
    """Return the policy of a checkpoint folder on one of ENGINES. Raises CheckpointError."""
    if engine == "torch":
        from ..learn.torch_policy import TorchPolicy

        return TorchPolicy.load(checkpoint)
    return load(checkpoint, precision=precision)


def _set_steps(policy: Any, steps: int) -> None:
    """Let a policy take as many steps of its flow."""
    if not isinstance(getattr(policy, "steps", None), int):
        raise CheckpointError(
            f"{policy.info.name}: the number of flow steps cannot be chosen for this policy; leave --steps out"
        )
    policy.steps = steps


def play_episode(policy: Policy, play: LockStep, job: EvalJob, seed: int) -> EpisodeResult:
    """Play one episode on the stage `play`, in the runner's own rhythm; a tripped safety gate is a failure."""
    world = play.world
    world.reset(seed, job.task)
    told, watched = None, Watched(policy)
    policy = watched
    if job.corrupt:
        corruption = corrupt(world, job.corrupt)
        policy, told = Corrupted(policy, corruption), corruption.told
    if not job.uac:
        policy = Uncommitted(policy)
    play.restart()
    drawn = world.spec.latency if job.drawn else None
    clock = VirtualClock(job.limit_s, job.latency_s, job.age_s, drawn, seed, job.injected_s)
    shortfalls = 0
    with suppress(SafetyError):
        report = run_lockstep(play, policy, slot_map(world.spec), world.task, clock, lambda: world.success)
        shortfalls = report.shortfalls if job.uac else 0
    judged, done = world.judge(), world.success
    return EpisodeResult(
        seed,
        world.task,
        done,
        world.time_s,
        judged["target_in_tray"],
        judged["wrong_in_tray"],
        shortfalls,
        told,
        watched.unlike,
    )
