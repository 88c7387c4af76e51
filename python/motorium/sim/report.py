"""What a demo leaves behind: report.json, a contact sheet of all episodes, a short film of one.

Files appear whole or not at all: each is written beside its place and moved there when complete.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import write_whole
from ..types import UInt8

if TYPE_CHECKING:
    from PIL import Image, ImageFont

REPORT = "report.json"
SHEET = "contact_sheet.png"
FILM = "episode.gif"

Rgb = tuple[int, int, int]
BACKGROUND: Rgb = (24, 26, 30)
INK: Rgb = (232, 232, 232)
SUCCESS: Rgb = (46, 160, 90)
FAILURE: Rgb = (205, 60, 50)

PICTURE_PX = 144
GAP_PX = 6
BORDER_PX = 4
CAPTION_PX = 40
SHEET_MAX_PX = 1900
SCREEN_ASPECT = 1.6


@dataclass(frozen=True)
class Shot:
    """Pictures of one moment: camera role -> (H, W, 3) uint8 RGB, and the time since the episode began."""

    time_s: float
    images: Mapping[str, UInt8]


@dataclass(frozen=True)
class EpisodePictures:
    """One episode on the contact sheet: what was asked, how it went, and its shots in time order."""

    title: str
    detail: str
    success: bool
    shots: Sequence[Shot] = field(default_factory=tuple)

    def triptych(self, role: str) -> list[UInt8]:
        """Return first, middle and last picture of a camera; fewer when fewer were taken."""
        pictures = [shot.images[role] for shot in self.shots if role in shot.images]
        picks = sorted({0, len(pictures) // 2, len(pictures) - 1}) if pictures else []
        return [pictures[i] for i in picks]

    def for_sheet(self) -> EpisodePictures:
        """Return only the shots that the contact sheet shows, so that a long series of episodes stays small."""
        last = len(self.shots) - 1
        picks = sorted({0, len(self.shots) // 2, last}) if self.shots else []
        return replace(self, shots=tuple(self.shots[i] for i in picks))


def contact_sheet(episodes: Sequence[EpisodePictures], *, role: str = "front") -> Image.Image:
    """Return a picture of all episodes: three frames each, the border green for success and red for failure."""
    from PIL import Image

    cell_w = 3 * PICTURE_PX + 2 * GAP_PX + 2 * BORDER_PX
    cell_h = PICTURE_PX + CAPTION_PX + 2 * BORDER_PX
    columns = _columns(len(episodes), cell_w, cell_h)
    rows = -(-len(episodes) // columns)
    size = (columns * (cell_w + GAP_PX) + GAP_PX, rows * (cell_h + GAP_PX) + GAP_PX)
    sheet = Image.new("RGB", size, BACKGROUND)
    for index, episode in enumerate(episodes):
        cell = _cell(episode, role, (cell_w, cell_h))
        row, column = divmod(index, columns)
        sheet.paste(cell, (GAP_PX + column * (cell_w + GAP_PX), GAP_PX + row * (cell_h + GAP_PX)))
    return sheet


def _columns(count: int, cell_w: int, cell_h: int) -> int:
    """So many columns that the sheet has about the shape of a screen and is no wider than one."""
    fitting = round(math.sqrt(SCREEN_ASPECT * count * cell_h / cell_w))
    return max(1, min(fitting, SHEET_MAX_PX // cell_w, count))


def _cell(episode: EpisodePictures, role: str, size: tuple[int, int]) -> Image.Image:
    from PIL import Image, ImageDraw

    cell = Image.new("RGB", size, SUCCESS if episode.success else FAILURE)
    draw = ImageDraw.Draw(cell)
    draw.rectangle((BORDER_PX, BORDER_PX, size[0] - BORDER_PX - 1, size[1] - BORDER_PX - 1), fill=BACKGROUND)
    for i, picture in enumerate(episode.triptych(role)):
        cell.paste(_enlarged(picture, PICTURE_PX), (BORDER_PX + i * (PICTURE_PX + GAP_PX), BORDER_PX))
    top = BORDER_PX + PICTURE_PX + 3
    draw.text((BORDER_PX + 4, top), episode.title, fill=INK, font=_font())
    draw.text((BORDER_PX + 4, top + 17), episode.detail, fill=INK, font=_font())
    return cell


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size=13)


def _enlarged(picture: UInt8, height_px: int) -> Image.Image:
    from PIL import Image

    image = Image.fromarray(picture)
    width_px = round(height_px * image.width / image.height)
    return image.resize((width_px, height_px), Image.Resampling.LANCZOS)


def film(episode: EpisodePictures, *, roles: Sequence[str], height_px: int = 192) -> list[Image.Image]:
    """Draw the frames of an episode with its cameras side by side, captioned; one per shot that has every camera."""
    from PIL import Image, ImageDraw

    frames = []
    for shot in episode.shots:
        if any(role not in shot.images for role in roles):
            continue
        views = [_enlarged(shot.images[role], height_px) for role in roles]
        frame = Image.new("RGB", (sum(v.width for v in views), height_px + 22), BACKGROUND)
        left = 0
        for view in views:
            frame.paste(view, (left, 0))
            left += view.width
        caption = f"{episode.title}   {shot.time_s:.1f} s"
        ImageDraw.Draw(frame).text((6, height_px + 3), caption, fill=INK, font=_font())
        frames.append(frame)
    return frames


def write_sheet(path: Path, episodes: Sequence[EpisodePictures]) -> None:
    """Write the contact sheet as PNG, whole or not at all."""
    sheet = contact_sheet(episodes)
    write_whole(path, lambda file: sheet.save(file, format="PNG", optimize=True))


def write_film(path: Path, episode: EpisodePictures, *, roles: Sequence[str]) -> bool:
    """Write an animated GIF that plays in real time; False, and no file, when there is nothing to show."""
    from PIL import Image

    frames = film(episode, roles=roles)
    if not frames:
        return False
    times = [shot.time_s for shot in episode.shots if all(role in shot.images for role in roles)]
    gaps = [round(1000 * (b - a)) for a, b in itertools.pairwise(times)]
    durations = [*(max(20, gap) for gap in gaps), 1500]
    # One palette per frame; the octree keeps small bright things, such as a cube, where median cut merges them.
    palette = [frame.quantize(colors=256, method=Image.Quantize.FASTOCTREE) for frame in frames]
    first, rest = palette[0], palette[1:]
    write_whole(
        path,
        lambda file: first.save(
            file, format="GIF", save_all=True, append_images=rest, duration=durations, loop=0, optimize=False
        ),
    )
    return True
