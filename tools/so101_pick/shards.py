"""Write and read demonstrations: a folder of shards, each a folder of plain .npy columns with one row per frame.

A frame stands for itself: pictures, state, and the chunk that the expert would play from there, with a mask of the
rows that are known. Nothing is pickled; columns are memory-mapped, so a data set may be larger than memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motorium.errors import MotoriumError
from motorium.foreign import check_regular, read_json
from motorium.types import Float32, UInt8

COLUMNS = ("images", "state", "rows", "valid", "promised", "scene", "tokens", "pregrasp", "seed")
FIELDS = {"promised": "committed"}
"""Column -> field of a frame, where their names differ: a column keeps the name that 0.1.0 gave it."""

LARGEST_MANIFEST = 64 << 20
LARGEST_COLUMN = 1 << 40


class DatasetError(MotoriumError):
    """A folder of demonstrations is missing, damaged, or of another shape than the others."""


@dataclass(frozen=True)
class DemoFrame:
    """One training example, J joints, T rows, V views.

    Attributes:
        images: (V, H, W, 3) uint8.
        state: (J,) measured slot values.
        rows: (T, J) slot values; row 0 is the setpoint in force.
        valid: (T,) whether the row may be learned.
        committed: rows below this were committed before the observation; given, never learned.
        scene: (S,) true scene vector.
        tokens: (L,) words.
        pregrasp: the target still lies on the table.
        seed: of the scene.
    """

    images: UInt8
    state: Float32
    rows: Float32
    valid: NDArray[np.bool_]
    committed: int
    scene: Float32
    tokens: NDArray[np.int32]
    pregrasp: bool
    seed: int


def write_shard(folder: Path, frames: list[DemoFrame], manifest: dict[str, Any]) -> None:
    """Write one shard; the manifest comes last, so a shard with a manifest is whole."""
    folder.mkdir(parents=True, exist_ok=False)
    for name in COLUMNS:
        np.save(
            folder / f"{name}.npy",
            np.stack([np.asarray(getattr(f, FIELDS.get(name, name))) for f in frames]),
            allow_pickle=False,
        )
    whole = {"format": "motorium-demos", "format_version": 1, "frames": len(frames), **manifest}
    (folder / "manifest.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def _column(path: Path) -> NDArray[Any]:
    try:
        real = check_regular(path, LARGEST_COLUMN, error=DatasetError)
        found: NDArray[Any] = np.load(real, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, SyntaxError, MemoryError, OverflowError) as error:
        raise DatasetError(f"damaged shard: {path}: {error}") from error
    return found


class Demos:
    """All shards under some folders, as one table.

    Args:
        folders: searched for shards (folders with a manifest.json), in sorted order.

    Raises DatasetError when there is none or when they do not fit together.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.shards = [p.parent for folder in folders for p in sorted(Path(folder).glob("**/manifest.json"))]
        if not self.shards:
            raise DatasetError(
                "no shard (a folder with manifest.json) found; record some with `python -m so101_pick record`"
            )
        self.manifests = [
            read_json(s / "manifest.json", LARGEST_MANIFEST, error=DatasetError) for s in self.shards
        ]
        self._columns = {name: [_column(s / f"{name}.npy") for s in self.shards] for name in COLUMNS}
        for name, parts in self._columns.items():
            shapes = {part.shape[1:] for part in parts}
            if len(shapes) > 1:
                raise DatasetError(
                    f"column {name!r} has rows of shapes {sorted(shapes)}; record all shards the same way"
                )
        self._starts = np.cumsum([0] + [len(part) for part in self._columns["seed"]])
        self._small = {n: np.concatenate(p) for n, p in self._columns.items() if n != "images"}
        self._check_finite()

    def __len__(self) -> int:
        return int(self._starts[-1])

    def column(self, name: str) -> NDArray[Any]:
        """Return a whole column (all but images), in memory."""
        return self._small[name]

    def images(self, index: NDArray[np.integer]) -> UInt8:
        """Return (B, V, H, W, 3) uint8 of the given frames."""
        shard = np.searchsorted(self._starts, index, side="right") - 1
        parts = self._columns["images"]
        return np.stack([parts[s][i - self._starts[s]] for s, i in zip(shard, index, strict=True)])

    def _check_finite(self) -> None:
        """Raise DatasetError for a number that is none, naming its episode and row; masked rows may hold anything."""
        for name in ("state", "rows", "scene"):
            values = self._small[name]
            good = np.isfinite(values) if values.dtype.kind == "f" else np.ones(values.shape, np.bool_)
            if name == "rows":
                good |= ~self._small["valid"][..., None]
            bad = np.flatnonzero(~good.reshape(len(values), -1).all(axis=1))
            if len(bad):
                raise DatasetError(
                    f"{self._place(int(bad[0]))}: {_told(name, values, good, int(bad[0]))}{_more(bad)}"
                )

    def _place(self, frame: int) -> str:
        """Return where a frame lies: shard, episode, row of the episode."""
        shard = int(np.searchsorted(self._starts, frame, side="right")) - 1
        seeds = self._columns["seed"][shard]
        row = frame - int(self._starts[shard])
        starts = np.concatenate([[0], np.flatnonzero(np.diff(seeds)) + 1])
        episode = int(np.searchsorted(starts, row, side="right")) - 1
        at = f"row {row - int(starts[episode])}"
        return f"{self.shards[shard]}, frame {row}: episode {episode} (scene {int(seeds[row])}), {at}"

    def source(self) -> NDArray[np.str_]:
        """Return the (N,) kind of demonstration of every frame."""
        kinds = [np.full(m["frames"], m.get("kind", "?")) for m in self.manifests]
        return np.concatenate(kinds)


def _told(name: str, values: NDArray[Any], good: NDArray[np.bool_], frame: int) -> str:
    place = tuple(int(i) for i in np.argwhere(~good[frame])[0])
    return f"{name}{list(place)} is {values[(frame, *place)]}, which is not a usable number; record it again"


def _more(bad: NDArray[np.intp]) -> str:
    return f" (and {len(bad) - 1} more frames)" if len(bad) > 1 else ""
