"""A gamepad through pygame (extra `gamepad`): sticks move joints while a shoulder button is held."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ..errors import MotoriumError

DEAD_ZONE = 0.12
AXES = (0, 1, 4, 3)
"""Left stick x, y, right stick y, x: joints 1 to 4."""
HAT_JOINT, BUTTON_JOINT = 4, 5
DEAD_MAN, STOP, OPEN, CLOSE = 4, 1, 0, 2
"""Buttons: left shoulder, B, A, X on most pads."""


class Gamepad:
    """One gamepad.

    Attributes:
        dead_man: the left shoulder button was held at the last `read`.
        stopped: the stop button was pressed at the last `read`, or the pad is gone.
    """

    def __init__(self, joints: int, number: int = 0) -> None:
        """Open pad `number` for an arm of `joints` joints. Raises MotoriumError when there is none."""
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # no display is needed
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        try:
            import pygame
        except ImportError as error:
            raise MotoriumError(
                f"a gamepad needs pygame ({error}): pip install 'motorium[gamepad]'"
            ) from error
        self._pygame: Any = pygame
        pygame.init()
        pygame.joystick.init()
        count = pygame.joystick.get_count()
        if number >= count:
            raise MotoriumError(f"no gamepad {number}: {count} found; is it on, and may you read /dev/input?")
        self._pad: Any = pygame.joystick.Joystick(number)
        self._joints = joints
        self.dead_man = self.stopped = False

    def read(self) -> Sequence[float]:
        """Return J numbers of -1 to 1; all zero while the dead-man button is up."""
        pygame, pad = self._pygame, self._pad
        pygame.event.pump()
        self.dead_man = self._button(DEAD_MAN)
        self.stopped = self._button(STOP) or not pad.get_init()
        push = [0.0] * self._joints
        if not self.dead_man or self.stopped:
            return push
        for joint, axis in enumerate(AXES[: self._joints]):
            push[joint] = self._axis(axis)
        if self._joints > HAT_JOINT and pad.get_numhats():
            push[HAT_JOINT] = float(pad.get_hat(0)[0])
        if self._joints > BUTTON_JOINT:
            push[-1] = float(self._button(OPEN)) - float(self._button(CLOSE))
        return push

    def close(self) -> None:
        """Give the pad back; safe to call twice."""
        self._pygame.joystick.quit()

    def _axis(self, axis: int) -> float:
        value = float(self._pad.get_axis(axis)) if axis < self._pad.get_numaxes() else 0.0
        size = max(0.0, abs(value) - DEAD_ZONE) / (1.0 - DEAD_ZONE)
        return size if value > 0 else -size

    def _button(self, button: int) -> bool:
        return bool(button < self._pad.get_numbuttons() and self._pad.get_button(button))
