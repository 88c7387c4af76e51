"""Whether a recording may go on with a dataset that is there: what its rows mean must not change in the middle."""

from __future__ import annotations

from pathlib import Path

from ..errors import DataError
from . import instants, layout, marks
from .schema import Info, Schema


def check_resumable(root: Path, there: Info, mine: Schema) -> None:
    """Raise DataError, with what to do instead, unless episodes of `mine` go with those of the dataset at `root`."""
    theirs = there.schema
    if there.version != layout.VERSION:
        raise DataError(f"{root} is {there.version}; convert it first: motorium data convert {root}")
    why = theirs.differences(mine)
    if why:
        raise DataError(f"{root} cannot go on with another schema: {'; '.join(why)}")
    if theirs.own.get(marks.NAMES) != mine.own.get(marks.NAMES):
        raise DataError(
            f"{root} has the sub-tasks {theirs.own.get(marks.NAMES)}; asked for are {mine.own.get(marks.NAMES)}"
        )
    rules = instants.pairing_of(theirs.own), instants.pairing_of(mine.own)
    if rules[0] != rules[1]:
        raise DataError(
            f"{root} pairs pictures with joints by rule {rules[0]}, of another motorium, and new rows follow rule "
            f"{rules[1]} (docs/timeline.md). Record into a new dataset; motorium data merge puts the two together"
        )
