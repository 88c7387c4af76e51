"""Open a dataset to record into: rows mean the same throughout, and a refused new one leaves nothing behind."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from shlex import quote

from ... import rooted
from ...errors import DataError
from ...logs import logger
from ...robots.identity import Identity
from ..format import instants, layout
from ..format.dataset import Dataset
from ..format.identity import LIMITS, NOTHING, ROBOT, Accepted, identity_of, refusal
from ..format.said_units import differences, units_remedy
from ..format.schema import Info, Schema, write_info
from . import marks

DECLARED = (LIMITS, "slots")
"""What the section `motorium` of info.json says of a robot's declaration."""
FILES = (layout.INFO, f"{layout.STAGING}/{layout.LOCK}")
"""What a writer makes in a new dataset before its first episode."""
_log = logger(__name__)


class Newcomer:
    """Remembers what did not exist before a writer started. Make it first."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files = [root / name for name in FILES if not (root / name).exists()]
        folders = {folder for file in self._files for folder in file.parents if not folder.exists()}
        self._folders = sorted(folders, key=lambda folder: len(folder.parts), reverse=True)

    def remove_if_empty(self) -> None:
        """Take away what the writer made, unless an episode is there, finished or in progress."""
        if (self._root / layout.EPISODES).exists() or any(layout.leftovers(self._root)):
            return
        for file in self._files:
            with contextlib.suppress(OSError, DataError):
                rooted.remove(self._root, file)
        for folder in self._folders:
            with contextlib.suppress(OSError):  # what somebody else put there stays
                folder.rmdir()


def resume(root: Path, there: Info, mine: Schema, accepted: Accepted = NOTHING) -> None:
    """Let episodes of `mine` follow those of the dataset at `root`; what was accepted is noted in info.json.

    Raises DataError, with what to do instead, when they do not go together.
    """
    check_rows(root, there, mine)
    said, now = (Identity.read(schema.own.get(ROBOT)) for schema in (there.schema, mine))
    if now is None:
        return
    _check_arm(root, there.schema, mine, said or _noted(root, now), accepted)
    if said != now:  # of an arm that was calibrated anew, say; episodes keep what they were recorded with
        own = {**there.schema.own, ROBOT: mine.own[ROBOT]}
        write_info(root, replace(there, schema=replace(there.schema, own=own)))


def check_rows(root: Path, there: Info, mine: Schema) -> None:
    """Raise DataError when rows of `mine` are other rows than those of the dataset at `root`."""
    theirs = there.schema
    if there.version != layout.VERSION:
        raise DataError(
            f"{root} is {there.version}; convert it first: motorium data convert {quote(str(root))}"
        )
    why = differences(theirs, mine)
    if why:
        remedy = units_remedy(theirs, mine, root)
        raise DataError(f"{root} cannot be continued with another schema: {'; '.join(why)}{remedy}")
    if theirs.own.get(marks.NAMES) != mine.own.get(marks.NAMES):
        raise DataError(
            f"{root} has the sub-tasks {theirs.own.get(marks.NAMES)}; requested: {mine.own.get(marks.NAMES)}"
        )
    rules = instants.pairing_of(theirs.own), instants.pairing_of(mine.own)
    if rules[0] != rules[1]:
        raise DataError(
            f"{root} pairs pictures with joints by rule {rules[0]}, of another motorium, and new rows follow rule "
            f"{rules[1]} (docs/timeline.md). Record into a new dataset; motorium data merge puts the two together"
        )


def _noted(root: Path, now: Identity) -> Identity | None:
    """Return the arm with which the episodes say they were recorded, where info.json, merged, does not.

    `now` where it is one of them, else the last. Raises DataError for notes that cannot be read.
    """
    dataset = Dataset.open(root)
    found = {one: None for episode in dataset.episodes if (one := identity_of(dataset, episode)) is not None}
    return now if now in found else next(reversed(found), None)


def _check_arm(root: Path, theirs: Schema, mine: Schema, before: Identity | None, accepted: Accepted) -> None:
    """Raise DataError when `mine` is of another robot's file or another calibration, and nobody accepted that."""
    now = Identity.read(mine.own.get(ROBOT))
    changed = [key for key in DECLARED if key in theirs.own and theirs.own[key] != mine.own.get(key)]
    other = before is not None and now is not None and not before.same_declaration(now)
    if (other or changed) and not accepted.robot:
        what = ", ".join(changed) or "servos, ids or joint frames"
        raise refusal(
            f"{root} was started with another declaration of {mine.robot} (other {what}), so its rows mean something "
            f"else: record into a new dataset.",
            "If it means the same, continue",
            "robot",
        )
    zeros = before.calibration_sha256 if before else None, now.calibration_sha256 if now else None
    if before is not None and zeros[0] != zeros[1] and not accepted.calibration:
        raise refusal(
            f"{root} was recorded with another calibration than the arm has now. Is it another arm? Record into a new "
            f"dataset.",
            "If both calibrations are right, continue",
            "calibration",
        )
    if before is None:
        told = ", ".join(key for key in DECLARED if key in theirs.own) or "name and joints"
        unsaid = (
            "%s does not say with which declaration and calibration of %s it was recorded; %s were compared, "
        )
        _log.warning(unsaid + "nothing more can be", root, mine.robot, told)
