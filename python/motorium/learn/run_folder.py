"""Let one training at a time into the folder of a run, and put right there what a killed one left."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..errors import StorageError
from ..files import TEMPORARY
from ..lock_files import LockFile

LOCK = ".training"
CHECKPOINT = "checkpoint"
WRITTEN = (
    CHECKPOINT, "resume.safetensors", "run.json", "loss.csv", "loss.png", "validation.csv", "validation.png",
    "stages-done",
)  # fmt: skip
"""Names that training writes in the folder of a run."""
_HALF = re.compile(
    rf"\.({'|'.join(map(re.escape, WRITTEN))})\.[0-9a-f]{{8}}{re.escape(TEMPORARY)}(?P<old>\.old)?"
)


@contextlib.contextmanager
def run_folder(out: Path) -> Iterator[None]:
    """Hold the folder of a run, made where it is missing, while the block runs; what was left half written goes first.

    Raises StorageError: another process trains into it, it cannot be made, or its disk has no locks.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = LockFile(out, out / LOCK)
    except OSError as error:
        raise StorageError(f"cannot train into {out}: {error.strerror}; choose another --out") from error
    try:
        try:
            free = lock.hold()
        except OSError as error:
            raise StorageError(
                f"{out / LOCK} cannot be locked: {error.strerror}. Without a lock two trainings could write there at "
                f"once: choose an --out on a disk that supports locks (flock)"
            ) from error
        if not free:
            raise StorageError(
                f"another process is training into {out}: wait for it to end, or choose another --out"
            )
        _put_right(out)
        yield
    finally:
        lock.close()


def _put_right(out: Path) -> None:
    """Remove what a killed run left half written, and give back its name to a checkpoint that was being replaced."""
    for path in sorted(out.iterdir()):
        found = _HALF.fullmatch(path.name)
        if found is None:
            continue
        if found["old"] and not os.path.lexists(
            out / CHECKPOINT
        ):  # a disk that exchanges no names: one was gone already
            path.rename(out / CHECKPOINT)
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
