"""What --task means: the same in every verb."""

from __future__ import annotations

from ..errors import PromptError


def check_task(robot: str, task: str | None) -> None:
    """Refuse the name of a simulated task for a real arm, which is told what to do in words. Raises PromptError."""
    if task is None or ":" in robot:
        return
    from ..sim import tasks

    if tasks.is_name(task):
        raise PromptError(
            f"{task!r} is the name of a simulated task, whose scenes draw their instructions; a real arm is told what "
            f"to do in words, such as {tasks.instruction('red')!r}"
        )
