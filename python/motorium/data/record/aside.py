"""Set aside what could not be recovered, with the reason: no recording is deleted without being asked.

.recording/lost/NNN-episode-000012-4711.part/    as it was found, and reason.json: what, when, why, by which version
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ... import rooted
from ...errors import DataError
from ...files import write_json
from ...foreign import read_json
from ...printable import printable
from ..format import layout

LOST = f"{layout.STAGING}/lost"
REASON = "reason.json"
REASON_BYTES = 1 << 20
_NAME = re.compile(rf"(\d+)-(episode-.+)(\{layout.PART}|\{layout.DONE})")
UNKNOWN = "an earlier release put it there without giving a reason"


@dataclass(frozen=True)
class Aside:
    """One folder that was set aside.

    Attributes:
        folder: where.
        why: it could not be recovered.
        episode: the one that most of it was recovered as; None when nothing of it is in the dataset.
    """

    folder: Path
    why: str
    episode: int | None = None

    @property
    def remedy(self) -> str:
        """Say what to do with it."""
        if self.episode is not None:
            return "copy out what it has beyond that episode; remove the folder when it is no longer needed"
        return "motorium data repair DATASET --again, or remove the folder when it is no longer needed"

    def told(self, root: Path) -> str:
        """Name it and say why it lies there."""
        return f"{self.folder.relative_to(root)} was set aside: {self.why}"


def write_reason(root: Path, folder: Path, why: str, more: Mapping[str, Any] | None = None) -> None:
    """Write into a staging folder why it is put aside. Raises OSError."""
    write_json(
        folder / REASON,
        {
            "what": folder.name,
            "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "why": why,
            "motorium": version("motorium"),
            **(more or {}),
        },
        root=root,
    )


def put_aside(root: Path, folder: Path, why: str) -> Path:
    """Move a staging folder aside with the reason inside; returns its new place. Raises OSError: it is where it was."""
    write_reason(root, folder, why)
    return move_aside(root, folder)


def move_aside(root: Path, folder: Path) -> Path:
    """Move a staging folder that holds its reason. Raises OSError."""
    lost = root / LOST
    with rooted.folder(root, lost, make=True):
        numbers = [int(found[1]) for path in lost.iterdir() if (found := re.match(r"(\d+)-", path.name))]
    target = lost / f"{max(numbers, default=-1) + 1:03d}-{folder.name}"
    rooted.move(root, folder, target, replace=False)
    return target


def lying(root: Path) -> list[Aside]:
    """List what lies aside in the dataset at `root`, in order."""
    lost = root / LOST
    found = sorted(lost.iterdir()) if lost.is_dir() and not lost.is_symlink() else []
    return [_read(folder) for folder in found if folder.is_dir() and not folder.is_symlink()]


def _read(folder: Path) -> Aside:
    try:
        value = read_json(folder / REASON, REASON_BYTES, error=DataError, inside=folder)
    except DataError:
        value = None
    told = value if isinstance(value, dict) else {}
    episode = told.get("episode")
    return Aside(
        folder, printable(str(told.get("why", UNKNOWN))), episode if isinstance(episode, int) else None
    )


def take_back(root: Path) -> list[Path]:
    """Move everything that lies aside back among what waits for `repair`; returns the folders. Raises OSError."""
    back = []
    for found in lying(root):
        parts = _NAME.fullmatch(found.folder.name)
        if parts is None or found.episode is not None:
            continue
        place = root / layout.STAGING / f"{parts[2]}{parts[3]}"
        if place.exists():
            place = place.with_name(f"{parts[2]}-{parts[1]}{parts[3]}")
        rooted.move(root, found.folder, place, replace=False)
        back.append(place)
    return back
