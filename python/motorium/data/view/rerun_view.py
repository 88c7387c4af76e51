"""Show a dataset in the Rerun viewer (extra `view`): videos as they are, every column, tasks, marks and findings.

All episodes lie one after the other on the timeline `dataset`, at the seconds that their rows have in the dataset.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ...files import give_way
from ...printable import printable
from ..check.findings import Verdict
from ..format.dataset import Dataset
from ..format.tables import Episode, Rows

TIMELINE, FRAMES = "dataset", "row"
MAX_WIDTH = 64
"""Columns with more values per row are left out: nobody looks at 200 curves."""


def show(
    dataset: Dataset, verdict: Verdict | None = None, *, episodes: int = 12, save: Path | None = None
) -> int:
    """Send the first `episodes` to a viewer that is started, or into a file to be opened later. Returns how many.

    Raises DataError when Rerun is not installed, nothing can be read, or the file cannot be written.
    """
    try:
        import rerun as rr
    except ImportError as error:
        raise DataError("the viewer needs Rerun: pip install 'motorium[view]'") from error
    stream = rr.RecordingStream("motorium", recording_id=dataset.root.resolve().name)
    try:
        if save is None:
            stream.spawn()
        else:
            give_way(save)
            stream.save(str(save))
    except (OSError, RuntimeError) as error:
        raise DataError(f"the viewer cannot be reached, or {save} not be written: {error}") from error
    view = _View(rr, stream, dataset)
    shown = dataset.episodes[:episodes]
    for episode in shown:
        view.episode(episode, dataset.rows(episode))
    if verdict is not None:
        view.findings(verdict, {episode.index: episode for episode in shown})
    stream.flush()
    return len(shown)


class _View:
    """One recording."""

    def __init__(self, rr: Any, stream: Any, dataset: Dataset) -> None:
        self._rr, self._stream, self._dataset = rr, stream, dataset
        self._fps = dataset.schema.fps
        self._files: set[Path] = set()

    def episode(self, episode: Episode, rows: Rows) -> None:
        """Send everything of one episode."""
        numbers = episode.start + np.arange(episode.length)
        for feature in self._dataset.schema.columns:
            values = rows[feature.key].reshape(episode.length, -1)
            if values.shape[1] > MAX_WIDTH or not np.isfinite(values).all():
                continue
            labels = feature.names if feature.names and len(feature.names) == values.shape[1] else None
            for i in range(values.shape[1]):
                label = labels[i] if labels else str(i)
                path = f"{feature.key}/{label}" if values.shape[1] > 1 else feature.key
                self._columns(path, numbers, self._rr.Scalars.columns(scalars=values[:, i].astype(float)))
        for feature in self._dataset.schema.videos:
            self._video(episode, feature.key, numbers)
        self._text("task", episode.start, ", ".join(episode.tasks), "INFO")
        for mark in _marks(self._dataset.notes(episode).get("events")):
            self._text("marks", episode.start + mark[0] * self._fps, mark[1], "INFO")

    def findings(self, verdict: Verdict, shown: dict[int, Episode]) -> None:
        """Send what `check` has found, at its time."""
        for found in verdict.findings:
            start = (
                0 if found.episode is None else shown[found.episode].start if found.episode in shown else None
            )
            if start is not None:
                words = f"{found.kind}: {found.detail}"
                self._text(
                    "findings",
                    start + (found.time_s or 0.0) * self._fps,
                    words,
                    "ERROR" if found.blocks else "WARN",
                )

    def _columns(self, path: str, numbers: Any, columns: Any) -> None:
        times = [
            self._rr.TimeColumn(TIMELINE, duration=numbers / self._fps),
            self._rr.TimeColumn(FRAMES, sequence=numbers),
        ]
        self._rr.send_columns(path, indexes=times, columns=columns, recording=self._stream)

    def _video(self, episode: Episode, key: str, numbers: Any) -> None:
        """Send the file unchanged, once; each row refers to its frame."""
        path = self._dataset.video_path(episode, key)
        entity = f"{key}/{path.stem if len(self._dataset.by_file()) > 1 else 'all'}"
        if path not in self._files:
            self._files.add(path)
            try:
                asset = self._rr.AssetVideo(path=path)
            except OSError as error:
                raise DataError(f"cannot read {path}: {error.strerror}") from error
            self._rr.log(entity, asset, static=True, recording=self._stream)
        begin_s = episode.videos[key].from_s
        at_ns = np.round((begin_s + np.arange(episode.length) / self._fps) * 1e9).astype(np.int64)
        self._columns(entity, numbers, self._rr.VideoFrameReference.columns(timestamp=at_ns))

    def _text(self, path: str, row: float, words: str, level: str) -> None:
        self._rr.set_time(TIMELINE, duration=row / self._fps, recording=self._stream)
        self._rr.set_time(FRAMES, sequence=int(row), recording=self._stream)
        self._rr.log(path, self._rr.TextLog(printable(words), level=level), recording=self._stream)


def _marks(events: object) -> Iterable[tuple[float, str]]:
    for event in events if isinstance(events, list) else ():
        if isinstance(event, dict) and isinstance(event.get("t_s"), (int, float)):
            yield float(event["t_s"]), f"{event.get('kind', '')} {event.get('text', '')}".strip()
