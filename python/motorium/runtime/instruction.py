"""What a policy is told: the instruction that a task's name, or another spelling of it, stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..robots.robot import Robot


def instruction_for(robot: Robot, task: str) -> str:
    """Ask the robot's world what `task` means; without a world, or an answer, returns `task` itself."""
    ask = getattr(robot.world, "instruction_for", None)
    return task if ask is None else str(ask(task))
