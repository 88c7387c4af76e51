"""Declared variations of the scenes, as data: a camera that stands elsewhere, a cube of another colour.

For adapting a policy: the demonstrations that it learns from and the scenes that judge it vary in the same way. One
TOML file each in `sim/scenes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import SpecError
from ..foreign import read_toml
from ..specs.checks import unique
from ..specs.toml_table import build, build_all

DATA = Path(__file__).parent / "scenes"
USUAL = "usual"
"""Name of the scenes without any variation."""
MAX_CUBES = 3
Vec3 = tuple[float, float, float]


@dataclass(frozen=True)
class CameraMove:
    """A camera that stands elsewhere.

    Attributes:
        role: of the camera.
        shift_m: (3,) added to where it stands, in the frame of its mount.
        aim_m: (3,) added to the point that it looks at.
    """

    role: str
    shift_m: Vec3
    aim_m: Vec3


@dataclass(frozen=True)
class CubeColour:
    """A colour that a cube may have beside the usual ones.

    Attributes:
        name: one word, as in an instruction.
        rgb: in 0..1; every cube's is a little off, as of the usual colours.
    """

    name: str
    rgb: Vec3


@dataclass(frozen=True)
class Variation:
    """What the scenes have that the usual ones have not.

    Attributes:
        name: of the file.
        description: in a few words.
        cameras: that stand elsewhere.
        colours: of cubes, beside the usual ones.
        target: the colour that every scene asks for; empty: one of its own.
        cubes: on the table, at least.
    """

    name: str = USUAL
    description: str = "as usual"
    cameras: tuple[CameraMove, ...] = ()
    colours: tuple[CubeColour, ...] = ()
    target: str = ""
    cubes: int = 1

    @classmethod
    def load(cls, name: str) -> Variation:
        """Read a variation by its name (see `names`), or the scenes as usual. Raises SpecError with the known names."""
        if name == USUAL:
            return cls()
        if name not in names():
            raise SpecError(f"no scene {name!r:.80}; scenes: {', '.join([USUAL, *names()])}")
        return parse(read_toml(DATA / f"{name}.toml", error=SpecError), name)


AS_USUAL = Variation()


def names() -> list[str]:
    """Return the names of the declared variations."""
    return sorted(path.stem for path in DATA.glob("*.toml"))


def parse(table: Mapping[str, object], name: str) -> Variation:
    """Build and check a variation from decoded TOML. Raises SpecError."""
    if table.get("schema") != 1:
        raise SpecError(f"{name} has schema {table.get('schema')!r}; this version reads schema 1")
    lists = {
        "cameras": build_all(CameraMove, table, "cameras", name) if "cameras" in table else (),
        "colours": build_all(CubeColour, table, "colours", name) if "colours" in table else (),
    }
    plain = {key: value for key, value in table.items() if key not in ("schema", *lists)}
    varied = build(Variation, plain, name, name=name, **lists)
    unique([move.role for move in varied.cameras], "camera", name)
    unique([colour.name for colour in varied.colours], "colour", name)
    for colour in varied.colours:
        if not (colour.name.isascii() and colour.name.isalpha() and colour.name.islower()):
            raise SpecError(f"{name}: colour {colour.name!r} must be one word of small letters")
        if not all(0 <= value <= 1 for value in colour.rgb):
            raise SpecError(f"{name}: rgb of {colour.name} must be in 0..1, not {list(colour.rgb)}")
    if not 1 <= varied.cubes <= MAX_CUBES:
        raise SpecError(f"{name}: cubes is {varied.cubes}, not 1 to {MAX_CUBES}")
    return varied
