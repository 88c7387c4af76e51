"""After anything: finished episodes get their places, one in progress is kept to its last full second."""

from __future__ import annotations

import contextlib
import fcntl
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import rooted
from ..errors import DataError
from . import layout, staging, tables, unfinished, video
from .journal import read_journal
from .lock import Lock
from .schema import Info, parse_info, read_info
from .sink import video_name
from .splits import resized
from .stats import PictureStats, Stats

ENCODER_S = 20.0
"""How long to wait for an encoder that goes on without its recorder."""


@dataclass
class Repair:
    """What was done.

    Attributes:
        published: finished episodes that were put in place.
        recovered: (episode, seconds) of episodes that had been in progress.
        lost: why a remainder could not be used; it is kept under `.recording/lost`, unless it held less than a second.
        fixed: other things put right.
    """

    published: list[int] = field(default_factory=list)
    recovered: list[tuple[int, float]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    fixed: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "published": self.published,
            "recovered": [{"episode": episode, "seconds": seconds} for episode, seconds in self.recovered],
            "lost": self.lost,
            "fixed": self.fixed,
        }

    @property
    def nothing(self) -> bool:
        """Whether all was well before."""
        return not (self.published or self.recovered or self.lost or self.fixed)


def repair(root: Path) -> Repair:
    """Of the dataset at `root`, under its lock. Raises DataError when it is in use, or no dataset."""
    if not (root / layout.INFO).is_file() and not (root / layout.STAGING).is_dir():
        read_info(root)  # says what is missing
    with Lock(root):
        return repair_locked(root)


def repair_locked(root: Path) -> Repair:
    """The same for whoever holds the lock already."""
    out = Repair()
    done, parts = staging.leftovers(root)
    if not (root / layout.INFO).is_file():
        _restore_info(root, parts, out)
    for folder in done:
        out.published.append(staging.publish(root, folder))
    for folder in parts:
        _recover(root, folder, out)
    if read_info(root).version == layout.VERSION:
        _totals(root, out)
    for gone in (root / layout.STAGING).glob(f"*{layout.GONE}"):
        rooted.remove_tree(root, gone)
    for stray in unfinished.found(root):
        rooted.remove(root, stray)
        out.fixed.append(f"removed {stray.relative_to(root)}")
    return out


def _restore_info(root: Path, parts: list[Path], out: Repair) -> None:
    """A writer that died before its first info.json left the schema in the journal."""
    for part in parts:
        try:
            header, _ = read_journal(part / staging.FRAMES)
            info = parse_info(header["info"])
        except (DataError, KeyError, TypeError, ValueError):
            continue
        staging.write_info(root, info)
        out.fixed.append(f"wrote {layout.INFO} again from the journal")
        return
    raise DataError(f"{root} has no {layout.INFO} and no journal to write it from")


def _recover(root: Path, part: Path, out: Repair) -> None:
    info = read_info(root)
    try:
        episode, seconds = _recovered(root, part, info)
    except DataError as error:
        out.lost.append(str(error))
        _put_aside(root, part)
        return
    if seconds == 0:
        rooted.remove_tree(root, part)
        out.lost.append(f"{part.name} held less than a second")
        return
    staging.publish(root, part.with_suffix(layout.DONE))
    out.recovered.append((episode, seconds))


def _recovered(root: Path, part: Path, info: Info) -> tuple[int, float]:
    """Seal what is whole of an episode in progress: rows that every camera has a frame for, to the last full second."""
    rooted.check(root, part)
    schema, fps = info.schema, info.schema.fps
    if not (part / staging.FRAMES).exists():
        return 0, 0.0
    _wait_for_encoder(part)
    _, rows = read_journal(part / staging.FRAMES)
    counts = [len(rows)]
    sources = []
    for stream in range(len(schema.videos)):
        source = part / video_name(stream, ".frag")
        sources.append(source)
        counts.append(video.whole_frames(source) if source.exists() else 0)
    length = min(counts) // fps * fps
    if length == 0:
        return 0, 0.0
    pictures: list[Stats] = []
    for stream, source in enumerate(sources):
        target = part / video_name(stream)
        rooted.reserve(root, target)
        video.remux(source, target, length, fps)
        seen = PictureStats()
        for _, image in video.frames(target, 0.0, length, fps, every=4):
            seen.add(image)
        pictures.append(seen.result())
    notes = {"recovered": True, "rows_in_journal": len(rows), "rows_kept": length}
    episode = staging.seal(root, part, length, pictures, notes)
    return episode.index, length / fps


def _wait_for_encoder(part: Path) -> None:
    """An encoder whose recorder was killed still closes what it has; it is given the time."""
    path = part / video.HELD
    if not path.exists():
        return
    give_up = time.monotonic() + ENCODER_S
    with path.open("rb") as file:
        while time.monotonic() < give_up:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(0.02)


def _put_aside(root: Path, part: Path) -> None:
    """Keep what cannot be used: nothing of the owner's is ever thrown away unasked."""
    aside = root / layout.STAGING / "lost"
    with rooted.folder(root, aside, make=True):
        number = sum(1 for _ in aside.iterdir())
    rooted.move(root, part, aside / f"{number:03d}-{part.name}", replace=False)


def _totals(root: Path, out: Repair) -> None:
    """info.json agrees with the episodes there are."""
    info = read_info(root)
    episodes = staging.all_episodes(root, info)
    frames = sum(episode.length for episode in episodes)
    path = root / layout.TASKS
    tasks = len(tables.read_tasks(path)) if path.exists() else 0
    if (info.episodes, info.frames, info.tasks) != (len(episodes), frames, tasks):
        if [episode.index for episode in episodes] != list(range(len(episodes))):
            raise DataError(f"{root}: episodes do not count from 0; `motorium data delete` can renumber them")
        splits = resized(info.splits, info.episodes, len(episodes))
        staging.write_info(
            root, replace(info, episodes=len(episodes), frames=frames, tasks=tasks, splits=splits)
        )
        out.fixed.append("totals of info.json")
