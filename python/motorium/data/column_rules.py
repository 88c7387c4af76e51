"""Rules about the numbers of one episode. Each yields findings; thresholds are at the top with their reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dataset import Dataset
from .findings import Finding
from .tables import Episode, Rows

STATE, ACTION, COMMANDED = "observation.state", "action", "commanded_rad"
JITTER = 0.5
"""Share of the period by which a row may be early or late."""
RATE_OFF = 0.02
"""Share by which the true rate may differ from the declared one."""
SKEW_PERIODS, SKEW_S = 2.0, 0.1
"""A measurement may be this old at its row: the larger of so many periods and so many seconds."""
FROZEN_ROWS = 4
"""Rows in a row with the same capture time of a camera: it has stood still."""
STILL_S, STILL_RAD = 2.0, 0.004
"""Nothing moves for longer than this by more than that: an arm that waits."""
JUMP_RAD, JUMP_FACTOR = 0.3, 8.0
"""A step in one row above both: that many radians, and so many times the 90th percentile of all steps."""
CONTACT_RAD, CONTACT_S = 0.01, 0.5
"""At a joint limit, closer than this, for longer than that."""
GRIPPER_SHARE = 0.05
"""Of its travel, that a gripper moves at least in an episode."""
SHORT_S = 1.0
LAG_RAD, LAG_S = 0.35, 0.5
"""The arm is farther than this from its setpoint for longer than that: something holds it."""

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One episode before its judges."""

    dataset: Dataset
    episode: Episode
    rows: Rows
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fps(self) -> int:
        """Rows per second."""
        return self.dataset.schema.fps

    def column(self, key: str) -> Float | None:
        """(N, D) values, or None when the dataset has no such column."""
        values = self.rows.get(key)
        return None if values is None else values.reshape(len(values), -1).astype(np.float64)

    def finding(self, kind: str, row: float | None, detail: str, remedy: str) -> Finding:
        """At a row of this episode."""
        return Finding(kind, self.episode.index, None if row is None else row / self.fps, detail, remedy)

    def limits(self) -> Mapping[str, Any]:
        """Joint -> [lower, upper], where the dataset carries them."""
        found = self.dataset.schema.own.get("limits_rad", {})
        return found if isinstance(found, dict) else {}


def runs(mask: NDArray[np.bool_], least: int) -> Iterator[tuple[int, int]]:
    """(first, after last) of every stretch of True that is at least so long."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if stop - start >= least:
            yield start, stop


def numbering(case: Case) -> Iterator[Finding]:
    """Row numbers count up, and the stored time is LeRobot's."""
    n, episode = case.episode.length, case.episode
    wanted = {
        "frame_index": np.arange(n),
        "index": episode.start + np.arange(n),
        "timestamp": np.arange(n) / case.fps,
    }
    for key, right in wanted.items():
        there = case.rows[key].reshape(-1)
        wrong = np.flatnonzero(np.abs(there - right) > (1e-3 if key == "timestamp" else 0))
        if len(wrong):
            k = int(wrong[0])
            detail = f"{key} is {there[k]:g} in row {k}, {right[k]:g} was to be expected"
            yield case.finding("index", k, detail, "motorium data repair, or delete the episode")
    task = case.rows["task_index"].reshape(-1)
    if len(task) and not (task.min() >= 0 and task.max() < len(case.dataset.tasks)):
        yield case.finding(
            "index",
            None,
            f"task_index reaches {task.max()}, there are {len(case.dataset.tasks)} tasks",
            "relabel it",
        )


def finite(case: Case) -> Iterator[Finding]:
    """No NaN, no infinity."""
    for feature in case.dataset.schema.columns:
        values = case.column(feature.key)
        if values is not None and not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
            yield case.finding("not_finite", row, f"{feature.key} is not a number", "delete the episode")


def clock(case: Case) -> Iterator[Finding]:
    """True times never go back."""
    for key in ("row_s", "capture_s"):
        values = case.column(key)
        if values is None or len(values) < 2:
            continue
        back = np.flatnonzero((np.diff(values, axis=0) < 0).any(axis=1))
        if len(back):
            step = float(np.diff(values, axis=0)[back[0]].min())
            detail = f"{key} goes back by {-step:.3f} s"
            yield case.finding(
                "clock", int(back[0]) + 1, detail, "delete the episode: its order in time is not known"
            )


