"""Judge pictures: exposure and colour against other episodes of the same camera, and standing still."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...types import UInt8
from .findings import WITHOUT, Finding

DARK, BRIGHT = 10.0, 245.0
"""Mean level of a picture without light, or with nothing but light."""
EXPOSURE_LEVELS, COLOUR_LEVELS = 30.0, 18.0
"""A picture's mean, or a channel against that mean, may be this far from the usual picture of its camera."""
FROZEN_S = 2.0
LEVEL = 0.02
"""Two pictures whose thumbnails differ less than this on average are one picture, of which there are two."""
THUMB = 16
BLANK_LEVELS = 1.0
"""A picture that varies less than this in every channel shows nothing, as what decoders put for lost frames."""


@dataclass
class CameraPictures:
    """What one camera's pictures look like.

    Attributes:
        key: of the camera.
        still: whether pictures that do not change are looked for; times of capture tell it better, where there are any.
        seen: (episode, time, mean of R, G and B) of some pictures.
        found: findings that need no other episode.
    """

    key: str
    still: bool = True
    seen: list[tuple[int, float, tuple[float, float, float]]] = field(default_factory=list)
    found: list[Finding] = field(default_factory=list)
    _episode: int = -1
    _before: NDArray[np.float64] | None = None
    _since: float = 0.0
    _told: frozenset[str] = frozenset()

    def add(self, episode: int, time_s: float, image: UInt8) -> None:
        """Add a picture, (H, W, 3) RGB, of an episode; times only grow within one."""
        if episode != self._episode:
            self._episode, self._before, self._since, self._told = episode, None, 0.0, frozenset()
        r, g, b = (float(level) for level in image.reshape(-1, 3).mean(axis=0))
        self.seen.append((episode, time_s, (r, g, b)))
        thumb = _thumb(image)
        if self._before is None or np.abs(thumb - self._before).mean() > LEVEL:
            self._since, self._told = time_s, self._told - {"frozen"}
        elif self.still and time_s - self._since >= FROZEN_S and "frozen" not in self._told:
            detail = f"{self.key} shows the same picture for {time_s - self._since:.1f} s"
            remedy = f"check the camera's cable; {WITHOUT}"
            self.found.append(Finding("dropped_frames", episode, self._since, detail, remedy))
            self._told |= {"frozen"}
        if thumb.std(axis=(0, 1)).max() >= BLANK_LEVELS:
            self._told -= {"blank"}
        elif DARK < (r + g + b) / 3 < BRIGHT and "blank" not in self._told:
            detail = f"{self.key} shows nothing: the whole picture has the level {(r + g + b) / 3:.0f}"
            self.found.append(Finding("exposure", episode, time_s, detail, f"look at the video; {WITHOUT}"))
            self._told |= {"blank"}
        self._before = thumb


def _thumb(image: UInt8) -> NDArray[np.float64]:
    step = max(1, min(image.shape[:2]) // THUMB)
    return image[::step, ::step].astype(np.float64)


def judge(looked: CameraPictures) -> Iterator[Finding]:
    """Find what is wrong with one camera once all episodes were added."""
    yield from looked.found
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
            detail = f"{looked.key} has a mean level of {bright:.0f}, usual is {usual_light:.0f}"
            remedy = "fix the camera's exposure and the light in the room"
        elif off > COLOUR_LEVELS:
            kind = "colour"
            detail = f"{looked.key}: a colour channel is {off:.0f} levels from its usual place"
            remedy = "fix the camera's white balance"
        else:
            last = None
            continue
        if last != (episode, kind):  # one finding per stretch
            yield Finding(kind, episode, time_s, detail, remedy)
        last = (episode, kind)
