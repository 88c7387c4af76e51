"""What the options of `motorium record` say of marks: the names of sub-tasks, the keys of a foot switch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..operator.marks import Mark


def pedal_marks(pedal: str | None, keys: str | None) -> Mapping[int, Mark]:
    """Return what the keys of the foot switch mean. Raises MotoriumError, and UsageError without a foot switch."""
    from ..operator.marks import RECORDING
    from ..operator.pedal import marks_for

    if pedal is None and keys is not None:
        raise click.UsageError("--pedal-keys says what the keys of a --pedal mean: give that too")
    return marks_for(RECORDING if keys is None else [word.strip() for word in keys.split(",")])


def names(subtasks: str | None, pedal: str | None) -> tuple[str, ...] | None:
    """Names of sub-tasks; () numbers them; None keeps no column."""
    if subtasks is None:
        return None if pedal is None else ()
    names = tuple(name.strip() for name in subtasks.split(","))
    if not all(names) or len(set(names)) != len(names) or max(map(len, names)) > 200:
        raise click.BadParameter("names, each once, with commas between", param_hint="--subtasks")
    return names
