"""Attach an arm's last states to the error of its fault: readings, setpoints and goals, tick by tick."""

from __future__ import annotations

from typing import Any, TypeVar

from .. import _core
from .._core import GateCauses
from ..errors import MotoriumError

SHOWN = 5
"""Ticks in a table for a person; the error has more."""

Error = TypeVar("Error", bound=MotoriumError)


def with_last_states(error: Error, control: _core.Robot, joint_names: tuple[str, ...]) -> Error:
    """Give an error of the arm the ticks up to its fault, and return it."""
    error.last_states, error.joint_names = tuple(control.last_states()), joint_names
    return error


def plain(error: MotoriumError) -> list[dict[str, Any]]:
    """Return the last states of an error as plain values for JSON, oldest first."""
    return [state.as_dict() for state in error.last_states]


def table(error: MotoriumError) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of a short table: of every joint the measured angle and the goal sent, in radians."""
    states = error.last_states[-SHOWN:]
    rows = []
    for state in states:
        when = f"{(state.t_ns - states[-1].t_ns) / 1e6:.1f}"
        pairs = zip(state.position_rad, state.goal_rad, strict=True)
        cells = [f"{at:.3f}>{goal:.3f}" for at, goal in pairs]
        causes = ", ".join(str(one.name) for one in GateCauses if one in state.gate_causes)
        rows.append([when, state.mode.value, (causes or state.verdict.name).lower(), *cells])
    return ["ms", "mode", "gate", *error.joint_names], rows
