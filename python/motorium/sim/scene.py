"""What stands on the table: everything random about an episode, drawn from one integer seed.

The same seed gives the same Scene bit for bit (numpy PCG64). Lengths in metres, angles in radians, in the robot
base frame; bearings are counter-clockwise from +x, seen from the pan axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import SimulationError
from .variation import AS_USUAL, Variation

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.85, 0.10, 0.10),
    "green": (0.10, 0.65, 0.15),
    "blue": (0.12, 0.25, 0.85),
}
DISTRACTORS: dict[str, tuple[str, tuple[float, ...]]] = {
    "puck": ("cylinder", (0.014, 0.010)),
    "ball": ("sphere", (0.013,)),
}
DISTRACTOR_COLOURS = ((0.90, 0.80, 0.15), (0.55, 0.20, 0.65), (0.95, 0.95, 0.95), (0.95, 0.50, 0.10))

CUBE_M = 0.025
TRAY_INNER_M = 0.084
TRAY_WALL_M = 0.005
TRAY_WALL_HEIGHT_M = 0.012
TRAY_FLOOR_M = 0.003

PAN_AXIS_X_M = 0.0388
CUBE_RADIUS_M = (0.15, 0.225)
CUBE_BEARING_RAD = (-0.65, 0.20)
CUBE_SPACING_M = 0.065
TRAY_RADIUS_M = (0.175, 0.20)
TRAY_BEARING_RAD = (0.70, 0.86)
TRAY_YAW_RAD = 0.35
TRAY_SPACING_M = 0.108
OUTER_RADIUS_M = (0.13, 0.27)
ATTEMPTS = 2000
TRAINING_SEEDS_FROM = 1_000_000_000
"""Scene seeds from here on are for training; demo and evaluation stay below."""

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Cube:
    """A cube on the table; yaw over a cube's whole symmetry, +-45 degrees."""

    colour: str
    x_m: float
    y_m: float
    yaw_rad: float
    rgb: Rgb


@dataclass(frozen=True)
class Distractor:
    """A distractor for the cameras only; it stands fixed on the table."""

    name: str
    x_m: float
    y_m: float
    rgb: Rgb


@dataclass(frozen=True)
class Tray:
    """A square tray."""

    x_m: float
    y_m: float
    yaw_rad: float
    rgb: Rgb


@dataclass(frozen=True)
class Look:
    """Light, table and camera disturbances; camera shifts are in the camera's mount frame."""

    lamp_m: tuple[float, float, float]
    lamp_strength: float
    ambient: float
    table_rgb: Rgb
    camera_shift_m: dict[str, tuple[float, float, float]]
    camera_aim_m: dict[str, tuple[float, float, float]]

    def with_camera(self, role: str, shift_m: Sequence[float], aim_m: Sequence[float]) -> Look:
        """Return the same with a camera elsewhere: (3,) and (3,) metres more of its shift and of its aim."""
        shift, aim = dict(self.camera_shift_m), dict(self.camera_aim_m)
        for table, more in ((shift, shift_m), (aim, aim_m)):
            x, y, z = np.add(table.get(role, (0.0, 0.0, 0.0)), more).tolist()
            table[role] = (x, y, z)
        return replace(self, camera_shift_m=shift, camera_aim_m=aim)


@dataclass(frozen=True)
class Scene:
    """One episode's start."""

    seed: int
    target: str
    cubes: tuple[Cube, ...]
    tray: Tray
    distractors: tuple[Distractor, ...]
    look: Look
    start_jitter: tuple[float, ...]

    @property
    def colours(self) -> tuple[str, ...]:
        """Colours on the table."""
        return tuple(cube.colour for cube in self.cubes)


def polar(radius_m: float, bearing_rad: float) -> tuple[float, float]:
    """Return (x, y) in the base frame of a point seen from the pan axis."""
    return PAN_AXIS_X_M + radius_m * math.cos(bearing_rad), radius_m * math.sin(bearing_rad)


def _jitter(rng: np.random.Generator, rgb: Rgb, spread: float = 0.07) -> Rgb:
    r, g, b = np.clip(np.asarray(rgb) + rng.uniform(-spread, spread, 3), 0.0, 1.0)
    return float(r), float(g), float(b)


