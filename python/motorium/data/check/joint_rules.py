"""Judge the motion of one episode: an arm that waits, jumps, leans on a limit, does not grip, or is held.

Thresholds are in radians and brought into the unit of the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from ..format.joint_units import Unit, is_gripper, joint
from ..format.schema import Schema
from .case import ACTION, COMMANDED, STATE, Case, Float, runs
from .findings import WITHOUT, Finding

STILL_S, STILL_RAD = 2.0, 0.004
"""Nothing moves for longer than this by more than that: an arm that waits."""
JUMP_RAD, JUMP_FACTOR = 0.3, 8.0
"""A step in one row above both: that many radians, and so many times the 90th percentile of all steps."""
CONTACT_RAD, CONTACT_S = 0.01, 0.5
"""At a joint limit, closer than this, for longer than that."""
GRIPPER_FRACTION = 0.05
"""Fraction of its travel that a gripper moves at least in an episode."""
LAG_RAD, LAG_S = 0.35, 0.5
"""The arm is farther than this from its setpoint for longer than that: something holds it."""


def still(case: Case) -> Iterator[Finding]:
    """Find an arm that does nothing."""
    state, action = case.joints(STATE), case.joints(ACTION)
    if state is None:
        return
    both = np.hstack([values * unit.in_rad for values, unit in (state, action or state)])
    width = max(1, round(STILL_S * case.fps))
    if len(both) <= width:
        return
    moved = np.abs(both[width:] - both[:-width]).max(axis=1)
    # Quiet at both ends of the window and all through it.
    step = np.concatenate([[0.0], np.abs(np.diff(both, axis=0)).max(axis=1)])
    for start, stop in runs((moved < STILL_RAD) & (step[: len(moved)] < STILL_RAD), 1):
        seconds = (stop - start + width) / case.fps
        yield case.finding(
            "static",
            start,
            f"nothing moves for {seconds:.1f} s",
            "record it again, or leave it: its rows are right",
        )


def jumps(case: Case) -> Iterator[Finding]:
    """Find joints that leap.

    An action says where the plan was to be one row later; a new plan may leave that behind, and the action then makes
    up for two rows in one. Where the commands themselves were recorded, those are judged.
    """
    for key in (STATE, ACTION if case.column(COMMANDED) is None else COMMANDED):
        found = case.joints(key)
        if found is None or len(found[0]) < 8 or not np.isfinite(found[0]).all():
            continue
        values, unit = found
        steps = np.abs(np.diff(values, axis=0))
        usual = JUMP_FACTOR * np.quantile(steps, 0.9, axis=0)
        rows, places = np.nonzero(steps > np.maximum(JUMP_RAD / unit.in_rad, usual) * _lengths(case))
        for row, i in zip(rows.tolist(), places.tolist(), strict=True):
            detail = f"{case.name(key, i)} of {key} jumps by {unit.amount(steps[row, i])} in one row"
            yield case.finding(
                "joint_jump", row + 1, detail, f"check cable and calibration of that joint; {WITHOUT}"
            )


def _lengths(case: Case) -> Float:
    """Return (N - 1, 1) periods that each step took, at least one: a late row has come farther."""
    times, steps = case.column("row_s"), case.episode.length - 1
    if times is None or len(times) != steps + 1 or not np.isfinite(times).all():
        return np.ones((steps, 1))
    return np.maximum(1.0, np.diff(times[:, :1], axis=0) * case.fps)


def contact(case: Case) -> Iterator[Finding]:
    """Find joints that lean on their limit."""
    for name, values, (lower, upper), unit in _limited(case, gripper=False):
        close = np.minimum(values - lower, upper - values) < CONTACT_RAD / unit.in_rad
        for start, stop in runs(close, round(CONTACT_S * case.fps)):
            detail = f"{name} stands at its limit for {(stop - start) / case.fps:.1f} s"
            yield case.finding("limit_contact", start, detail, "move the workpiece or the arm's base")


def gripper(case: Case) -> Iterator[Finding]:
    """Find a gripper that does not grip, or leaves its travel."""
    for name, values, (lower, upper), unit in _limited(case, gripper=True):
        travel = upper - lower
        if np.ptp(values) < GRIPPER_FRACTION * travel:
            detail = f"{name} moves by {unit.amount(float(np.ptp(values)))} within {unit.amount(travel)}"
            yield case.finding(
                "gripper_range", None, detail, "was the gripper connected? record the episode again"
            )
        beyond = np.maximum(lower - values, values - upper)
        if beyond.max() > GRIPPER_FRACTION * travel:
            row = int(beyond.argmax())
            detail = f"{name} is at {unit.amount(values[row])}, its travel is {lower:.4g} to {upper:.4g}"
            yield case.finding("gripper_range", row, detail, "calibrate the gripper again")


def _limited(case: Case, *, gripper: bool) -> Iterator[tuple[str, Float, tuple[float, float], Unit]]:
    """Return joints of the state whose limits are known."""
    found = case.joints(STATE)
    if found is None:
        return
    values, unit = found
    for i, name in enumerate((case.dataset.schema.feature(STATE).names or ())[: values.shape[1]]):
        limits = unit.limits.get(joint(name))
        if limits is not None and is_gripper(name) == gripper:
            yield joint(name), values[:, i], limits, unit


def lag(case: Case) -> Iterator[Finding]:
    """Find an arm that does not follow its setpoints, where they were recorded, else the action of the row before."""
    source = setpoints(case.dataset.schema, case.units)
    state, wanted = case.joints(STATE), None if source not in (COMMANDED, ACTION) else case.joints(source)
    if state is None or wanted is None:
        return
    values, asked = state[0] * state[1].in_rad, wanted[0] * wanted[1].in_rad
    away = np.abs(values - asked) if source == COMMANDED else np.abs(values[1:] - asked[:-1])
    later = len(values) - len(away)
    for i in range(away.shape[1]):
        name = case.name(STATE, i)
        if is_gripper(name):
            continue  # a closed gripper is meant to be held open by what it holds
        for start, stop in runs(away[:, i] > LAG_RAD, round(LAG_S * case.fps)):
            far = state[1].amount(float(away[start:stop, i].max()) / state[1].in_rad)
            yield case.finding(
                "tracking", start + later, f"{name} is up to {far} from its setpoint",
                "something holds the arm, or the load is too heavy for it",
            )  # fmt: skip


def setpoints(schema: Schema, units: Mapping[str, Unit]) -> str:
    """Return the column that the state is to follow, COMMANDED or ACTION; or in words why there is none."""
    if STATE not in units:
        return f"the unit of {STATE} is unknown"
    why = f"there is neither {COMMANDED} nor {ACTION}"
    for key in (key for key in (COMMANDED, ACTION) if key in units):
        state, wanted = schema.feature(STATE), schema.feature(key)
        if not state.names or state.names != wanted.names or state.shape != wanted.shape:
            why = f"{STATE} and {key} do not name the same joints"
        elif units[STATE].name != units[key].name:  # zeros and signs differ too
            why = f"{STATE} is in {units[STATE].name}, and {key} in {units[key].name}"
        else:
            return key
    return why


RULES: tuple[Callable[[Case], Iterator[Finding]], ...] = (still, jumps, contact, gripper, lag)
