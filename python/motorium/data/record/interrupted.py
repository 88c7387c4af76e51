"""Say with every write error what happens to the episode, and how to recover it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import quote

from ...errors import DataError
from ..format import layout
from ..format.lock import Lock
from ..format.passing import as_data_error, passing, remedy


class InterruptedEpisodeError(DataError):
    """An episode in progress could not be continued; the message says where it is and how to recover it."""


@contextlib.contextmanager
def telling_what_becomes(what: str, lock: Lock, part: Callable[[], Path]) -> Iterator[None]:
    """Raise OSError and DataError of the block as InterruptedEpisodeError.

    Args:
        what: failed, for errors of the system.
        lock: of the dataset.
        part: returns the staging folder of the episode.
    """
    try:
        with as_data_error(what):
            yield
    except InterruptedEpisodeError:
        raise
    except DataError as error:
        first = f"{remedy(error)}, then " if passing(error) else ""
        raise InterruptedEpisodeError(f"{error}. {_fate(lock, part(), first)}") from error


def _fate(lock: Lock, part: Path, first: str) -> str:
    root, now = lock.root, lock.where()
    if now is None:
        gone = root / layout.STAGING if root.exists() else root
        return (
            f"{gone} was removed, or its disk was; if the disk comes back, the episode is still there: motorium "
            f"data repair {quote(str(root))}"
        )
    moved = "" if now == root else f"{root} was moved to {now}. "
    command = f"motorium data repair {quote(str(now))}"
    staging = now / layout.STAGING
    if (staging / part.with_suffix(layout.DONE).name).exists():
        return f"{moved}The episode is complete and waits to be moved into place; {first}{command}"
    if (staging / part.name).exists():
        return f"{moved}The episode is kept up to its last full second; {first}{command}"
    return f"{moved}Nothing of this episode is left; the finished ones are unchanged"


def check_place(lock: Lock) -> None:
    """Raise DataError when the dataset is not where it was when it was locked."""
    if lock.where() != lock.root:
        raise DataError(f"{lock.root} is no longer the dataset being written")