def _place(
    rng: np.random.Generator,
    ranges: tuple[tuple[float, float], tuple[float, float]],
    taken: list[tuple[float, ...]],
) -> tuple[float, float] | None:
    """Return a free spot inside (radius, bearing) ranges; `taken` holds (x, y, clearance)."""
    for _ in range(60):
        x, y = polar(rng.uniform(*ranges[0]), rng.uniform(*ranges[1]))
        if all(math.hypot(x - ox, y - oy) >= clearance for ox, oy, clearance in taken):
            return x, y
    return None


def _draw_look(rng: np.random.Generator) -> Look:
    def shift(spread: float) -> tuple[float, float, float]:
        x, y, z = rng.uniform(-spread, spread, 3)
        return float(x), float(y), float(z)

    lamp = rng.uniform((0.0, -0.35, 0.6), (0.6, 0.35, 1.0))
    grey = rng.uniform(0.42, 0.62)
    return Look(
        lamp_m=(float(lamp[0]), float(lamp[1]), float(lamp[2])),
        lamp_strength=float(rng.uniform(0.25, 0.5)),
        ambient=float(rng.uniform(0.38, 0.5)),
        table_rgb=_jitter(rng, (grey, grey, grey * 0.97), 0.03),
        camera_shift_m={"front": shift(0.008), "wrist": shift(0.002)},
        camera_aim_m={"front": shift(0.006), "wrist": shift(0.003)},
    )


def palette(variation: Variation) -> dict[str, Rgb]:
    """Return every colour that a cube may have, with its RGB in 0..1."""
    return {**COLOURS, **{colour.name: colour.rgb for colour in variation.colours}}


def asked_colours(variation: Variation) -> tuple[str, ...]:
    """Return the colours that a scene may ask for."""
    return (variation.target,) if variation.target else tuple(palette(variation))


def _draw(
    rng: np.random.Generator, seed: int, target: str | None, joints: int, variation: Variation
) -> Scene | None:
    count = max(int(rng.integers(1, len(COLOURS) + 1)), variation.cubes)
    colours = [str(c) for c in rng.permutation(list(COLOURS))[:count]]
    if target is not None and target not in colours:
        colours[0] = target
    chosen = target if target is not None else colours[int(rng.integers(count))]
    tray_at = polar(rng.uniform(*TRAY_RADIUS_M), rng.uniform(*TRAY_BEARING_RAD))
    tray = Tray(
        *tray_at, float(rng.uniform(-TRAY_YAW_RAD, TRAY_YAW_RAD)), _jitter(rng, (0.66, 0.58, 0.46), 0.05)
    )
    taken: list[tuple[float, ...]] = [(*tray_at, TRAY_SPACING_M)]
    cubes = []
    for colour in colours:
        at = _place(rng, (CUBE_RADIUS_M, CUBE_BEARING_RAD), taken)
        if at is None:
            return None
        taken.append((*at, CUBE_SPACING_M))
        yaw = float(rng.uniform(-math.pi / 4, math.pi / 4))
        cubes.append(Cube(colour, *at, yaw, _jitter(rng, palette(variation)[colour])))
    distractors = []
    for name in rng.permutation(list(DISTRACTORS))[: int(rng.integers(0, len(DISTRACTORS) + 1))]:
        at = _place(rng, (OUTER_RADIUS_M, (-0.95, 0.6)), taken)
        if at is None:
            continue
        taken.append((*at, CUBE_SPACING_M))
        rgb = DISTRACTOR_COLOURS[int(rng.integers(len(DISTRACTOR_COLOURS)))]
        distractors.append(Distractor(str(name), *at, _jitter(rng, rgb)))
    start = tuple(float(v) for v in rng.uniform(-1.0, 1.0, joints))
    look = _draw_look(rng)
    for move in variation.cameras:
        look = look.with_camera(move.role, move.shift_m, move.aim_m)
    return Scene(seed, chosen, tuple(cubes), tray, tuple(distractors), look, start)


def draw_scene(
    seed: int, *, target: str | None = None, joints: int = 6, variation: Variation = AS_USUAL
) -> Scene:
    """Return the scene of a seed; `target` forces the requested colour, adding such a cube if necessary.

    Raises SimulationError for an unknown colour.
    """
    target = target or variation.target or None
    colours = palette(variation)
    if target is not None and target not in colours:
        raise SimulationError(f"no {target!r} cube; colours: {', '.join(colours)}")
    for attempt in range(ATTEMPTS):
        scene = _draw(np.random.default_rng([seed, attempt]), seed, target, joints, variation)
        if scene is not None:
            return scene
    raise SimulationError(f"seed {seed}: found no room for the cubes in {ATTEMPTS} attempts")
