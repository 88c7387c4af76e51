"""`motorium.run`: a policy, a robot, a task."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from .report import RunReport
from .runner import Runner, watch, world_judges

if TYPE_CHECKING:
    from ..policies.base import Policy
    from ..robots.robot import Robot

__all__ = ["RunReport", "drive", "run"]


def run(
    robot: Robot,
    policy: Policy,
    task: str,
    duration_s: float = 20.0,
    *,
    until: Callable[[], bool] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> RunReport:
    """Let `policy` drive an open robot. The arm goes home first and holds where it is at the end.

    The end (time, `until`, an exception, Ctrl-C) never waits for the policy: the arm holds first.

    Args:
        robot: inside its `with` block.
        policy: what `motorium.load` returns, or anything with `infer`. One with `bind` is bound to the robot first.
        task: the instruction.
        duration_s: stop after this long.
        until: stop condition, asked about 20 times a second in the calling thread; None asks the simulated world,
            where there is one: a scene is laid in which `task` can be done, if it knows that task.
        on_progress: called as often with the elapsed seconds.

    Raises:
        BindingError: the policy's inputs or outputs do not match the robot's, or its plans would come too late:
            then `drive` with a synchronous runner is the way.
        PromptError: the policy knows no word of the task. Of words that it does not know a warning tells.
        CameraError, BusError, SafetyError: the robot cannot see or move any more, or nothing was commanded at all; or
            whatever `policy.infer` raised. The arm holds; leaving the `with` block brings it to rest.
    """
    return drive(Runner(robot, policy, task), duration_s, until=until, on_progress=on_progress)


def drive(
    runner: Runner,
    duration_s: float = 20.0,
    *,
    until: Callable[[], bool] | None = None,
    on_progress: Callable[[float], None] | None = None,
    ended: Callable[[], bool] | None = None,
) -> RunReport:
    """Run like `run` with your own runner, such as a synchronous one: `Runner(robot, policy, task, sync=True)`.

    `ended`, asked as often as `until`, ends the run as the end of its time does: a person has seen enough.
    """
    robot = runner.robot
    until = until or world_judges(robot, runner.task)
    try:
        runner.warm_up()
        robot.home()
        before = robot.control.stats()
        runner.start()
        with _time_limit(runner, duration_s):
            success, elapsed_s = watch(runner, duration_s, until, on_progress, ended)
    finally:
        _stop(runner)
    if success is not True and elapsed_s >= duration_s:  # else somebody has seen enough
        runner.require_motion(elapsed_s)
    return runner.report(success, elapsed_s, before)


@contextlib.contextmanager
def _time_limit(runner: Runner, duration_s: float) -> Iterator[None]:
    """Hold the arm when the time is up, also while `until` or `on_progress` keeps the caller's thread."""
    timer = threading.Timer(min(duration_s, threading.TIMEOUT_MAX), runner.halt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _stop(runner: Runner) -> None:
    """Also where a second Ctrl-C comes in the middle of it."""
    try:
        runner.stop()
    except KeyboardInterrupt:
        runner.stop()
        raise
