"""Rules about video files: every frame there once and in its time, size, codec and rate as info.json says.

LeRobot 0.4.4 takes for row k of an episode the frame at `from_timestamp + timestamp`, and refuses to train when none
is within 0.1 ms of it (`tolerance_s` in `datasets/lerobot_dataset.py`, `decode_video_frames` in `video_utils.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..foreign import printable
from . import film_pass
from .dataset import Dataset
from .film_pass import Film, Sample
from .findings import WITHOUT, Finding
from .picture_rules import CameraLook
from .schema import Feature
from .tables import Episode

TOLERANCE_S = 1e-4
"""LeRobot's: how far a frame may be from the time of its row."""
RATE_OFF = 0.01
"""Share by which the distance of two frames may differ from a period."""
AGAIN = f"put a whole copy of the file there; {WITHOUT}"
REWRITE = "motorium data convert DATASET --to v3.0 --out NEW writes every frame at the time of its row"
SHOWN = 60
LATEST_S = 1e7
"""No video is longer; NaN and infinities are not below it either."""


def films(dataset: Dataset) -> dict[tuple[str, Path], list[Episode]]:
    """(camera key, video file) -> the episodes in it, in the order of their frames. Raises DataError."""
    found: dict[tuple[str, Path], list[Episode]] = {}
    for feature in dataset.schema.videos:
        for episode in dataset.episodes:
            found.setdefault((feature.key, dataset.video_path(episode, feature.key)), []).append(episode)
    for (key, _), episodes in found.items():
        episodes.sort(key=lambda episode: _start(episode, key))
    return found


def _start(episode: Episode, key: str) -> float:
    """Seconds of its first frame in its file; what is no time counts as 0 and is a finding of its own."""
    start = episode.videos[key].from_s
    return start if 0 <= start <= LATEST_S else 0.0


def judge_film(
    dataset: Dataset, key: str, path: Path, episodes: Sequence[Episode], into: CameraLook | None
) -> Iterator[Finding]:
    """Findings about one video file.

    Args:
        dataset: that it is of.
        key: of the camera.
        path: of the file.
        episodes: in it, in the order of their frames.
        into: what looks at the pictures; None leaves them undecoded.
    """
    feature = dataset.schema.feature(key)
    sample = None if into is None else _sample(dataset.schema.fps, key, feature, episodes, into)
    try:
        film = film_pass.walk(path, dataset.root, sample)
    except DataError as error:
        for episode in episodes:
            yield Finding("damaged", episode.index, None, str(error), AGAIN)
        return
    first = episodes[0].index
    wrong = list(_unlike(dataset, feature, film))
    for detail in wrong:
        yield Finding("video", first, None, f"{key} {detail} ({path.name})", AGAIN_OR_SAY)
    yield from _damage(key, film, episodes)
    rate = _rate(film.times_s)
    if rate is not None and abs(rate / dataset.schema.fps - 1) > RATE_OFF:
        detail = f"{key} runs at {rate:.4g} frames per second, info.json says {dataset.schema.fps}"
        yield Finding("video", first, None, f"{detail} ({path.name})", AGAIN)
        return
    yield from _frames(dataset.schema.fps, key, film, episodes)
    yield from _extra(dataset.schema.fps, key, film, episodes)


AGAIN_OR_SAY = "put the video there that info.json describes, or correct its description in meta/info.json"


