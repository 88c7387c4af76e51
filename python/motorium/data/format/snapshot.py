"""Read a dataset that another process writes to: a consistent moment, without half an episode.

`staging.publish` puts the files of a finished episode in their places one after the other, `info.json` last, and keeps
its folder `.done` until then. So what was read while `info.json` stayed the same is of one moment, less the episodes
that a `.done` folder still tells of.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from ...errors import DataError
from . import layout, tables
from .schema import Info, read_info, read_json
from .tables import Episode

_P = ParamSpec("_P")
_T = TypeVar("_T")
TRIES = 20
"""Readings of `meta/` of a dataset whose folder is replaced each time, by an edit."""
RESTARTS = 3
"""Readings of something that takes longer than `meta/`."""


@dataclass(frozen=True)
class Place:
    """What tells a dataset's folder from another one that an edit puts under its name.

    Attributes:
        folder: device and inode; a few network file systems number the same folder anew.
        info: state of its info.json, which in the folder of an edit is a newer one.
    """

    folder: tuple[int, ...]
    info: tuple[int, ...]

    def is_still(self, root: Path) -> bool:
        """Return whether the dataset at `root` is this one, however much it has grown."""
        return _folder(root) == self.folder or _state(root / layout.INFO) == self.info


def place_of(root: Path) -> Place:
    """Tell what is at `root` now."""
    return Place(_folder(root), _state(root / layout.INFO))


def read_meta(root: Path) -> tuple[Info, list[Episode], list[str]]:
    """Read what `meta/` of a v3.0 dataset says at one moment: info.json, lines about episodes, tasks.

    Raises DataError as the readers of these files, and when edits replace the dataset each time it is read.
    """
    for _ in range(TRIES):
        before = _folder(root), _state(root / layout.INFO)
        try:
            info = read_info(root)
            episodes = tables.all_episodes(root, info)
            path = root / layout.TASKS
            tasks = tables.read_tasks(path, inside=root) if path.exists() or episodes else []
            waiting = _waiting(root, info)
        except DataError:
            if before == (_folder(root), _state(root / layout.INFO)):
                raise
            continue
        if _folder(root) != before[0]:
            continue
        if _state(root / layout.INFO) == before[1]:
            return info, *_without(waiting, info, episodes, tasks)
        # It grew: what its description counted at the beginning was there, and stays.
        return info, [e for e in episodes if e.index < info.episodes], tasks[: info.tasks]
    raise DataError(f"{root} was replaced by edits each time it was read; wait until edits have ended")


def unchanged(judge: Callable[Concatenate[Path, _P], _T]) -> Callable[Concatenate[Path, _P], _T]:
    """Let a function that reads a dataset for a while begin again when an edit takes the dataset's place meanwhile.

    It raises DataError after `RESTARTS` of them.
    """

    @functools.wraps(judge)
    def judged(root: Path, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        for _ in range(RESTARTS):
            before = _folder(root)
            try:
                value = judge(root, *args, **kwargs)
            except DataError:
                if _folder(root) == before:
                    raise
                continue
            if _folder(root) == before:
                return value
        raise DataError(
            f"{root} was replaced by edits each time while it was read; wait until edits have ended"
        )

    return judged


def moved_on(root: Path, info: Info) -> bool:
    """Return whether an episode was put in its place since `info` was read, or is now: `stats.json` may count it.

    Raises DataError.
    """
    return bool(_waiting(root, info)) or read_info(root).frames != info.frames


def _waiting(root: Path, info: Info) -> dict[int, str]:
    """Return number -> task of finished episodes that `info` does not count yet."""
    plans = [_plan(root, done) for done in layout.leftovers(root)[0]]
    return {index: task for index, task in plans if index >= info.episodes}


def _without(
    waiting: Mapping[int, str], info: Info, episodes: Sequence[Episode], tasks: Sequence[str]
) -> tuple[list[Episode], list[str]]:
    kept = list(tasks)
    while len(kept) > info.tasks and kept[-1] in waiting.values():
        kept.pop()
    return [episode for episode in episodes if episode.index not in waiting], kept


def _plan(root: Path, done: Path) -> tuple[int, str]:
    """Read number and task of a finished episode; (-1, "") when it has no plan, or is in its place by now."""
    with contextlib.suppress(DataError, KeyError, TypeError, ValueError):
        plan: Any = read_json(done / layout.PLAN, inside=root)
        return int(plan["episode"]), str(plan["task"])
    return -1, ""


def unattended(root: Path) -> tuple[list[Path], list[Path]]:
    """Return (finished, in progress) staging folders that nobody works on: none while the dataset is written to."""
    before = {path for paths in layout.leftovers(root) for path in paths}
    if not before or written(root):
        return [], []
    done, parts = layout.leftovers(root)
    return [path for path in done if path in before], [path for path in parts if path in before]


def written(root: Path) -> bool:
    """Return whether a process holds the lock of the dataset: it records, repairs or edits."""
    try:
        fd = os.open(
            root / layout.STAGING / layout.LOCK, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        )
    except OSError:  # there is none, or it is not for this user to see
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(fd)
    return False


def _state(path: Path) -> tuple[int, ...]:
    """Return what changes when a file is replaced; () when it cannot be seen."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)


def _folder(root: Path) -> tuple[int, ...]:
    return _state(root)[:2]
