"""Scenes for a program that motorium does not run: laid out one after the other, judged, reported as plain values."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .backend import SimWorldClient
from .scene import TRAINING_SEEDS_FROM

POLL_S = 0.05

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Contest:
    """Which scenes are laid out.

    Attributes:
        seed: of the first scene; the next have the next seeds, as in `motorium demo`.
        episodes: how many.
        task: instruction of every scene; None: each scene draws its own.
        limit_s: after that an episode is over. The clock starts when the arm has torque.
    """

    seed: int
    episodes: int
    task: str | None
    limit_s: float


def judge_episodes(
    world: SimWorldClient, contest: Contest, tell: Tell, over: threading.Event, skip: threading.Event
) -> int:
    """Lay out and judge every scene; return how many succeeded. The arm stays where the program leaves it.

    Args:
        world: of a running simulator.
        contest: the scenes.
        tell: gets a scene when it lies there, its outcome, and a summary at the end.
        over: ends the contest where it is.
        skip: ends the episode that runs; cleared then.

    Raises SimulationError: an unknown task, or the simulator has died.
    """
    successes = done = 0
    for index in range(contest.episodes):
        seed = (contest.seed + index) % TRAINING_SEEDS_FROM
        task = str(world.reset(seed, contest.task)["task"])
        scene = {"episode": index, "seed": seed, "task": task}
        tell({"event": "scene", **scene})
        outcome = _judge(world, contest.limit_s, over, skip)
        if outcome is None:
            break
        tell({"event": "outcome", **scene, **outcome})
        successes += outcome["success"]
        done += 1
    tell({"event": "summary", "episodes": done, "successes": successes})
    return successes


def _judge(
    world: SimWorldClient, limit_s: float, over: threading.Event, skip: threading.Event
) -> dict[str, Any] | None:
    """Return the outcome of the scene that lies there; None when the contest was ended."""
    begin_s: float | None = None
    while not over.wait(POLL_S):
        status = world.status()
        now_s = time.monotonic()
        if begin_s is None and status["torque"]:
            begin_s = now_s
        elapsed_s = 0.0 if begin_s is None else now_s - begin_s
        reason = ""
        if status["success"]:
            reason = "done"
        elif status["judge"]["wrong_in_tray"]:
            reason = "wrong cube in the tray"
        elif skip.is_set():
            reason = "skipped"
        elif elapsed_s > limit_s:
            reason = "not done in time"
        if reason:
            skip.clear()
            return {"success": reason == "done", "reason": reason, "time_s": round(elapsed_s, 2)}
    return None
