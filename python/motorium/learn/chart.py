"""Draw curves as pictures without any library: a frame, lines, and the numbers at the ends of both axes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..cameras.png import write_png
from ..types import UInt8

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 76, 16, 16, 28
COLOURS = ((31, 119, 180), (214, 110, 20), (44, 140, 60), (150, 60, 160))
GLYPHS = {
    "0": 0o75557, "1": 0o26227, "2": 0o71747, "3": 0o71717, "4": 0o55711, "5": 0o74717, "6": 0o74757, "7": 0o71111,
    "8": 0o75757, "9": 0o75717, ".": 0o00002, "-": 0o00700, "e": 0o06547, "+": 0o02720,
    "A": 0o25755, "B": 0o65656, "C": 0o34443, "D": 0o65556, "E": 0o74647, "F": 0o74644, "G": 0o34553, "H": 0o55755,
    "I": 0o72227, "J": 0o11152, "K": 0o55655, "L": 0o44447, "M": 0o57755, "N": 0o65555, "O": 0o25552, "P": 0o65644,
    "Q": 0o25563, "R": 0o65655, "S": 0o34216, "T": 0o72222, "U": 0o55557, "V": 0o55552, "W": 0o55775, "X": 0o55255,
    "Y": 0o55222, "Z": 0o71247,
}  # fmt: skip
"""3 x 5 pixels, a row per octal digit."""
SCALE = 2

Floats = NDArray[np.float64]


def write_chart(path: Path, curves: Sequence[tuple[Floats, Floats]], *, logarithmic: bool = False) -> None:
    """Write curves into a PNG file, as `draw_chart` draws them. Raises StorageError."""
    write_png(path, draw_chart(curves, logarithmic=logarithmic))


def draw_chart(
    curves: Sequence[tuple[Floats, Floats]],
    *,
    logarithmic: bool = False,
    y_ends: tuple[float, float] | None = None,
    colours: Sequence[int] = (),
    legend: Sequence[tuple[str, int]] = (),
) -> UInt8:
    """Return (HEIGHT, WIDTH, 3) of curves, each (N,) x and (N,) y, in one frame; a curve of one point is a dot.

    Args:
        curves: values that are not finite are left out.
        logarithmic: draw the logarithm of y, which is positive.
        y_ends: lower and upper end of the axis; None: those of the values.
        colours: a place in COLOURS for each curve; empty: one after the other.
        legend: lines of capital letters and digits, each with a place in COLOURS; on the right, above the bottom.
    """
    image = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    image[TOP : HEIGHT - BOTTOM + 1, [LEFT, WIDTH - RIGHT]] = 190
    image[[TOP, HEIGHT - BOTTOM], LEFT : WIDTH - RIGHT + 1] = 190
    shown = [
        (x[good], y[good]) for x, y in curves for good in [np.isfinite(y) & ((y > 0) | (not logarithmic))]
    ]
    if any(len(x) for x, _ in shown):
        x_low, x_high = _ends(np.concatenate([x for x, _ in shown]))
        low, high = y_ends or _ends(np.concatenate([y for _, y in shown]))
        _axes(image, (x_low, x_high), (low, high))
        place = np.log if logarithmic else np.asarray
        for number, (x, y) in enumerate(shown):
            if not len(x):
                continue
            across = (x - x_low) / (x_high - x_low)
            up = (place(y) - place(low)) / (place(high) - place(low))
            colour = colours[number] if colours else number
            _line(image, across, up, COLOURS[colour % len(COLOURS)])
    for number, (text, colour) in enumerate(reversed(legend)):
        left = WIDTH - RIGHT - 8 - 4 * SCALE * len(text)
        top = HEIGHT - BOTTOM - (number + 1) * 8 * SCALE
        _write(image, text, left, top, COLOURS[colour % len(COLOURS)])
    return image


def _ends(values: Floats) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low, low + max(abs(low), 1.0) * 1e-3)


def _axes(image: UInt8, x: tuple[float, float], y: tuple[float, float]) -> None:
    for value, row in ((y[1], TOP), (y[0], HEIGHT - BOTTOM - 5 * SCALE)):
        text = f"{value:.3g}"
        _write(image, text, LEFT - 8 - 4 * SCALE * len(text), row)
    _write(image, f"{x[0]:.5g}", LEFT, HEIGHT - BOTTOM + 8)
    text = f"{x[1]:.5g}"
    _write(image, text, WIDTH - RIGHT - 4 * SCALE * len(text), HEIGHT - BOTTOM + 8)


def _write(image: UInt8, text: str, left: int, top: int, colour: tuple[int, int, int] = (60, 60, 60)) -> None:
    for place, letter in enumerate(text):
        bits = GLYPHS.get(letter, 0)
        rows = np.array(
            [[bits >> (3 * (4 - row) + 2 - column) & 1 for column in range(3)] for row in range(5)]
        )
        dark = np.kron(rows, np.ones((SCALE, SCALE), int)) > 0
        start = left + place * 4 * SCALE
        image[top : top + 5 * SCALE, start : start + 3 * SCALE][dark] = colour


def _line(image: UInt8, across: Floats, up: Floats, colour: tuple[int, int, int]) -> None:
    columns = LEFT + across * (WIDTH - LEFT - RIGHT)
    rows = HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)
    for i in range(max(1, len(columns) - 1)):
        j = min(i + 1, len(columns) - 1)
        count = int(max(abs(columns[j] - columns[i]), abs(rows[j] - rows[i]))) + 2
        x = np.linspace(columns[i], columns[j], count).round().astype(int)
        y = np.linspace(rows[i], rows[j], count).round().astype(int)
        for side in (0, 1):
            image[np.clip(y + side, 0, HEIGHT - 1), np.clip(x, 0, WIDTH - 1)] = colour