def cadence(case: Case) -> Iterator[Finding]:
    """Rows come when they should."""
    values = case.column("row_s")
    if values is None or len(values) < 3:
        return
    steps, period = np.diff(values[:, 0]), 1.0 / case.fps
    if (steps <= 0).any():
        return  # a matter of the clock
    median = float(np.median(steps))
    if abs(median / period - 1) > RATE_OFF:
        detail = f"rows came at {1 / median:.2f} Hz, declared are {case.fps}"
        yield case.finding("rate", None, detail, "record again; the stored times are not the true ones")
        return
    for row in np.flatnonzero(np.abs(steps - period) > JITTER * period).tolist():
        detail = f"{steps[row] * 1000:.0f} ms between two rows, declared are {period * 1000:.0f}"
        yield case.finding("cadence", row + 1, detail, "close other programs, or lower fps or resolution")


def skew(case: Case) -> Iterator[Finding]:
    """Pictures and joints of a row are of one moment."""
    rows, captured = case.column("row_s"), case.column("capture_s")
    if rows is None or captured is None:
        return
    names = case.dataset.schema.feature("capture_s").names or ()
    allowed = max(SKEW_S, SKEW_PERIODS / case.fps)
    age = rows - captured
    for i in range(age.shape[1]):
        name = names[i] if i < len(names) else str(i)
        # One frozen picture also grows old; that has a finding of its own.
        frozen = _frozen(captured[:, i])
        for start, _ in runs((np.abs(age[:, i]) > allowed) & ~frozen, 1):
            detail = f"{name} is {age[start, i] * 1000:.0f} ms from its row; {allowed * 1000:.0f} are allowed"
            yield case.finding("skew", start, detail, "check the camera's rate and its cable")


def _frozen(times: Float) -> NDArray[np.bool_]:
    same = np.concatenate([[False], np.diff(times) == 0])
    out = np.zeros(len(times), dtype=np.bool_)
    for start, stop in runs(same, FROZEN_ROWS - 1):
        out[start - 1 : stop + 1] = True
    return out


def dropped_frames(case: Case) -> Iterator[Finding]:
    """No camera stands still, and the encoder kept up."""
    captured = case.column("capture_s")
    if captured is not None:
        names = case.dataset.schema.feature("capture_s").names or ()
        for i in range(captured.shape[1]):
            name = names[i] if i < len(names) else str(i)
            for start, stop in runs(np.concatenate([[False], np.diff(captured[:, i]) == 0]), FROZEN_ROWS - 1):
                detail = f"{name} gave nothing new for {(stop - start + 1) / case.fps:.2f} s"
                yield case.finding(
                    "dropped_frames", start - 1, detail, "check its cable and the load of the machine"
                )
    lost = case.notes.get("dropped_frames", {})
    for key, count in lost.items() if isinstance(lost, dict) else ():
        if isinstance(count, int) and count > 0.01 * case.episode.length:
            detail = f"{key}: {count} of {case.episode.length} frames found no place at the encoder"
            yield case.finding("dropped_frames", None, detail, "lower fps or resolution, or use --codec h264")


def still(case: Case) -> Iterator[Finding]:
    """The arm does something."""
    state, action = case.column(STATE), case.column(ACTION)
    if state is None:
        return
    both = state if action is None else np.hstack([state, action])
    width = max(1, round(STILL_S * case.fps))
    if len(both) <= width:
        return
    moved = np.abs(both[width:] - both[:-width]).max(axis=1)
    # Quiet at both ends of the window and all through it.
    step = np.concatenate([[0.0], np.abs(np.diff(both, axis=0)).max(axis=1)])
    for start, stop in runs((moved < STILL_RAD) & (step[: len(moved)] < STILL_RAD), 1):
        seconds = (stop - start + width) / case.fps
        yield case.finding(
            "static", start, f"nothing moves for {seconds:.1f} s", "trim it, or record the episode again"
        )


