"""Repair a dataset: move finished episodes into place, keep the interrupted one up to its last full second."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import Any

from ... import rooted
from ...errors import DataError
from ..format import layout, tables
from ..format.lock import Lock
from ..format.passing import as_data_error, passing, remedy
from ..format.schema import parse_info, read_info, write_info
from ..format.splits import resized
from ..format.whole_stats import refresh
from . import aside, staging, unfinished
from .journal import read_journal
from .recovery import recover, removed_repeatable


@dataclass
class Repair:
    """What was done.

    Attributes:
        published: finished episodes that were put in place.
        recovered: (episode, seconds) of episodes that had been in progress.
        lost: why a remainder could not be used; it is kept under `.recording/lost`, unless it held less than a second.
        fixed: other things put right.
        waiting: staging folders that stay as they are, and why: what stopped them may pass.
        aside: what lies aside now, from this repair or earlier ones.
    """

    published: list[int] = field(default_factory=list)
    recovered: list[tuple[int, float]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    fixed: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "published": self.published,
            "recovered": [{"episode": episode, "seconds": seconds} for episode, seconds in self.recovered],
            "lost": self.lost,
            "fixed": self.fixed,
            "waiting": self.waiting,
            "aside": self.aside,
        }

    def told(self) -> list[str]:
        """Say what was done, a line each."""
        return [
            *(f"episode {episode} was complete and is now in place" for episode in self.published),
            *(f"episode {episode} recovered: {seconds:g} s" for episode, seconds in self.recovered),
            *self.fixed,
            *self.lost,
        ]

    @property
    def nothing(self) -> bool:
        """Whether there was nothing to do."""
        return not (self.published or self.recovered or self.lost or self.fixed or self.waiting)


class RepairPendingError(DataError):
    """An episode could not be recovered or moved into place for a temporary reason; nothing of it is lost.

    Attributes:
        done: what was done all the same.
    """

    def __init__(self, root: Path, done: Repair, cause: BaseException) -> None:
        number = len(done.waiting)
        episodes = "1 episode waits" if number == 1 else f"{number} episodes wait"
        super().__init__(
            f"{done.waiting[0]}. {episodes} in {root / layout.STAGING}, nothing is lost: {remedy(cause)}, then "
            f"motorium data repair {quote(str(root))}"
        )
        self.done = done


def repair(root: Path, *, again: bool = False) -> Repair:
    """Repair the dataset at `root`, under its lock.

    Args:
        root: the dataset, or a link to it.
        again: also try what lies aside once more.

    Raises DataError: it is in use, or no dataset; RepairPendingError: something waits that can be repaired later.
    """
    with Lock(root) as lock:
        root, more = lock.root, list(lock.settled)
        if not (root / layout.INFO).is_file() and not any(layout.leftovers(root)):
            read_info(root)  # says what is missing
        if again:
            with as_data_error(f"cannot take back what was set aside in {root}"):
                more += [f"{folder.name} will be tried again" for folder in aside.take_back(root)]
        try:
            out = repair_locked(root)
        except RepairPendingError as error:
            error.done.fixed[:0] = more
            raise
    out.fixed[:0] = more
    return out


def repair_locked(root: Path) -> Repair:
    """Repair it for whoever holds the lock already."""
    out = Repair()
    try:
        with as_data_error(f"{root} could not be repaired"):
            _repair(root, out)
    except RepairPendingError:
        raise
    except DataError as error:
        if passing(error):
            raise DataError(
                f"{error}; {remedy(error)}, then motorium data repair {quote(str(root))}"
            ) from error
        raise
    finally:
        out.aside = [found.told(root) for found in aside.lying(root)]
    return out


def _repair(root: Path, out: Repair) -> None:
    for gone in (root / layout.STAGING).glob(f"*{layout.GONE}"):  # first of all: a full disk gets it back
        rooted.remove_tree(root, gone)
    done, parts = layout.leftovers(root)
    if not (root / layout.INFO).is_file():
        _restore_info(root, [*parts, *done], out)
    pending: DataError | None = None
    for folder in done:
        pending = pending or _publish(root, folder, out)
    # What is finished holds its number: nothing is recovered before it is in its place.
    for folder in layout.leftovers(root)[1] if pending is None else ():
        pending = _recover(root, folder, out) or pending
    if pending is not None:
        raise RepairPendingError(root, out, pending)
    if read_info(root).version == layout.VERSION:
        _totals(root, out)
        _statistics(root, out)
    for stray in unfinished.found(root):
        rooted.remove(root, stray)
        out.fixed.append(f"removed {stray.relative_to(root)}")


def _restore_info(root: Path, parts: list[Path], out: Repair) -> None:
    """Write info.json from a journal: a writer that died before its first one left the schema there."""
    for part in parts:
        try:
            header, _ = read_journal(part / staging.FRAMES)
            info = parse_info(header["info"])
        except (DataError, KeyError, TypeError, ValueError, AttributeError, OverflowError):
            continue
        write_info(root, info)
        out.fixed.append(f"wrote {layout.INFO} again from the journal")
        _totals(root, out)
        return
    raise DataError(f"{root} has no {layout.INFO} and no journal to write it from")


def _publish(root: Path, done: Path, out: Repair) -> DataError | None:
    """Put a finished episode in its place; returns what keeps it waiting."""
    try:
        out.published.append(staging.publish(root, done))
    except DataError as error:
        if passing(error):
            out.waiting.append(str(error))
            return error
        part = done.with_suffix(layout.PART)
        while part.exists():
            part = part.with_name(f"{part.stem}-again{layout.PART}")
        rooted.move(
            root, done, part
        )  # its journal and videos may be whole: it gets a number of its own from them
    return None


def _recover(root: Path, part: Path, out: Repair) -> DataError | None:
    """Finish an episode that was in progress, or put it aside with the reason; returns what keeps it waiting."""
    try:
        if removed_repeatable(root, part):
            out.fixed.append(f"removed {part.name}: it was cut off, and its recorder makes it again")
            return None
        found = recover(root, part)
        if found is None:
            out.lost.append(f"{part.name} held less than a second")
        else:
            out.recovered.append(found)
        return None
    except DataError as error:
        why = error
    try:
        if passing(why) is None:
            with as_data_error(f"{part} could not be put aside"):
                aside.put_aside(root, part, str(why))
            out.lost.append(f"{part.name} could not be recovered and was set aside: {why}")
            return None
    except DataError as error:
        why = error
    out.waiting.append(str(why))
    return why


def _statistics(root: Path, out: Repair) -> None:
    """Let stats.json cover every row; where the rows cannot be read, that is a matter of `data check`."""
    if not (root / layout.OURS).is_dir():
        return
    before = out.nothing
    with contextlib.suppress(DataError):
        if refresh(root) and before:
            out.fixed.append(f"computed {layout.STATS} from all rows")


def _totals(root: Path, out: Repair) -> None:
    """Make info.json agree with the episodes there are."""
    info = read_info(root)
    episodes = tables.all_episodes(root, info)
    frames = sum(episode.length for episode in episodes)
    path = root / layout.TASKS
    tasks = len(tables.read_tasks(path, inside=root)) if path.exists() else 0
    if (info.episodes, info.frames, info.tasks) != (len(episodes), frames, tasks):
        if [episode.index for episode in episodes] != list(range(len(episodes))):
            raise DataError(
                f"{root}: episodes do not count from 0; `motorium data convert --to v3.0 --out NEW` renumbers them"
            )
        splits = resized(info.splits, info.episodes, len(episodes))
        write_info(root, replace(info, episodes=len(episodes), frames=frames, tasks=tasks, splits=splits))
        out.fixed.append("totals of info.json")
