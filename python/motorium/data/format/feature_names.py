"""Read names of a feature's values, and the order of a picture's sides, in every form found in info.json.

LeRobot and the tools around it write names as a list, as a list of lists, as lists under a word such as "motors" or
"axes", or as name -> place; and shapes of pictures as (H, W, C) or (C, H, W), which their names tell apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import DataError

MAX_NAMES = 1 << 16
DEEPEST = 8
PICTURE = ("height", "width", "channels")
"""Names of a picture's sides in the order in which they are kept here, which is that of arrays."""
CHANNELS = (1, 3, 4)
ARM_PREFIX = "main_"
"""Prefix in LeRobot's older datasets, which name the arms of a robot."""
_SIDES = {
    "height": 0, "h": 0, "rows": 0, "width": 1, "w": 1, "cols": 1, "columns": 1,
    "channels": 2, "channel": 2, "c": 2, "rgb": 2,
}  # fmt: skip


def flat_names(names: Any, shape: tuple[int, ...]) -> tuple[str, ...] | None:
    """Flatten names to one for each value, in order; None when there are none.

    Where several lists are together more than `shape` has values, and the first of them fits, it alone counts.

    Raises DataError: more than 65536, or nested deeper than 8.
    """
    whole = _flat(names)
    if whole and len(whole) not in (math.prod(shape), shape[-1], len(shape)):
        parts = list(names.values()) if isinstance(names, Mapping) else names
        first = _flat(parts[0]) if isinstance(parts, list) and parts else ()
        if len(first) == math.prod(shape):
            return first
    return whole or None


def _flat(names: Any) -> tuple[str, ...]:
    found: list[str] = []
    for name in _walk(names, 0):
        if len(found) == MAX_NAMES:
            raise DataError(f"more than {MAX_NAMES} names of a feature")
        found.append(name)
    return tuple(found)


def joint_of(name: str) -> str:
    """Return the joint of a value's name: "shoulder_pan" of "shoulder_pan.pos", and of "main_shoulder_pan" of old."""
    return name.removeprefix(ARM_PREFIX).removesuffix(".pos")


def _walk(names: Any, depth: int) -> Iterator[str]:
    if depth > DEEPEST:
        raise DataError(f"names of a feature are nested more than {DEEPEST} deep")
    if isinstance(names, Mapping):
        places = list(names.values())
        if all(isinstance(place, int) and not isinstance(place, bool) for place in places):
            yield from sorted(names, key=lambda name: int(names[name]))  # {"x": 0, "y": 1}
            return
        names = places
    if isinstance(names, (list, tuple)):
        for entry in names:
            yield from _walk(entry, depth + 1)
    elif names is not None and depth:
        yield str(names)


def picture_sides(
    shape: tuple[int, ...], names: tuple[str, ...] | None, info: Mapping[str, Any] | None
) -> tuple[tuple[int, ...], tuple[str, ...] | None]:
    """Bring a picture's shape and the names of its sides into the order height, width, channels.

    The names decide; without them the size that the description of the video states; without that the place of what
    can be a number of channels (1, 3 or 4), LeRobot's (H, W, C) first. Shapes of other than three sides stay.
    """
    if len(shape) != len(PICTURE):
        return shape, names
    places = [_SIDES.get(name.strip().lower()) for name in names or ()]
    if sorted(place for place in places if place is not None) == [0, 1, 2]:
        sides = dict(zip(places, shape, strict=True))
        return (sides[0], sides[1], sides[2]), PICTURE
    turned = (shape[1], shape[2], shape[0])
    said = (info or {}).get("video.height"), (info or {}).get("video.width")
    if said in [shape[:2], turned[:2]]:
        ordered = shape if said == shape[:2] else turned
    else:
        ordered = turned if shape[2] not in CHANNELS and shape[0] in CHANNELS else shape
    return ordered, PICTURE if names is None or ordered != shape else names
