"""Judge numbering, times, words and the end of one episode. Each rule yields findings; thresholds are at the top."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..format.instants import observation_clock
from ..format.outcome import cut_off as end_is_missing
from ..format.schema import DERIVED
from .case import Case, Float, runs
from .findings import WITHOUT, Finding

JITTER = 0.5
"""Share of the period by which a row may be early or late."""
RATE_OFF = 0.02
"""Share by which the true rate may differ from the declared one."""
SKEW_PERIODS, SKEW_S = 2.0, 0.1
"""A measurement may be this old at its row: the larger of so many periods and so many seconds."""
FROZEN_ROWS = 4
"""Rows in a row with the same capture time of a camera: it has stood still."""
SHORT_S = 1.0
TIMESTAMP_S = 1e-4
"""LeRobot's `tolerance_s`: farther from a frame's time than this, a row cannot be trained on."""
SLOWER = "the stored times are not the actual ones: record again with an --fps that the machine keeps"
RENUMBER = "motorium data convert DATASET --to v3.0 --out NEW renumbers the rows in their present order"


def numbering(case: Case) -> Iterator[Finding]:
    """Find row numbers that do not count up, and stored times that are not LeRobot's."""
    n, episode = case.episode.length, case.episode
    wanted = {
        "frame_index": np.arange(n),
        "index": episode.start + np.arange(n),
        "timestamp": np.arange(n) / case.fps,
    }
    for key, right in wanted.items():
        there = case.rows[key].reshape(-1)
        # float32 holds a timestamp; what it cannot hold is no mistake
        allowed = TIMESTAMP_S + np.spacing(np.float32(right[-1])) if key == "timestamp" and n else 0
        wrong = np.flatnonzero(~(np.abs(there - right) <= allowed))
        if len(wrong):
            k = int(wrong[0])
            detail = f"{key} is {there[k]:g} in row {k}, expected {right[k]:g}"
            yield case.finding("index", k, detail, RENUMBER)
    task = case.rows["task_index"].reshape(-1)
    if len(task) and not (task.min() >= 0 and task.max() < len(case.dataset.tasks)):
        yield case.finding(
            "index",
            None,
            f"task_index reaches {task.max()}, but there are only {len(case.dataset.tasks)} tasks",
            f"complete meta/tasks; {WITHOUT}",
        )


def finite(case: Case) -> Iterator[Finding]:
    """Find NaN and infinity."""
    for feature in (*case.dataset.schema.columns, *DERIVED):
        values = case.column(feature.key)
        if values is None or np.isfinite(values).all():
            continue
        rows, places = np.nonzero(~np.isfinite(values))
        row, i = int(rows[0]), int(places[0])
        more = f" and in {len(np.unique(rows)) - 1} other rows" if rows[-1] != row else ""
        name = f" ({case.name(feature.key, i)})" if feature.names else ""
        detail = f"{feature.key}{name} is {values[row, i]:g} in row {row}{more}"
        yield case.finding("not_finite", row, detail, f"correct it at its source; {WITHOUT}")


def clock(case: Case) -> Iterator[Finding]:
    """Find true times that do not go on: those of rows always do, those of captures never go back."""
    for key, least in (("row_s", np.nextafter(0, 1)), ("capture_s", 0.0)):
        values = case.column(key)
        if values is None or len(values) < 2:
            continue
        steps = np.diff(values, axis=0)
        back = np.flatnonzero((steps < least).any(axis=1))
        if len(back):
            step = float(steps[back[0]].min())
            detail = f"{key} goes back by {-step:.3f} s" if step < 0 else f"two rows have the same {key}"
            remedy = f"the order of its rows is unknown: record it again; {WITHOUT}"
            yield case.finding("clock", int(back[0]) + 1, detail, remedy)


def cadence(case: Case) -> Iterator[Finding]:
    """Find rows that do not come when they should."""
    values = case.column("row_s")
    if values is None or len(values) < 3:
        return
    steps, period = np.diff(values[:, 0]), 1.0 / case.fps
    if not (steps > 0).all():
        return  # a matter of the clock
    median = float(np.median(steps))
    if abs(median / period - 1) > RATE_OFF:
        detail = f"rows came at {1 / median:.2f} Hz, declared is {case.fps}"
        yield case.finding("rate", None, detail, SLOWER)
        return
    for row in np.flatnonzero(np.abs(steps - period) > JITTER * period).tolist():
        detail = f"{steps[row] * 1000:.0f} ms between two rows, declared is {period * 1000:.0f}"
        yield case.finding("cadence", row + 1, detail, "close other programs, or lower fps or resolution")


def skew(case: Case) -> Iterator[Finding]:
    """Find pictures and joints of a row that are not of one moment, or of one long ago."""
    rows, captured = case.column("row_s"), case.column("capture_s")
    if rows is None or captured is None:
        return
    names = case.dataset.schema.feature("capture_s").names or ()
    allowed = max(SKEW_S, SKEW_PERIODS / case.fps)
    age = rows[:, :1] - captured
    clock = observation_clock(case.dataset.schema)
    if clock is not None:  # joints are of the pictures' time, however long these took to come
        age[:, clock] = 0.0
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
    """Find cameras that stand still, and an encoder that did not keep up."""
    captured = case.column("capture_s")
    if captured is not None:
        names = case.dataset.schema.feature("capture_s").names or ()
        clock = observation_clock(case.dataset.schema)  # stands still with the slowest camera, which is named
        for i in range(captured.shape[1]):
            if i == clock and captured.shape[1] > 1:
                continue
            name = names[i] if i < len(names) else str(i)
            for start, stop in runs(np.concatenate([[False], np.diff(captured[:, i]) == 0]), FROZEN_ROWS - 1):
                detail = f"{name} delivered nothing new for {(stop - start + 1) / case.fps:.2f} s"
                yield case.finding(
                    "dropped_frames", start - 1, detail, "check its cable and the machine's load"
                )
    lost = case.notes.get("dropped_frames", {})
    for key, count in lost.items() if isinstance(lost, dict) else ():
        if isinstance(count, int) and count > 0.01 * case.episode.length:
            detail = f"{key}: {count} of {case.episode.length} frames were dropped before the encoder"
            yield case.finding("dropped_frames", None, detail, "lower fps or resolution, or use --codec h264")


def length(case: Case) -> Iterator[Finding]:
    """Find an episode that is too short to show anything."""
    seconds = case.episode.length / case.fps
    if seconds < SHORT_S:
        yield case.finding("too_short", None, f"{seconds:.2f} s long", f"record it again; {WITHOUT}")


def words(case: Case) -> Iterator[Finding]:
    """Find an episode of which nobody says what is to be done."""
    if not any(task.strip() for task in case.episode.tasks):
        yield case.finding("no_task", None, "the task has no text", "motorium data relabel")


def cut_off(case: Case) -> Iterator[Finding]:
    """Find a demonstration that stops in the middle: it teaches to stop there."""
    if end_is_missing(case.notes):
        number, seconds = case.episode.index, case.episode.length / case.fps
        yield case.finding(
            "cut_off",
            None,
            f"recovered from a cut-off recording: the demonstration breaks off after {seconds:.1f} s",
            f"look at it, then motorium data delete --episodes {number} --out NEW; or, when nothing is missing, "
            f"motorium data mark DATASET --episodes {number} --whole",
        )


RULES: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    numbering, finite, clock, cadence, skew, dropped_frames, length, words, cut_off,
)  # fmt: skip
