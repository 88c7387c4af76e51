"""Judge video files: every frame there once and in its time, size, codec and rate as info.json says.

LeRobot 0.4.4 takes for row k of an episode the frame at `from_timestamp + timestamp`, and refuses to train when none
is within 0.1 ms of it (`tolerance_s` in `datasets/lerobot_dataset.py`, `decode_video_frames` in `video_utils.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...printable import printable
from ...types import UInt8
from ..format.dataset import Dataset
from ..format.schema import Feature
from ..format.tables import Episode
from . import film_pass
from .film_pass import Film, Sample
from .findings import WITHOUT, Finding
from .picture_rules import CameraPictures

TOLERANCE_S = 1e-4
"""LeRobot's: how far a frame may be from the time of its row."""
RATE_OFF = 0.01
"""Share by which the distance of two frames may differ from a period."""
SAY = "put back the video that info.json describes, or correct the description in meta/info.json"
REWRITE = "motorium data convert DATASET --to v3.0 --out NEW writes every frame at the time of its row"
SHOWN = 60
LATEST_S = 1e7
"""No video is longer; NaN and infinities are not below it either."""


@dataclass(frozen=True)
class Reel:
    """One video file and the episodes in it.

    Attributes:
        dataset: that it is of.
        key: of the camera.
        path: of the file.
        episodes: in it, in the order of their frames.
    """

    dataset: Dataset
    key: str
    path: Path
    episodes: Sequence[Episode]

    @property
    def fps(self) -> int:
        """Frames per second, as info.json says."""
        return self.dataset.schema.fps

    @property
    def feature(self) -> Feature:
        """The camera."""
        return self.dataset.schema.feature(self.key)

    @property
    def again(self) -> str:
        """What to do about a file with missing frames."""
        return f"put back an intact {self.path.relative_to(self.dataset.root)}; {WITHOUT}"

    def start_s(self, episode: Episode) -> float:
        """Return the second of an episode's first frame in the file."""
        return _start(episode, self.key)

    def finding(self, kind: str, episode: Episode, time_s: float | None, detail: str, remedy: str) -> Finding:
        """Make a finding about this camera in an episode."""
        return Finding(kind, episode.index, time_s, f"{self.key} {detail}", remedy)


def reels(dataset: Dataset) -> list[Reel]:
    """List every video file, with its episodes in the order of their frames. Raises DataError."""
    found: dict[tuple[str, Path], list[Episode]] = {}
    for feature in dataset.schema.videos:
        for episode in dataset.episodes:
            found.setdefault((feature.key, dataset.video_path(episode, feature.key)), []).append(episode)
    return [
        Reel(dataset, key, path, sorted(episodes, key=lambda episode: _start(episode, key)))
        for (key, path), episodes in found.items()
    ]


def _start(episode: Episode, key: str) -> float:
    """Return it as listed; what is no time counts as 0 and is a finding of its own."""
    start = episode.videos[key].from_s
    return start if 0 <= start <= LATEST_S else 0.0


def judge_reel(reel: Reel, into: CameraPictures | None, on_packet: Callable[[], None]) -> Iterator[Finding]:
    """Find what is wrong with one video file.

    Args:
        reel: the file.
        into: what looks at the pictures; None leaves them undecoded.
        on_packet: called for each.
    """
    sample = None if into is None else _sample(reel, into)
    first = reel.episodes[0]
    try:
        film = film_pass.walk(reel.path, reel.dataset.root, sample, on_packet)
    except DataError as error:
        for episode in reel.episodes:
            yield Finding("damaged", episode.index, None, str(error), reel.again)
        return
    for detail in _unlike(reel, film):
        yield reel.finding("video", first, None, f"{detail} ({reel.path.name})", SAY)
    yield from _damage(reel, film)
    rate = _rate(film.times_s)
    if rate is not None and abs(rate / reel.fps - 1) > RATE_OFF:
        detail = f"runs at {rate:.4g} frames per second, info.json says {reel.fps} ({reel.path.name})"
        yield reel.finding("video", first, None, detail, reel.again)
        return
    yield from _frames(reel, film)
    yield from _extra(reel, film)


