"""Draw plots as SVG and pictures as data URLs: what a page needs to stand alone."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...types import UInt8
from .page import escape

WIDTH, HEIGHT = 320, 92
LEFT, RIGHT, TOP, BOTTOM = 44, 6, 8, 18
POINTS = 300
"""Points of a line; more than a screen shows."""
THUMB = 112
"""Longer side of a thumbnail."""

Float = NDArray[np.float64]


def thinned(values: Float, points: int = POINTS) -> tuple[Float, Float]:
    """Return (place from 0 to 1, value) of at most so many points."""
    index = np.unique(np.linspace(0, len(values) - 1, min(points, len(values))).round().astype(int))
    return index / max(len(values) - 1, 1), values[index]


def lines(title: str, series: Sequence[tuple[str, Float]], seconds: float, unit: str) -> str:
    """Draw one small plot of several (class, (N,) values) over time; the legend is the page's."""
    finite = np.concatenate([values[np.isfinite(values)] for _, values in series])
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    middle, half = (low + high) / 2, max((high - low) / 2, 1e-3) * 1.08
    low, high = middle - half, middle + half
    wide, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    paths = []
    for name, values in series:
        x, y = thinned(np.nan_to_num(values, nan=middle))
        points = " ".join(
            f"{LEFT + px * wide:.1f},{TOP + (high - py) / (high - low) * tall:.1f}"
            for px, py in zip(x, y, strict=True)
        )
        paths.append(f'<polyline class="{escape(name)}" points="{points}"/>')
    bottom = TOP + tall
    axes = (
        f'<line class="axis" x1="{LEFT}" y1="{bottom}" x2="{WIDTH - RIGHT}" y2="{bottom}"/>'
        f'<line class="grid" x1="{LEFT}" y1="{TOP}" x2="{WIDTH - RIGHT}" y2="{TOP}"/>'
        f'<text class="num" x="{LEFT - 5}" y="{TOP + 4}">{high:.2f}</text>'
        f'<text class="num" x="{LEFT - 5}" y="{bottom + 3}">{low:.2f}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 4}">0</text>'
        f'<text class="num" x="{WIDTH - RIGHT}" y="{HEIGHT - 4}">{seconds:.1f} s</text>'
    )
    head = f"<figcaption>{escape(title)} <span>{escape(unit)}</span></figcaption>"
    body = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{axes}{"".join(paths)}</svg>'
    return f"<figure>{head}{body}</figure>"


def bars(values: Sequence[float], labels: Sequence[str], marks: Sequence[bool]) -> str:
    """Draw a bar per value with its label as a tip; marked ones in the colour of trouble."""
    count, tall, wide = len(values), 96, 960
    top = max(max(values, default=1.0), 1e-9)
    pitch = min(wide / max(count, 1), 48.0)
    parts = []
    for i, (value, label, mark) in enumerate(zip(values, labels, marks, strict=True)):
        height = value / top * (tall - 4)
        kind = "bar trouble" if mark else "bar"
        gap = min(2.0, pitch * 0.25)
        parts.append(
            f'<rect class="{kind}" x="{i * pitch:.2f}" y="{tall - height:.1f}" width="{max(pitch - gap, 0.5):.2f}" '
            f'height="{height:.1f}" rx="2"><title>{escape(label)}</title></rect>'
        )
    return f'<svg class="bars" viewBox="0 0 {wide} {tall}" preserveAspectRatio="none" role="img">{"".join(parts)}</svg>'


def thumbnail(image: UInt8) -> str:
    """Return a JPEG of an (H, W, 3) picture as a data URL, made small."""
    import av

    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    scale = min(1.0, THUMB / max(image.shape[:2]))
    height, width = (max(2, round(side * scale / 2) * 2) for side in image.shape[:2])
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1)
    encoder.options = {"qscale": "4", "strict": "unofficial"}
    small = frame.reformat(width=width, height=height, format="yuvj420p")
    small.pts = 0
    packets = [*encoder.encode(small), *encoder.encode(None)]
    return (
        "data:image/jpeg;base64," + base64.b64encode(b"".join(bytes(packet) for packet in packets)).decode()
    )