def _sample(fps: int, key: str, feature: Feature, episodes: Sequence[Episode], into: CameraLook) -> Sample:
    starts = np.array([_start(episode, key) for episode in episodes])
    every = max(1, fps // 2)

    def place(time_s: float) -> tuple[Episode, int]:
        episode = episodes[max(0, int(np.searchsorted(starts, time_s + 0.5 / fps)) - 1)]
        return episode, round((time_s - _start(episode, key)) * fps)

    def wanted(time_s: float) -> bool:
        episode, k = place(time_s)
        return 0 <= k < episode.length and k % every == 0

    def see(time_s: float, image: Any) -> None:
        episode, k = place(time_s)
        into.see(episode.index, k / fps, image)

    return Sample((feature.shape[0], feature.shape[1]), wanted, see)


def _unlike(dataset: Dataset, feature: Feature, film: Film) -> Iterator[str]:
    """In words, what is not as info.json says."""
    fps, info = dataset.schema.fps, feature.info or {}
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
    if isinstance(declared, (int, float)) and declared != fps:
        yield f"is said to have {declared:g} frames per second, the dataset has {fps}"


def _text(value: object) -> str:
    return printable(value[:SHOWN]) if isinstance(value, str) else ""


def _damage(key: str, film: Film, episodes: Sequence[Episode]) -> Iterator[Finding]:
    if not film.stands_alone:
        detail = f"{key}: the first frame of the file needs one before it, which is not there"
        yield Finding("damaged", episodes[0].index, 0.0, detail, AGAIN)
    if not film.damage:
        return
    starts = np.array([_start(episode, key) for episode in episodes])
    at = np.array([time_s for time_s, _ in film.damage])
    places = np.maximum(0, np.searchsorted(starts, at + 1e-6) - 1)
    for number in np.unique(places).tolist():
        mine = np.flatnonzero(places == number)
        time_s, why = film.damage[int(mine[0])]
        detail = f"{key}: {_count(len(mine))} cannot be decoded whole: {why}"
        episode = episodes[number]
        yield Finding("damaged", episode.index, max(0.0, time_s - _start(episode, key)), detail, AGAIN)


def _count(number: int) -> str:
    return f"{number} frame{'' if number == 1 else 's'}"


def _rate(times_s: NDArray[np.float64]) -> float | None:
    """Frames per second by the usual distance of two; None of fewer than five frames."""
    if len(times_s) < 5:
        return None
    step = float(np.median(np.diff(times_s)))
    return 1.0 / step if step > 0 else None


def _frames(fps: int, key: str, film: Film, episodes: Sequence[Episode]) -> Iterator[Finding]:
    """Every row has its frame, once and in time."""
    times = film.times_s
    before: Episode | None = None
    for episode in episodes:
        place, start = episode.videos[key], _start(episode, key)
        if place.from_s != start:
            detail = f"{key} is said to begin at {place.from_s} s of its file, which is no time"
            yield Finding("frames", episode.index, None, detail, AGAIN)
            continue
        if before is not None and _start(before, key) + (before.length - 0.5) / fps > start:
            detail = f"{key}: its frames are said to begin at {start:.3f} s, before those of episode {before.index} end"
            yield Finding("frames", episode.index, None, detail, AGAIN)
        before = episode
        alone = len(episodes) == 1
        shift = _shift(times, start, episode.length, fps) if alone else None
        if shift is not None:
            detail = f"{key} begins at {start + shift:.4f} s of its file, listed is {start:.4f} s"
            yield Finding("frames", episode.index, 0.0, detail, REWRITE if abs(shift) < 0.5 / fps else AGAIN)
            continue
        yield from _placed(fps, key, times, episode)


def _shift(times: NDArray[np.float64], start: float, length: int, fps: int) -> float | None:
    """How much later than listed all frames of a whole file are; None when that is not what is wrong."""
    if len(times) != length or length == 0:
        return None
    off = times - (start + np.arange(length) / fps)
    shift = float(np.median(off))
    return shift if abs(shift) > TOLERANCE_S and np.abs(off - shift).max() <= TOLERANCE_S else None


def _placed(fps: int, key: str, times: NDArray[np.float64], episode: Episode) -> Iterator[Finding]:
    near = (times - _start(episode, key)) * fps
    row = np.rint(near)
    mine = (row >= 0) & (row < episode.length)
    row, off = row[mine].astype(np.int64), (near[mine] - row[mine]) / fps
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
        more = f" and {_count(int(late.sum()) - 1)} more" if late.sum() > 1 else ""
        side = "late" if worst > 0 else "early"
        told.append(
            (first, f"shows frame {first}{more} up to {abs(worst) * 1000:.3g} ms {side}, 0.1 are allowed")
        )
    if told:
        whole = missing == 0 and (counts == 1).all()
        detail = f"{key} {'; '.join(words for _, words in told)}"
        time_s = min(row for row, _ in told) / fps
        yield Finding("frames", episode.index, time_s, detail, REWRITE if whole else AGAIN)


def _extra(fps: int, key: str, film: Film, episodes: Sequence[Episode]) -> Iterator[Finding]:
    """No frame belongs to no row."""
    times = film.times_s
    free = np.ones(len(times), dtype=np.bool_)
    for episode in episodes:
        start = _start(episode, key) - 0.5 / fps
        free[np.searchsorted(times, start) : np.searchsorted(times, start + episode.length / fps)] = False
    if free.any():
        last = episodes[-1]
        at = float(times[free][0])
        detail = f"{key}: {_count(int(free.sum()))} of no row, from {at:.2f} s of the file on"
        yield Finding("extra_frames", last.index, None, detail, REWRITE)