def jumps(case: Case) -> Iterator[Finding]:
    """Joints move, they do not leap.

    An action says where the plan was to be one row later; a new plan may leave that behind, and the action then makes
    up for two rows in one. Where the commands themselves were recorded, those are judged.
    """
    for key in (STATE, ACTION if case.column(COMMANDED) is None else COMMANDED):
        values = case.column(key)
        if values is None or len(values) < 8 or not np.isfinite(values).all():
            continue
        steps = np.abs(np.diff(values, axis=0))
        allowed = np.maximum(JUMP_RAD, JUMP_FACTOR * np.quantile(steps, 0.9, axis=0)) * _lengths(case)
        rows, joints = np.nonzero(steps > allowed)
        names = case.dataset.schema.feature(key).names or ()
        for row, joint in zip(rows.tolist(), joints.tolist(), strict=True):
            name = names[joint] if joint < len(names) else str(joint)
            detail = f"{name} of {key} leaps by {steps[row, joint]:.2f} rad in one row"
            yield case.finding(
                "joint_jump", row + 1, detail, "check cable and calibration of that joint; delete the episode"
            )


def _lengths(case: Case) -> Float:
    """(N - 1, 1) How long each step between two rows took, in periods, at least one: a late row has come farther."""
    times, steps = case.column("row_s"), case.episode.length - 1
    if times is None or len(times) != steps + 1 or not np.isfinite(times).all():
        return np.ones((steps, 1))
    return np.maximum(1.0, np.diff(times[:, :1], axis=0) * case.fps)


def contact(case: Case) -> Iterator[Finding]:
    """No joint leans on its limit."""
    for name, values, lower, upper in _joints(case, gripper=False):
        close = np.minimum(values - lower, upper - values) < CONTACT_RAD
        for start, stop in runs(close, round(CONTACT_S * case.fps)):
            detail = f"{name} stands at its limit for {(stop - start) / case.fps:.1f} s"
            yield case.finding("limit_contact", start, detail, "move the workpiece or the arm's base")


def gripper(case: Case) -> Iterator[Finding]:
    """A gripper grips, within its travel."""
    for name, values, lower, upper in _joints(case, gripper=True):
        travel = upper - lower
        if np.ptp(values) < GRIPPER_SHARE * travel:
            detail = f"{name} moves by {np.ptp(values):.3f} rad of {travel:.2f}"
            yield case.finding(
                "gripper_range", None, detail, "was the gripper connected? record the episode again"
            )
        beyond = np.maximum(lower - values, values - upper)
        if beyond.max() > GRIPPER_SHARE * travel:
            row = int(beyond.argmax())
            detail = f"{name} is at {values[row]:.2f} rad, its travel is {lower:.2f} to {upper:.2f}"
            yield case.finding("gripper_range", row, detail, "calibrate the gripper again")


def _joints(case: Case, *, gripper: bool) -> Iterator[tuple[str, Float, float, float]]:
    state = case.column(STATE)
    names = case.dataset.schema.feature(STATE).names if state is not None else None
    if state is None or names is None:
        return
    for i, name in enumerate(names[: state.shape[1]]):
        joint = name.removesuffix(".pos")
        limits = case.limits().get(joint)
        if isinstance(limits, list) and len(limits) == 2 and ("gripper" in joint) == gripper:
            yield joint, state[:, i], float(limits[0]), float(limits[1])


def lag(case: Case) -> Iterator[Finding]:
    """The arm follows."""
    state, wanted = case.column(STATE), case.column(COMMANDED)
    if state is None or wanted is None or state.shape != wanted.shape:
        return
    away = np.abs(state - wanted)
    names = case.dataset.schema.feature(STATE).names or ()
    for i in range(away.shape[1]):
        if i < len(names) and "gripper" in names[i]:
            continue  # a closed gripper is meant to be held open by what it holds
        for start, stop in runs(away[:, i] > LAG_RAD, round(LAG_S * case.fps)):
            name = names[i] if i < len(names) else str(i)
            detail = f"{name} is up to {away[start:stop, i].max():.2f} rad from its setpoint"
            yield case.finding(
                "tracking", start, detail, "something holds the arm, or it is too weak for the load"
            )


def length(case: Case) -> Iterator[Finding]:
    """Long enough to show anything."""
    seconds = case.episode.length / case.fps
    if seconds < SHORT_S:
        yield case.finding("too_short", None, f"{seconds:.2f} s long", "delete the episode")


def words(case: Case) -> Iterator[Finding]:
    """It is said what is to be done."""
    if not any(task.strip() for task in case.episode.tasks):
        yield case.finding("no_task", None, "the task has no words", "motorium data relabel")


RULES: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    numbering, finite, clock, cadence, skew, dropped_frames, still, jumps, contact, gripper, lag, length, words,
)  # fmt: skip
