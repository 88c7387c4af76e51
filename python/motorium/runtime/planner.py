"""Turn an observation and committed rows into joint rows; refuse implausible values before they become a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .._core import PushStatus
from ..errors import BindingError, SafetyError
from ..policies.base import Policy
from ..types import SLOTS, ActionChunk, Float32, Observation
from ..units import s_to_ns

if TYPE_CHECKING:
    from ..specs.slots import SlotMap

REFUSALS = 3
"""Unusable chunks in a row that end a run."""
REFUSED = frozenset({PushStatus.MALFORMED, PushStatus.OUT_OF_RANGE, PushStatus.OUT_OF_TIME})
"""Answers to a chunk that must not be followed."""
FOLLOWED = frozenset({PushStatus.ACCEPTED, PushStatus.LATE})
"""And to one that is followed."""


class Meant(Protocol):
    """A control core or control thread, which knows the plausible values of each joint."""

    @property
    def meant_rad(self) -> tuple[Float32, Float32]:
        """(J,) lowest and (J,) highest value of a chunk, radians."""
        ...


@dataclass(frozen=True)
class Range:
    """The plausible values of a chunk, per joint, in radians.

    Attributes:
        lowest_rad, highest_rad: (J,).
        names: (J,) for messages.
    """

    lowest_rad: Float32
    highest_rad: Float32
    names: tuple[str, ...]

    @classmethod
    def of(cls, control: Meant, names: Sequence[str] = ()) -> Range:
        """Ask `control`, which refuses what lies outside."""
        lowest, highest = control.meant_rad
        return cls(lowest, highest, tuple(names) or tuple(f"joint {j}" for j in range(len(lowest))))

    def problem(self, rows: Float32) -> str | None:
        """Return the first of (T, J) values that its joint cannot mean, in words."""
        bad = np.argwhere((rows < self.lowest_rad) | (rows > self.highest_rad))
        if not len(bad):
            return None
        row, joint = (int(i) for i in bad[0])
        return (
            f"row {row} has {self.names[joint]} at {rows[row, joint]:.4g} rad, which is implausible (a turn beyond "
            f"its limits is {self.lowest_rad[joint]:.3g} to {self.highest_rad[joint]:.3g}): degrees?"
        )


class Planner:
    """Asks a policy for plans and judges them."""

    def __init__(self, policy: Policy, slot_map: SlotMap, range_: Range | None = None) -> None:
        """Of `policy` on a robot with `slot_map`; without `range_` values need only be finite."""
        self._policy = policy
        self._info = policy.info  # as bound: a plan is played at that rhythm
        self._slots = slot_map
        self._range = range_
        self.refused = 0
        self._refused_in_a_row = 0

    @property
    def guided(self) -> bool:
        """Whether the policy wants the whole plan in force (`guidance`), not only its committed rows."""
        return self._info.guided

    def infer(self, obs: Observation, committed: Float32, previous: Float32 | None = None) -> Float32 | None:
        """Plan (T, 200) slots from (d, 200) committed ones; None when the chunk is unusable.

        Args:
            obs: what to plan from.
            committed: the first rows of the plan, which the arm follows meanwhile.
            previous: (p, 200), what the plan in force says of rows 0 .. p-1; for a `guided` policy.

        Raises:
            SafetyError: the policy has given unusable chunks several times in a row.
            BindingError: it does not speak for every joint of the robot.
        """
        rows, problem = self._ask(obs, committed, previous)
        if problem is None:
            self._refused_in_a_row = 0
            return rows
        self.refuse(problem)
        return None

    def rehearse(self, obs: Observation, committed: Float32) -> None:
        """Plan once before anything moves. Raises BindingError when the plan is unusable, else as `infer`."""
        _, problem = self._ask(obs, committed, None)
        if problem is not None:
            raise BindingError(f"the policy's first plan cannot be followed: {problem}")

    def refuse(self, problem: str) -> None:
        """Count an unusable chunk. Raises SafetyError when there were `REFUSALS` in a row."""
        self.refused += 1
        self._refused_in_a_row += 1
        if self._refused_in_a_row >= REFUSALS:
            raise SafetyError(
                f"the policy gave {REFUSALS} unusable chunks in a row: {problem}; the arm was stopped"
            )

    def _ask(
        self, obs: Observation, committed: Float32, previous: Float32 | None
    ) -> tuple[Float32, str | None]:
        begun = committed if len(committed) else None
        if previous is None or not len(previous):
            chunk = self._policy.infer(obs, committed=begun)
        else:
            chunk = self._policy.infer(obs, committed=begun, previous=previous)
        problem = self._misfit(chunk, obs)
        if problem is not None:
            return committed, problem
        values = np.asarray(chunk.rows)[:, self._slots.slots]
        if not np.isfinite(values).all():
            bad = int(np.count_nonzero(~np.isfinite(values)))
            return committed, f"{bad} of {values.size} values are not finite"
        rows = np.asarray(chunk.rows, np.float32)
        return rows, self._range.problem(self._slots.gather_chunk(rows)) if self._range is not None else None

    def _misfit(self, chunk: ActionChunk, obs: Observation) -> str | None:
        """Return what is wrong with shape or times."""
        slots = self._slots.slots
        silent = [slot for slot in slots if not chunk.valid[slot]]
        if silent:
            raise BindingError(f"the policy does not command slots {silent} of this robot (it has {slots})")
        shape, wanted = np.shape(chunk.rows), (self._info.rows, SLOTS)
        if shape != wanted:
            return f"it has shape {shape}; the policy declares {wanted}"
        dt_ns = s_to_ns(self._info.dt_s)
        if s_to_ns(chunk.dt_s) != dt_ns:
            return f"its rows are {chunk.dt_s:g} s apart; the policy declares {self._info.dt_s:g} s"
        if abs(chunk.t0_ns - obs.t_ns) > dt_ns:
            return f"its row 0 is {(chunk.t0_ns - obs.t_ns) * 1e-9:+.3g} s from its observation: t0_ns must be obs.t_ns"
        return None
