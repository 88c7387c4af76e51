"""Draw pictures of coloured solids on a table, with words for one of them, and say where everything is.

A picture is drawn twice as large as it is kept. Places are in -1 .. 1, x to the right and y down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIDE, DRAWN = 96, 192
COLOURS = {
    "red": (0.85, 0.10, 0.10), "green": (0.10, 0.65, 0.15), "blue": (0.12, 0.25, 0.85), "yellow": (0.90, 0.80, 0.15),
    "orange": (0.95, 0.50, 0.10), "purple": (0.55, 0.20, 0.65), "white": (0.95, 0.95, 0.95),
    "black": (0.08, 0.08, 0.08), "pink": (0.95, 0.50, 0.70), "cyan": (0.15, 0.80, 0.85), "brown": (0.45, 0.28, 0.12),
    "gray": (0.50, 0.50, 0.50),
}  # fmt: skip
FREQUENT = ("red", "green", "blue", "yellow", "orange", "purple")
SHAPES = ("cube", "block", "ball", "cylinder")
SENTENCES = (
    "put the {} in the tray", "pick up the {}", "take the {}", "place the {} into the tray", "grab the {}",
    "move the {} to the tray", "{}", "put the {} into the box", "pick a {}",
)  # fmt: skip
LINKS = ((0.95, 0.80, 0.20), (0.10, 0.10, 0.10), (0.60, 0.60, 0.65), (0.95, 0.95, 0.95), (0.90, 0.50, 0.10))
FACES = (
    ((1, 0, 0), ((1, -1, -1), (1, 1, -1), (1, 1, 1), (1, -1, 1))),
    ((-1, 0, 0), ((-1, -1, -1), (-1, 1, -1), (-1, 1, 1), (-1, -1, 1))),
    ((0, 1, 0), ((-1, 1, -1), (1, 1, -1), (1, 1, 1), (-1, 1, 1))),
    ((0, -1, 0), ((-1, -1, -1), (1, -1, -1), (1, -1, 1), (-1, -1, 1))),
    ((0, 0, 1), ((-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1))),
)
"""Of a solid of half size 1: normals, and corners in order; the one below is never seen."""
QUESTIONS = 10 + 2 * len(COLOURS)
"""Places asked for: centre and box of what the words name, tray, tip of the arm, and of each colour its one thing."""

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Drawing:
    """A picture and what is asked of it.

    Attributes:
        picture: (96, 96, 3) uint8.
        sentence: names one thing in it.
        places: (QUESTIONS,) float32.
        known: (QUESTIONS,) bool.
    """

    picture: NDArray[np.uint8]
    sentence: str
    places: NDArray[np.float32]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class _Thing:
    colour: str
    shape: str
    at: Float64
    low: Float64
    high: Float64


class Artist:
    """Draws one picture after the other from a generator of random numbers."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def draw(self) -> Drawing:
        """Return the next picture."""
        while True:
            self._begin()
            tray = self._tray() if self.rng.random() < 0.8 else None
            things = self._things(tray)
            tip = self._arm() if self.rng.random() < 0.8 else None
            if things:
                return self._finished(things, tray, tip)

    def _begin(self) -> None:
        """Draw the table; decide on view, light and size of things."""
        rng = self.rng
        self._elevation = float(rng.uniform(0.45, 1.5))
        self._size = float(rng.uniform(6, 32))
        light = rng.normal(0.0, 1.0, 3)
        light[2] = abs(light[2]) + 0.5
        self._light = light / np.linalg.norm(light)
        self._base = np.clip(rng.uniform(0.25, 0.8) + rng.normal(0.0, 0.03, 3), 0.0, 1.0)
        y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE - 0.5
        slope = rng.uniform(-0.2, 0.2, 2)
        table = self._base * (1 + slope[0] * x + slope[1] * y)[..., None] + rng.normal(
            0, 0.01, (SIDE, SIDE, 1)
        )
        if rng.random() < 0.3:
            waves = rng.uniform(2, 12, 2)
            table *= (1 + 0.12 * np.sin(2 * math.pi * (waves[0] * x + waves[1] * y)))[..., None]
        small = Image.fromarray((np.clip(table, 0, 1) * 255).astype(np.uint8))
        self._image = small.resize((DRAWN, DRAWN))
        self._pen = ImageDraw.Draw(self._image)

    def _turned(self) -> Float64:
        """Return a rotation about the vertical, then to the camera: x right, y up, z towards it."""
        yaw = self.rng.uniform(0, 2 * math.pi)
        c, s, ce, se = math.cos(yaw), math.sin(yaw), math.cos(self._elevation), math.sin(self._elevation)
        tilt: Float64 = np.array([[1, 0, 0], [0, se, -ce], [0, ce, se]])
        return tilt @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])

    def _tray(self) -> Float64:
        at = self.rng.uniform(0.1, 0.9, 2) * DRAWN
        turn, half = self._turned(), self._size * self.rng.uniform(1.5, 2.6)
        colour = np.clip(np.array([0.66, 0.58, 0.46]) + self.rng.normal(0, 0.15, 3), 0, 1)
        for share, shade in ((1.0, 0.7), (0.85, 1.0)):
            corners = [
                turn @ (half * share * np.array([x, y, 0])) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
            ]
            self._pen.polygon([(at[0] + c[0], at[1] - c[1]) for c in corners], fill=_ink(colour, shade))
        return at

    def _things(self, tray: Float64 | None) -> list[_Thing]:
        rng, things = self.rng, list[_Thing]()
        for _ in range(int(rng.integers(1, 6))):
            names = tuple(COLOURS) if rng.random() < 0.5 else FREQUENT
            colour, shape = names[rng.integers(len(names))], SHAPES[rng.integers(len(SHAPES))]
            at = self._free(things, tray)
            if at is None or (colour, shape) in {(thing.colour, thing.shape) for thing in things}:
                continue
            rgb = np.clip(np.array(COLOURS[colour]) + rng.uniform(-0.08, 0.08, 3), 0, 1)
            low, high = self._thing(shape, at, rgb)
            things.append(_Thing(colour, shape, at, low, high))
        return things

    def _free(self, things: list[_Thing], tray: Float64 | None) -> Float64 | None:
        """Return a place in the picture that nothing else is near to."""
        for _ in range(20):
            at = self.rng.uniform(0.05, 0.95, 2) * DRAWN
            clear = tray is None or np.hypot(*(at - tray)) > 2.0 * self._size
            if clear and all(np.hypot(*(at - thing.at)) > 1.9 * self._size for thing in things):
                return np.asarray(at)
        return None

    def _thing(self, shape: str, at: Float64, rgb: Float64) -> tuple[Float64, Float64]:
        """Draw a thing and its shadow; return the corners of its box."""
        size, light, pen = self._size, self._light, self._pen
        reach, flat = 0.9 * size, math.sin(self._elevation)
        x, y = at[0] + 6 * light[0], at[1]
        wide = 0.8 * flat * reach
        pen.ellipse((x - reach, y - wide, x + reach, y + wide + 4), fill=_ink(self._base, 0.75))
        r = 0.75 * size
        if shape in ("cube", "block"):
            return self._solid(
                np.array([1.7, 0.8, 0.7] if shape == "block" else [1.0, 1.0, 1.0]) * 0.7 * size, at, rgb
            )
        if shape == "ball":
            for ring in range(5):
                q, o = r * (1 - 0.18 * ring), np.array([light[0], -light[1]]) * r * 0.12 * ring
                pen.ellipse((at[0] + o[0] - q, at[1] + o[1] - q, at[0] + o[0] + q, at[1] + o[1] + q),
                            fill=_ink(rgb, 0.6 + 0.13 * ring))  # fmt: skip
            return at - r, at + r
        high = 0.5 * size * self.rng.uniform(0.5, 1.4) * math.cos(self._elevation)
        pen.ellipse(
            (at[0] - r, at[1] + high - r * flat, at[0] + r, at[1] + high + r * flat), fill=_ink(rgb, 0.6)
        )
        pen.rectangle((at[0] - r, at[1] - high, at[0] + r, at[1] + high), fill=_ink(rgb, 0.6))
        pen.ellipse(
            (at[0] - r, at[1] - high - r * flat, at[0] + r, at[1] - high + r * flat), fill=_ink(rgb, 1.0)
        )
        box = np.array([r, high + r * flat])
        return at - box, at + box

    def _solid(self, half: Float64, at: Float64, rgb: Float64) -> tuple[Float64, Float64]:
        turn, seen = self._turned(), []
        for normal, corners in FACES:
            facing = turn @ np.array(normal, dtype=float)
            if facing[2] <= 0:
                continue
            shade = 0.45 + 0.65 * max(0.0, float(facing @ self._light))
            places = [turn @ (np.array(corner) * half) for corner in corners]
            polygon = [(at[0] + p[0], at[1] - p[1]) for p in places]
            self._pen.polygon(polygon, fill=_ink(rgb, shade))
            seen += polygon
        return np.min(seen, axis=0), np.max(seen, axis=0)

    def _arm(self) -> Float64:
        """Draw links from beyond an edge into the picture, over what is there; return where the last one ends."""
        rng = self.rng
        along, edge = rng.uniform(0, 1), float(rng.choice([-0.05, 1.05]))
        at = np.array([along, edge] if rng.random() < 0.5 else [edge, along]) * DRAWN
        angle = math.atan2(DRAWN / 2 - at[1], DRAWN / 2 - at[0])
        colour, width = np.array(LINKS[rng.integers(len(LINKS))]), float(rng.uniform(6, 28))
        for _ in range(int(rng.integers(2, 5))):
            angle += rng.normal(0, 0.6)
            end = at + np.array([math.cos(angle), math.sin(angle)]) * rng.uniform(0.08, 0.3) * DRAWN
            own = np.clip(colour + rng.normal(0, 0.1, 3), 0, 1) if rng.random() < 0.6 else np.full(3, 0.12)
            self._pen.line([tuple(at), tuple(end)], fill=_ink(own, rng.uniform(0.6, 1.0)), width=int(width))
            at, width = end, max(3.0, 0.75 * width)
        return np.asarray(at)

    def _finished(self, things: list[_Thing], tray: Float64 | None, tip: Float64 | None) -> Drawing:
        named = things[self.rng.integers(len(things))]
        sentence = SENTENCES[self.rng.integers(len(SENTENCES))].format(f"{named.colour} {named.shape}")
        places, known = np.zeros((QUESTIONS // 2, 2)), np.zeros((QUESTIONS // 2, 2), np.bool_)
        single = {c: [t.at for t in things if t.colour == c] for c in COLOURS}
        answers = [named.at, named.low, named.high, tray, tip if tip is not None and _inside(tip) else None]
        answers += [found[0] if len(found) == 1 else None for found in single.values()]
        for row, answer in enumerate(answers):
            if answer is not None:
                places[row], known[row] = 2 * answer / DRAWN - 1, True
        picture = np.asarray(self._image.resize((SIDE, SIDE), Image.Resampling.BOX))
        return Drawing(picture, sentence, places.ravel().astype(np.float32), known.ravel())


def _inside(at: Float64) -> bool:
    return bool(((at >= 0) & (at <= DRAWN)).all())


def _ink(rgb: Float64, shade: float) -> tuple[int, int, int]:
    r, g, b = (np.clip(rgb * shade, 0, 1) * 255).astype(int).tolist()
    return r, g, b
