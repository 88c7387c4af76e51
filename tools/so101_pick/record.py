"""Record demonstrations in several processes: seeds in, shards out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from motorium.children import spawned_pool
from motorium.errors import MotoriumError
from motorium.policies.find import find_checkpoint
from motorium.sim.scene import TRAINING_SEEDS_FROM
from motorium.specs.robot import RobotSpec

from .episodes import EpisodeParams, Stage, approach, correct, full, glance, hover, miss
from .features import prompt, scene_names
from .shards import DemoFrame, write_shard

KINDS = ("full", "miss", "approach", "glance", "hover", "correct")
SHARD_EPISODES = {"glance": 500, "hover": 250}
USUAL_SHARD_EPISODES = 50


@dataclass(frozen=True)
class RecordJob:
    """What to record.

    Attributes:
        counts: kind -> episodes.
        first_seed: offset above TRAINING_SEEDS_FROM; every episode has a seed of its own.
        checkpoint: the policy that drives "correct" episodes.
    """

    out: Path
    counts: dict[str, int]
    robot: str = "so101"
    first_seed: int = 0
    processes: int = 2
    checkpoint: Path | None = None
    params: EpisodeParams = field(default_factory=EpisodeParams)


@dataclass(frozen=True)
class _Task:
    job: RecordJob
    kind: str
    seeds: tuple[int, ...]
    shard: str


@dataclass(frozen=True)
class RecordTotals:
    """What a call of `record` has recorded.

    Attributes:
        frames: in the shards that were not there yet.
        episodes: that were asked for, those that were there already included.
        seconds: that it took.
    """

    frames: int
    episodes: int
    seconds: float


def record(job: RecordJob, report: Callable[[str], None] = print) -> RecordTotals:
    """Record and return totals. Raises MotoriumError for an unknown kind, a used folder or a bad seed."""
    unknown = sorted(set(job.counts) - set(KINDS))
    if unknown:
        raise MotoriumError(f"unknown kind(s) {', '.join(unknown)}; kinds: {', '.join(KINDS)}")
    if job.counts.get("correct") and job.checkpoint is None:
        raise MotoriumError("kind 'correct' needs a checkpoint: the policy to correct")
    if job.first_seed < 0:
        raise MotoriumError(f"first_seed is {job.first_seed}; it must not be negative")
    RobotSpec.load(job.robot)
    if job.checkpoint is not None:
        find_checkpoint(job.checkpoint)
    tasks = _tasks(job)
    job.out.mkdir(parents=True, exist_ok=True)
    start, frames, done = time.monotonic(), 0, 0
    with spawned_pool(job.processes) as pool:
        for task, count in pool.imap_unordered(_record_shard, tasks):
            frames, done = frames + count, done + 1
            seconds = time.monotonic() - start
            report(
                f"{done}/{len(tasks)} {task.shard}: {count} frames, {frames} in all, {frames / seconds:.0f}/s"
            )
    return RecordTotals(frames, sum(job.counts.values()), time.monotonic() - start)


def _tasks(job: RecordJob) -> list[_Task]:
    seed, tasks = TRAINING_SEEDS_FROM + job.first_seed, []
    for kind, count in job.counts.items():
        most = SHARD_EPISODES.get(kind, USUAL_SHARD_EPISODES)
        for start in range(0, count, most):
            size = min(most, count - start)
            name = f"{kind}-{seed - TRAINING_SEEDS_FROM:07d}"
            tasks.append(_Task(job, kind, tuple(range(seed, seed + size)), name))
            seed += size
    tasks.sort(
        key=lambda task: task.seeds[0] * 7919 % 1009
    )  # kinds mixed, so that an early stop leaves some of each
    return [task for task in tasks if not (job.out / task.shard / "manifest.json").exists()]


_stages: dict[str, Stage] = {}


def _record_shard(task: _Task) -> tuple[_Task, int]:
    stage = _stage(task.job)
    play = _player(task)
    frames: list[DemoFrame] = []
    for seed in task.seeds:
        frames += play(stage, seed)
    manifest = {
        "kind": task.kind,
        "robot": task.job.robot,
        "seeds": [task.seeds[0], task.seeds[-1]],
        "episodes": len(task.seeds),
        "cameras": [camera.role for camera in stage.spec.cameras],
        "joints": list(stage.spec.joint_names),
        "vocabulary": list(prompt().vocabulary),
        "scene": scene_names(),
        "dt_s": stage.play.row_s,
        "params": asdict(task.job.params),
    }
    write_shard(task.job.out / task.shard, frames, manifest)
    return task, len(frames)


def _stage(job: RecordJob) -> Stage:
    """Return the one world of this process: opening a renderer is slow."""
    if job.robot not in _stages:
        _stages[job.robot] = Stage(RobotSpec.load(job.robot), prompt(), job.params)
    return _stages[job.robot]


def _player(task: _Task) -> Callable[[Stage, int], list[DemoFrame]]:
    if task.kind == "correct":
        import torch

        from motorium.learn.torch_policy import TorchPolicy

        torch.set_num_threads(1)
        if task.job.checkpoint is None:
            raise MotoriumError("no checkpoint to correct")
        policy = TorchPolicy.load(task.job.checkpoint, seed=task.seeds[0])
        return lambda stage, seed: correct(stage, seed, policy)
    return {"full": full, "miss": miss, "approach": approach, "glance": glance, "hover": hover}[task.kind]
