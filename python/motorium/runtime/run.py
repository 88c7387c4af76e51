"""`motorium.run`: a policy, a robot, a task."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .runner import Runner, RunReport, watch, world_judges

if TYPE_CHECKING:
    from ..robots.robot import Robot
    from ..types import Policy

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
    """Let `policy` drive an open robot. The arm goes home first and holds its last position at the end.

    Args:
        robot: inside its `with` block.
        policy: what `motorium.load` returns, or anything with `infer`. One with `bind` is bound to the robot first.
        task: the instruction.
        duration_s: stop after this long.
        until: stop condition, asked about 20 times a second in the calling thread; None asks the simulated world,
            where there is one: a scene is laid in which `task` can be done, if it knows that task.
        on_progress: called as often with the elapsed seconds.

    Raises:
        BindingError: the policy's inputs or outputs do not match the robot's.
        CameraError, BusError, SafetyError: the robot cannot see or move any more; or whatever `policy.infer` raised.
            The arm holds; leaving the `with` block brings it to rest.
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
    """`run` with a runner of one's own, such as a synchronous one: `Runner(robot, policy, task, sync=True)`.

    `ended`, asked as often as `until`, ends the run as the end of its time does: a person has seen enough.
    """
    robot = runner.robot
    until = until or world_judges(robot, runner.task)
    runner.warm_up()
    robot.home()
    before = robot.control.stats()
    runner.start()
    try:
        success, elapsed_s = watch(runner, duration_s, until, on_progress, ended)
    finally:
        runner.stop()
    return runner.report(success, elapsed_s, before)
