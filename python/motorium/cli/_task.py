"""What --task means: the same in every verb."""

from __future__ import annotations

from ..errors import PromptError
from ..instructions import shortened


def check_task(robot: str, task: str | None, *, judged: bool = False, scene: str = "usual") -> None:
    """Refuse, before an arm is opened, a task's name where it means nothing, and a name of no task.

    Args:
        robot: as it was given; a real arm is told what to do in words.
        task: as it was given.
        judged: a simulated scene is laid out for the task, so that it has to be one that the simulator knows.
        scene: the variation of that scene.

    Raises:
        PromptError, SimulationError: with what can be given instead.
    """
    if task is None:
        return
    from ..sim import tasks
    from ..sim.scene import asked_colours
    from ..sim.variation import Variation
    from ..specs.robot import RobotSpec

    if ":" in robot:
        if RobotSpec.load(robot.partition(":")[2]).arms:  # no world judges several arms
            return
        if judged:
            tasks.forced_colour(task, asked_colours(Variation.load(scene)))
        elif tasks.resembles_name(task):
            raise PromptError(
                f"no simulated task has the name {shortened(task)}; known: {tasks.TASK}, or an instruction in words, "
                "such "
                f"as {tasks.instruction('red')!r}"
            )
        return
    if tasks.is_name(task):
        raise PromptError(
            f"{task!r} is the name of a simulated task, whose scenes draw their instructions; give a real arm its "
            f"instruction in words, such as {tasks.instruction('red')!r}"
        )
