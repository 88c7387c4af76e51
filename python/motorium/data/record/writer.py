"""Write episodes one after the other into a LeRobotDataset v3.0, each durable before the next begins."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ... import rooted
from ...errors import DataError
from ...files import check_text
from ...logs import logger
from ...timeline.events import Event
from ...types import UInt8
from ..format import layout
from ..format.identity import NOTHING, Accepted
from ..format.lock import Lock
from ..format.passing import as_data_error
from ..format.schema import Info, Schema, read_info, write_info
from ..format.tables import Episode
from ..format.video import CODECS
from ..format.whole_stats import refresh
from . import marks, staging
from .interrupted import check_place, telling_what_becomes
from .journal import Journal
from .opening import Newcomer, check_rows, resume
from .repair import Repair, repair_locked
from .sink import VideoSink

if TYPE_CHECKING:
    from typing_extensions import Self

_log = logger(__name__)

RESERVE_MB = 256
"""Disk space that stays free; below it recording ends and the episode is kept."""
SYNC_S = 1.0
"""At most this much of the episode in progress is lost to a power cut."""


@dataclass(frozen=True)
class Finished:
    """An episode that is on the disk.

    Attributes:
        episode: its line.
        durable_s: from the call of `end` until it could not be lost any more.
        dropped: camera key -> frames for which another one stands in.
    """

    episode: Episode
    durable_s: float
    dropped: Mapping[str, int]


class DatasetWriter:
    """Writes to one dataset, which no other process can write to meanwhile. A context manager.

    Use: `begin`, `add` for every row, `telemetry` when there is any, then `end` or `discard`; again.
    """

    def __init__(
        self,
        root: Path,
        schema: Schema,
        *,
        codec: str = "h264",
        patience_s: float = 0.0,
        reserve_mb: int = RESERVE_MB,
        accepted: Accepted = NOTHING,
    ) -> None:
        """Create the dataset, or go on with the one that is there after repairing it.

        With `patience_s` a frame waits that long for the encoder before another one stands in for it.

        Raises StorageError where the locale cannot name `root`; DataError: in use, read-only, another schema, not an
        empty folder, an unknown codec, a full disk.
        """
        root = _resolved(root)
        if codec not in CODECS:
            raise DataError(f"codec {codec!r} is unknown; known: {', '.join(CODECS)}")
        self.root, self.repaired = root, Repair()
        self.schema = schema.with_video_info(CODECS[codec].name, "yuv420p")
        self._reserve = reserve_mb << 20
        self._patience_s, self._accepted = patience_s, accepted
        self._start_ns = self._marks = 0
        self._grown = False
        self._journal: Journal | None = None
        self._ticks: Journal | None = None
        self._newcomer = Newcomer(root)
        self._lock = Lock(root, make=True)
        for line in self._lock.settled:
            _log.warning("%s", line)
        try:
            self._enter(root)
            self._sink = VideoSink(self.schema.videos, schema.fps, codec)
        except BaseException:
            self._leave()
            raise

    def _leave(self) -> None:
        """Give the dataset back; where nothing was recorded into a new one, nothing of it stays."""
        self._newcomer.remove_if_empty()
        self._lock.close()

    def _enter(self, root: Path) -> None:
        self._check_space()
        if (root / layout.INFO).exists() or any(layout.leftovers(root)):
            if (root / layout.INFO).exists():  # what is refused stays as it is
                check_rows(root, read_info(root), self.schema)
            self.repaired = repair_locked(root)
            for line in [*self.repaired.told(), *self.repaired.aside]:
                _log.warning("%s", line)
            resume(root, read_info(root), self.schema, self._accepted)
            return
        others = [path.name for path in root.iterdir() if path.name != layout.STAGING]
        if others:
            raise DataError(
                f"{root} is neither a dataset nor empty: it holds {', '.join(sorted(others)[:3])}"
            )
        write_info(root, Info(self.schema))

    @property
    def recording(self) -> bool:
        """Whether an episode is in progress."""
        return self._journal is not None

    @property
    def start_ns(self) -> int:
        """When the episode in progress, or the one before, began."""
        return self._start_ns

    @property
    def encoder_pid(self) -> int:
        """Process id of the video encoder; 0 without cameras."""
        return self._sink.pid

    def begin(self, task: str, start_ns: int | None = None, *, repeatable: bool = False) -> int:
        """Start an episode and return its number. Any words will do as `task`, also none.

        Of a `repeatable` episode, which its recorder can make again just so, nothing is recovered when it is cut off.

        Raises DataError when one is in progress, the disk is full, or the folder is gone.
        """
        if self.recording:
            raise DataError("an episode is in progress: end or discard it first")
        with as_data_error(f"no episode can be begun in {self.root}"):
            return self._begin(task, start_ns, {staging.REPEATABLE: True} if repeatable else {})

    def _begin(self, task: str, start_ns: int | None, said: Mapping[str, Any]) -> int:
        check_place(self._lock)
        self._check_space()
        info = read_info(self.root)
        part = staging.part_folder(self.root, info.episodes)
        rooted.make_folder(self.root, part)
        self._part = part
        self._start_ns = time.monotonic_ns() if start_ns is None else start_ns
        self._header = {
            "task": task.encode("utf-8", "replace").decode(),
            "start_ns": self._start_ns,
            "started": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "info": Info(self.schema).as_json(),
            **said,
        }
        self._row = np.zeros((), self.schema.row)
        self._ticks = None
        self._marks = 0
        self._synced = time.monotonic()
        try:
            self._journal = Journal(self.root, part / staging.FRAMES, self._header, self.schema.row)
            self._sink.open(part)
        except BaseException:
            with contextlib.ExitStack() as stack:
                stack.callback(rooted.remove_tree, self.root, part)
                self._close_journals()
            raise
        return info.episodes

    def _telling(self, what: str) -> contextlib.AbstractContextManager[None]:
        """Tell what goes wrong in the block with what becomes of the episode."""
        return telling_what_becomes(what, self._lock, lambda: self._part)

    def add(self, row: Mapping[str, Any], images: Mapping[str, UInt8 | None]) -> None:
        """Add a row: every column, every camera (None: its last picture still stands). Never waits for the encoder.

        Raises DataError: a column or camera is missing, of another shape, not finite; then the row is not there and the
        episode goes on. InterruptedEpisodeError: the disk is full, the encoder or the folder is gone; then the episode
        is over, and the message says where it is and what recovers it.
        """
        journal = self._open_journal()
        for feature in self.schema.columns:
            value = np.asarray(self._given(row, feature.key))
            if value.shape != feature.shape and value.size != feature.size:
                raise DataError(
                    f"{feature.key} has shape {list(value.shape)}, declared is {list(feature.shape)}"
                )
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                raise DataError(f"{feature.key} is not finite in row {journal.rows}")
            self._row[feature.key] = value.reshape(feature.shape)
        pictures = [self._given(images, feature.key) for feature in self.schema.videos]
        for stream, image in enumerate(pictures):
            self._sink.check(stream, image)
        with self._telling(f"the episode in {self.root} cannot be written any more"):
            for stream, image in enumerate(pictures):
                if image is None:
                    self._sink.repeat(stream)
                else:
                    self._sink.put(stream, image, self._patience_s)
            journal.append(self._row.reshape(1))
            self._sync_sometimes()

    def telemetry(self, ticks: NDArray[Any]) -> None:
        """Add control ticks since the last call, a structured array as of `robot.control.telemetry()`."""
        self._open_journal()
        if len(ticks) == 0:
            return
        with self._telling(f"control ticks of the episode in {self.root} cannot be written"):
            if self._ticks is None:
                path = self._part / staging.TELEMETRY
                self._ticks = Journal(self.root, path, self._header, ticks.dtype)
            self._ticks.append(ticks)

    def mark(self, event: Event) -> None:
        """Write down a mark of a person, durable on return; one made before the episode began is ignored.

        Raises DataError when no episode is in progress or the disk is full.
        """
        self._open_journal()
        if event.t_ns >= self._start_ns and self._marks < marks.MAX_MARKS:
            self._marks += 1
            with self._telling(f"marks of the episode in {self.root} cannot be written"):
                marks.append(self._part, event)

    @property
    def rows(self) -> int:
        """Rows of the episode in progress."""
        return self._journal.rows if self._journal else 0

    @property
    def dropped(self) -> Mapping[str, int]:
        """Camera key -> frames of this episode that were dropped because the encoder's queue was full."""
        return dict(self._sink.dropped)

    def end(self, notes: Mapping[str, Any] | None = None) -> Finished:
        """Finish the episode; on return it is durable and in its place.

        Raises InterruptedEpisodeError when the encoder failed, the disk is full, or the folder is gone: what there is
        stays for `repair`, and the message says where.
        """
        began = time.monotonic()
        journal = self._open_journal()
        rows = journal.rows
        if rows == 0:
            raise DataError("an episode without rows cannot be kept: discard it")
        with self._telling(f"the episode in {self.root} could not be finished"):
            try:
                self._close_journals()
            finally:
                cameras = self._sink.finish()
            check_place(self._lock)
            if any(frames != rows for frames, _ in cameras):
                raise DataError(f"the encoder has {[n for n, _ in cameras]} frames of {rows} rows")
            dropped = dict(self._sink.dropped)
            kept = {**(notes or {}), "dropped_frames": dropped}
            episode = staging.seal(self.root, self._part, rows, [stats for _, stats in cameras], kept)
            durable_s = time.monotonic() - began
            staging.publish(self.root, self._part.with_suffix(layout.DONE))
        self._grown = True
        return Finished(episode, durable_s, dropped)

    def discard(self) -> None:
        """Forget the episode in progress. Raises DataError when it cannot be removed, or the encoder is gone."""
        if not self.recording:
            return
        with (
            as_data_error(f"the episode in {self.root} could not be removed"),
            contextlib.ExitStack() as stack,
        ):
            stack.callback(rooted.remove_tree, self.root, self._part)
            stack.callback(self._sink.finish)
            self._close_journals()

    def close(self) -> None:
        """Give everything back; an episode in progress stays for `repair`. Safe to call twice.

        Then the statistics of the dataset cover what was recorded; one in which they cannot be computed is a matter of
        `data check`.
        """
        with as_data_error(f"{self.root} could not be closed"), contextlib.ExitStack() as stack:
            stack.callback(self._lock.close)
            stack.callback(self._refresh)
            stack.callback(self._sink.close)
            self._close_journals()

    def _refresh(self) -> None:
        if self._grown and self._lock.where() == self.root:
            self._grown = False
            with contextlib.suppress(DataError, OSError):
                refresh(self.root)

    def _close_journals(self) -> None:
        journals = self._journal, self._ticks
        self._journal = self._ticks = None
        with contextlib.ExitStack() as stack:
            for journal in journals:
                if journal is not None:
                    stack.callback(journal.close)

    def _open_journal(self) -> Journal:
        if self._journal is None:
            raise DataError("no episode is in progress: begin one first")
        return self._journal

    @staticmethod
    def _given(values: Mapping[str, Any], key: str) -> Any:
        if key not in values:
            raise DataError(f"{key} is missing; given are {', '.join(values)}")
        return values[key]

    def _sync_sometimes(self) -> None:
        now = time.monotonic()
        if now - self._synced < SYNC_S:
            return
        self._synced = now
        check_place(self._lock)
        self._check_space()
        for journal in (self._journal, self._ticks):
            if journal is not None:
                journal.sync()

    def _check_space(self) -> None:
        free = shutil.disk_usage(self.root).free
        if free < self._reserve:
            raise DataError(
                f"only {free >> 20} MB are free at {self.root}; {self._reserve >> 20} MB are kept in reserve"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
            return
        self._newcomer.remove_if_empty()
        try:
            self.close()
        except DataError as second:  # the first is the cause; this one must not hide it
            _log.warning("%s", second)


def _resolved(root: Path) -> Path:
    """Return the folder itself, whatever names it (`.`, `..`, a link), and wherever the program goes meanwhile."""
    try:
        real = Path(os.path.realpath(root))
    except (OSError, ValueError) as error:
        raise DataError(f"{str(root)!r} is not a folder: {error}") from error
    check_text(real)
    return real
