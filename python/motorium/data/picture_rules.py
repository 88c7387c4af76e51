"""Rules about the pictures: exposure and colour against the other episodes of the same camera, and standing still."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ..types import UInt8
from .dataset import Dataset
from .findings import Finding
from .tables import Episode

DARK, BRIGHT = 10.0, 245.0
"""Mean level of a picture without light, or with nothing but light."""
EXPOSURE_LEVELS, COLOUR_LEVELS = 30.0, 18.0
"""A picture's mean, or a channel against that mean, may be this far from the usual picture of its camera."""
FROZEN_S = 2.0
LEVEL = 0.02
"""Two pictures whose thumbnails differ less than this on average are one picture, of which there are two."""
THUMB = 16


@dataclass
class CameraLook:
    """What was seen of one camera: (episode, time, mean of R, G and B) of some pictures."""

    seen: list[tuple[int, float, tuple[float, float, float]]] = field(default_factory=list)
    frozen: list[Finding] = field(default_factory=list)


def look(dataset: Dataset, episode: Episode, key: str, into: CameraLook) -> None:
    """Sample an episode about twice a second. Raises DataError when the video is damaged."""
    fps = dataset.schema.fps
    every = max(1, fps // 2)
    before: np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None = None
    since = 0.0
    told = False
    for k, image in dataset.pictures(episode, key, every=every):
        r, g, b = (float(level) for level in image.reshape(-1, 3).mean(axis=0))
        into.seen.append((episode.index, k / fps, (r, g, b)))
        thumb = _thumb(image)
        if before is None or np.abs(thumb - before).mean() > LEVEL:
            since, told = k / fps, False
        elif k / fps - since >= FROZEN_S and not told and not dataset.schema.has("capture_s"):
            detail = f"{key} shows one picture for {k / fps - since:.1f} s"
            remedy = "check the camera's cable; delete the episode"
            into.frozen.append(Finding("dropped_frames", episode.index, since, detail, remedy))
            told = True
        before = thumb


def _thumb(image: UInt8) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    step = max(1, min(image.shape[:2]) // THUMB)
    return image[::step, ::step].astype(np.float64)


def judge(key: str, looked: CameraLook) -> Iterator[Finding]:
    """Findings about one camera once all episodes were seen."""
    yield from looked.frozen
    if not looked.seen:
        return
    levels = np.array([mean for _, _, mean in looked.seen])
    light = levels.mean(axis=1)
    tint = levels - light[:, None]
    usual_light, usual_tint = np.median(light), np.median(tint, axis=0)
    last: tuple[int, str] | None = None
    for (episode, time_s, _), bright, colour in zip(looked.seen, light, tint, strict=True):
        off = float(np.abs(colour - usual_tint).max())
        if not DARK < bright < BRIGHT or abs(bright - usual_light) > EXPOSURE_LEVELS:
            kind = "exposure"
            detail = f"{key} has a mean level of {bright:.0f}, usual is {usual_light:.0f}"
            remedy = "fix the camera's exposure, and the light of the room"
        elif off > COLOUR_LEVELS:
            kind = "colour"
            detail = f"{key}: a colour channel is {off:.0f} levels from its usual place"
            remedy = "fix the camera's white balance"
        else:
            last = None
            continue
        if last != (episode, kind):  # one finding per stretch
            yield Finding(kind, episode, time_s, detail, remedy)
        last = (episode, kind)
