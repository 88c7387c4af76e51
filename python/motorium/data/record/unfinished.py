"""Find what an interrupted write left in a dataset, told from other programs' files by its name."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from ... import rooted
from ...files import TEMPORARY
from ..format import layout

FOLDERS = (Path(layout.INFO).parent.as_posix(), Path(layout.notes_file(0)).parent.as_posix())
"""Folders in which files are replaced whole."""
_NEW = re.compile(rf"\..+\.[0-9a-f]{{8}}{re.escape(TEMPORARY)}")
_OLD = re.compile(
    r"\.(?:info\.json|stats\.json|tasks\.parquet|episode-\d{6}\.json)\.([a-z0-9_]{8})", re.ASCII
)
"""Names that version 0.1.0 gave them (Python's `tempfile.mkstemp`)."""
_OLD_MODE = 0o600


def found(root: Path) -> Iterator[Path]:
    """Yield the regular files that a whole-file write of ours began and did not finish. Raises DataError for a link."""
    for name in FOLDERS:
        folder = root / name
        rooted.check(root, folder)
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if _ours(path):
                yield path


def _ours(path: Path) -> bool:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        return False
    if _NEW.fullmatch(path.name):
        return True
    old = _OLD.fullmatch(path.name)
    # Editors name their copies in words (`.info.json.autosave`); chance names eight letters without a digit rarely.
    return old is not None and not old[1].isalpha() and stat.S_IMODE(status.st_mode) == _OLD_MODE