def _sample(reel: Reel, into: CameraPictures) -> Sample:
    starts = np.array([reel.start_s(episode) for episode in reel.episodes])
    fps, every = reel.fps, max(1, reel.fps // 2)

    def place(time_s: float) -> tuple[Episode, int]:
        episode = reel.episodes[max(0, int(np.searchsorted(starts, time_s + 0.5 / fps)) - 1)]
        return episode, round((time_s - reel.start_s(episode)) * fps)

    def wanted(time_s: float) -> bool:
        episode, k = place(time_s)
        return 0 <= k < episode.length and k % every == 0

    def see(time_s: float, image: UInt8) -> None:
        episode, k = place(time_s)
        into.add(episode.index, k / fps, image)

    height, width, *_ = (*reel.feature.shape, 0, 0)
    return Sample((height, width), wanted, see)


def _unlike(reel: Reel, film: Film) -> Iterator[str]:
    """Say what is not as info.json says."""
    feature, info = reel.feature, reel.feature.info or {}
    height, width = film.other_size or (film.height, film.width)
    said = {(feature.shape[0], feature.shape[1])} if len(feature.shape) == 3 else set()
    if isinstance(info.get("video.height"), int) and isinstance(info.get("video.width"), int):
        said.add((info["video.height"], info["video.width"]))
    for h, w in sorted(said - {(height, width)}):
        yield f"is {width} x {height} pixels, info.json says {w} x {h}"
    codec, pix_fmt = _text(info.get("video.codec")), _text(info.get("video.pix_fmt"))
    if codec and film_pass.canonical(codec) != film.codec:
        yield f"is {film.codec}, info.json says {codec}"
    if pix_fmt and film_pass.plain_format(pix_fmt) != film.pix_fmt:
        yield f"has the pixel format {film.pix_fmt}, info.json says {pix_fmt}"
    channels = info.get("video.channels", feature.shape[2] if len(feature.shape) == 3 else None)
    if isinstance(channels, int) and channels != film.channels:
        yield f"has {film.channels} channels, info.json says {channels}"
    declared = info.get("video.fps")
    if isinstance(declared, (int, float)) and declared != reel.fps:
        yield f"is declared with {declared:g} frames per second, the dataset has {reel.fps}"


def _text(value: object) -> str:
    return printable(value[:SHOWN]) if isinstance(value, str) else ""


def _damage(reel: Reel, film: Film) -> Iterator[Finding]:
    if not film.stands_alone:
        detail = "begins with a frame that depends on a missing earlier one"
        yield reel.finding("damaged", reel.episodes[0], 0.0, detail, reel.again)
    if not film.damage:
        return
    starts = np.array([reel.start_s(episode) for episode in reel.episodes])
    at = np.array([time_s for time_s, _ in film.damage])
    places = np.maximum(0, np.searchsorted(starts, at + 1e-6) - 1)
    for number in np.unique(places).tolist():
        mine, episode = np.flatnonzero(places == number), reel.episodes[number]
        time_s, why = film.damage[int(mine[0])]
        detail = f"has {_count(len(mine))} that cannot be decoded completely: {why}"
        yield reel.finding("damaged", episode, max(0.0, time_s - reel.start_s(episode)), detail, reel.again)


def _count(number: int) -> str:
    return f"{number} frame{'' if number == 1 else 's'}"


def _rate(times_s: NDArray[np.float64]) -> float | None:
    """Return frames per second by the usual distance of two; None of fewer than five frames."""
    if len(times_s) < 5:
        return None
    step = float(np.median(np.diff(times_s)))
    return 1.0 / step if step > 0 else None


def _frames(reel: Reel, film: Film) -> Iterator[Finding]:
    """Find rows that have no frame, once and in time."""
    before: Episode | None = None
    for episode in reel.episodes:
        from_s, start = episode.videos[reel.key].from_s, reel.start_s(episode)
        if from_s != start:
            detail = f"is said to begin at {from_s} s of its file, which is not a valid time"
            yield reel.finding("frames", episode, None, detail, reel.again)
            continue
        if before is not None and reel.start_s(before) + (before.length - 0.5) / reel.fps > start:
            detail = f"is said to begin at {start:.3f} s of its file, before episode {before.index} ends"
            yield reel.finding("frames", episode, None, detail, reel.again)
        before = episode
        shift = _shift(film.times_s, start, episode.length, reel.fps) if len(reel.episodes) == 1 else None
        if shift is None:
            yield from _placed(reel, film.times_s, episode)
            continue
        detail = f"begins at {start + shift:.4f} s of its file, listed is {start:.4f} s"
        remedy = REWRITE if abs(shift) < 0.5 / reel.fps else reel.again
        yield reel.finding("frames", episode, 0.0, detail, remedy)


def _shift(times: NDArray[np.float64], start: float, length: int, fps: int) -> float | None:
    """Return how much later than listed all frames of a file are; None when that is not what is wrong."""
    if len(times) != length or length == 0:
        return None
    off = times - (start + np.arange(length) / fps)
    shift = float(np.median(off))
    return shift if abs(shift) > TOLERANCE_S and np.abs(off - shift).max() <= TOLERANCE_S else None


def _placed(reel: Reel, times: NDArray[np.float64], episode: Episode) -> Iterator[Finding]:
    near = (times - reel.start_s(episode)) * reel.fps
    row = np.rint(near)
    mine = (row >= 0) & (row < episode.length)
    row, off = row[mine].astype(np.int64), (near[mine] - row[mine]) / reel.fps
    there, counts = np.unique(row, return_counts=True)
    late = np.abs(off) > TOLERANCE_S
    told: list[tuple[int, str]] = []
    missing = episode.length - len(there)
    if missing > 0:
        gaps = np.flatnonzero(there != np.arange(len(there)))
        first = int(gaps[0]) if len(gaps) else len(there)
        told.append((first, f"has {len(there)} of the {_count(episode.length)}; frame {first} is missing"))
    if (counts > 1).any():
        told.append((twice := int(there[counts > 1][0]), f"has {counts.max()} frames for row {twice}"))
    if late.any():
        worst, first = float(off[late][np.abs(off[late]).argmax()]), int(row[late][0])
        more = f" and {_count(int(late.sum()) - 1)} more up to" if late.sum() > 1 else ""
        side = "late" if worst > 0 else "early"
        off_ms = f"{abs(worst) * 1000:.3g} ms {side}"
        told.append((first, f"shows frame {first}{more} {off_ms}; 0.1 ms are allowed"))
    if told:
        remedy = REWRITE if missing == 0 and (counts == 1).all() else reel.again
        time_s = min(row for row, _ in told) / reel.fps
        yield reel.finding("frames", episode, time_s, "; ".join(words for _, words in told), remedy)


def _extra(reel: Reel, film: Film) -> Iterator[Finding]:
    """Find frames that belong to no row."""
    free = np.ones(len(film.times_s), dtype=np.bool_)
    for episode in reel.episodes:
        start = reel.start_s(episode) - 0.5 / reel.fps
        stop = start + episode.length / reel.fps
        free[np.searchsorted(film.times_s, start) : np.searchsorted(film.times_s, stop)] = False
    if free.any():
        at = float(film.times_s[free][0])
        detail = f"has {_count(int(free.sum()))} of no row, from {at:.2f} s of the file on"
        yield reel.finding("extra_frames", reel.episodes[-1], None, detail, REWRITE)
