"""Describe what a dataset holds: fps, robot and features, read from and written to `meta/info.json`."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ... import foreign
from ...errors import DataError
from ...files import write_json
from . import layout
from .feature_names import flat_names, picture_sides

INFO_LIMIT = 8 << 20
"""Largest info.json that is read."""
NOTES_LIMIT = 16 << 20
"""Largest file of notes about an episode that is read."""
MAX_FEATURES = 512
MAX_VALUES = 1 << 24
MAX_CHUNK = 10_000_000
DTYPES = ("float32", "float64", "int64", "int32", "int16", "uint8", "bool", "string")
PICTURES = ("video", "image")
KEYS = frozenset({
    "codebase_version", "robot_type", "fps", "features", "splits", "data_path", "video_path", "chunks_size",
    "total_episodes", "total_frames", "total_tasks", "total_chunks", "total_videos", "data_files_size_in_mb",
    "video_files_size_in_mb", "motorium",
})  # fmt: skip
"""Keys of info.json that are read here, or follow from what the dataset holds."""
OWN = "motorium"
"""Key of info.json with what LeRobot has no place for: units, joints."""


@dataclass(frozen=True)
class Feature:
    """One column of a dataset, or one camera.

    Attributes:
        key: such as "observation.state".
        dtype: a numpy name, "string", "video" or "image".
        shape: per row; (H, W, 3) for pictures, in whatever order info.json has their sides.
        names: of the values, one after the other, or None.
        info: about the video stream; LeRobot's keys.
    """

    key: str
    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...] | None = None
    info: Mapping[str, Any] | None = None

    @property
    def is_video(self) -> bool:
        """Whether its values lie in video files."""
        return self.dtype == "video"

    @property
    def is_column(self) -> bool:
        """Whether its values are numbers in the data files."""
        return self.dtype not in {*PICTURES, "string"}

    @property
    def is_carried(self) -> bool:
        """Whether it lies in the data files and is copied as it is: texts, and pictures as PNG or JPEG."""
        return not (self.is_video or self.is_column)

    @property
    def size(self) -> int:
        """Values per row."""
        return math.prod(self.shape)

    @property
    def numpy(self) -> np.dtype[Any]:
        """Type of one value in memory."""
        return np.dtype(self.dtype)

    def as_json(self) -> dict[str, Any]:
        """Return it as it stands in info.json."""
        out: dict[str, Any] = {
            "dtype": self.dtype,
            "shape": list(self.shape),
            "names": None if self.names is None else list(self.names),
        }
        if self.info is not None:
            out["info"] = dict(self.info)
        return out


DERIVED = (
    Feature("timestamp", "float32", (1,)),
    Feature("frame_index", "int64", (1,)),
    Feature("episode_index", "int64", (1,)),
    Feature("index", "int64", (1,)),
    Feature("task_index", "int64", (1,)),
)
"""Columns every LeRobot dataset has; they follow from the place of a row."""
DERIVED_KEYS = tuple(feature.key for feature in DERIVED)


@dataclass(frozen=True)
class Schema:
    """What must agree between two episodes of a dataset.

    Attributes:
        fps: rows per second.
        robot: LeRobot's `robot_type`.
        features: without the derived ones.
        own: the section `motorium` of info.json.
    """

    fps: int
    robot: str
    features: tuple[Feature, ...]
    own: Mapping[str, Any] = field(default_factory=dict)

    @property
    def videos(self) -> tuple[Feature, ...]:
        """Cameras, in order."""
        return tuple(f for f in self.features if f.is_video)

    @property
    def columns(self) -> tuple[Feature, ...]:
        """Numeric columns, in order."""
        return tuple(f for f in self.features if f.is_column)

    @property
    def carried(self) -> tuple[Feature, ...]:
        """Texts and pictures in the data files, in order."""
        return tuple(f for f in self.features if f.is_carried)

    @property
    def row(self) -> np.dtype[Any]:
        """One row of all numeric columns in memory."""
        return np.dtype([(f.key, f.numpy.newbyteorder("<"), f.shape) for f in self.columns])

    def feature(self, key: str) -> Feature:
        """Return a feature by key; DataError names those there are."""
        for feature in (*self.features, *DERIVED):
            if feature.key == key:
                return feature
        raise DataError(f"no feature {key!r}; this dataset has {', '.join(f.key for f in self.features)}")

    def has(self, key: str) -> bool:
        """Return whether there is such a feature."""
        return any(feature.key == key for feature in self.features)

    def digest(self) -> str:
        """Return the SHA-256 of fps, robot and features; of a video only what the camera gives, not its encoding."""
        features = [[f.key, f.dtype, list(f.shape), f.names and list(f.names)] for f in self.features]
        text = json.dumps([self.fps, self.robot, sorted(features, key=lambda f: str(f[0]))], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def with_video_info(self, codec: str, pix_fmt: str) -> Schema:
        """Return the same with LeRobot's description of the video streams filled in."""
        features = []
        for f in self.features:
            if f.is_video:
                info = {
                    "video.height": f.shape[0], "video.width": f.shape[1], "video.codec": codec,
                    "video.pix_fmt": pix_fmt, "video.is_depth_map": False, "video.fps": self.fps,
                    "video.channels": 3, "has_audio": False,
                }  # fmt: skip
                features.append(replace(f, info=info))
            else:
                features.append(f)
        return replace(self, features=tuple(features))


@dataclass(frozen=True)
class Info:
    """A parsed info.json: the schema and the totals.

    Attributes:
        schema: fps, robot and features.
        version: of LeRobot's format.
        episodes: how many it tells of.
        frames: how many it tells of.
        tasks: how many it tells of.
        data_path: pattern of the data files.
        video_path: pattern of the video files, or None.
        chunks_size: most files of a chunk folder; v2.x finds an episode's folder by it.
        splits: name -> episodes, such as "0:40"; None where info.json has none: all in "train".
        more: what else info.json has, of whoever wrote it; it goes along.
    """

    schema: Schema
    version: str = layout.VERSION
    episodes: int = 0
    frames: int = 0
    tasks: int = 0
    data_path: str = layout.DATA_PATTERN
    video_path: str | None = layout.VIDEO_PATTERN
    chunks_size: int = layout.CHUNK
    splits: Mapping[str, str] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it in LeRobot's order of keys."""
        schema = self.schema
        out: dict[str, Any] = {
            "codebase_version": self.version,
            "robot_type": schema.robot,
            "total_episodes": self.episodes,
            "total_frames": self.frames,
            "total_tasks": self.tasks,
            "chunks_size": self.chunks_size,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": schema.fps,
            "splits": {"train": f"0:{self.episodes}"} if self.splits is None else dict(self.splits),
            "data_path": self.data_path,
            "video_path": self.video_path if schema.videos else None,
            "features": {f.key: f.as_json() for f in (*schema.features, *DERIVED)},
        }
        if schema.own:
            out[OWN] = dict(schema.own)
        return out | dict(self.more)


def read_json(path: Path, limit: int = INFO_LIMIT, *, inside: Path | None = None) -> Any:
    """Read JSON of at most `limit` bytes, of the dataset `inside`; NaN is a number. DataError when it is none."""
    return foreign.read_json(path, limit, error=DataError, inside=inside, nan=True)


def read_info(root: Path) -> Info:
    """Read info.json of the dataset at `root`; v3.0, v2.1 and v2.0. Raises DataError that says what is wrong."""
    path = root / layout.INFO
    if not root.exists():
        raise DataError(f"{root}: no such folder; give a dataset, which is the folder with {layout.INFO}")
    if not path.is_file():
        raise DataError(f"{root} is not a dataset: it has no {layout.INFO}")
    value = foreign.read_json(path, INFO_LIMIT, error=DataError, inside=root)
    try:
        return parse_info(value)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(
            f"{path}: {type(error).__name__} {error}: a key is missing or of the wrong kind"
        ) from error


def write_info(root: Path, info: Info) -> None:
    """Write info.json, at once."""
    write_json(root / layout.INFO, info.as_json(), indent=4, root=root)


def parse_info(value: dict[str, Any]) -> Info:
    """Check kinds and ranges. Raises DataError, or KeyError, TypeError and ValueError for foreign shapes."""
    version = str(value["codebase_version"])
    if version not in {layout.VERSION, layout.VERSION_OLD, "v2.0"}:
        raise DataError(f"dataset version {version!r} is unknown; known: v3.0, v2.1, v2.0")
    fps = float(value["fps"])
    if not (1 <= fps <= 1000 and fps == int(fps)):
        raise DataError(f"fps {value['fps']!r} is not a whole number from 1 to 1000")
    declared = value["features"]
    if len(declared) > MAX_FEATURES:
        raise DataError(f"{len(declared)} features; at most {MAX_FEATURES} are allowed")
    features = tuple(_feature(key, entry) for key, entry in declared.items() if key not in DERIVED_KEYS)
    own = value.get(OWN, {})
    schema = Schema(
        int(fps), str(value.get("robot_type") or ""), features, own if isinstance(own, dict) else {}
    )
    episodes, frames, tasks = (int(value[f"total_{what}"]) for what in ("episodes", "frames", "tasks"))
    if min(episodes, frames, tasks) < 0:
        raise DataError("info.json: a total is negative")
    video_path = value.get("video_path")
    video = None if video_path is None else str(video_path)
    layout.check_patterns(str(value["data_path"]), video)
    chunk = int(value.get("chunks_size", layout.CHUNK))
    if not 1 <= chunk <= MAX_CHUNK:
        raise DataError(f"info.json: chunks_size {chunk} is not between 1 and {MAX_CHUNK}")
    splits = value.get("splits")
    return Info(
        schema, version, episodes, frames, tasks, str(value["data_path"]), video, chunk,
        {str(name): str(text) for name, text in splits.items()} if isinstance(splits, dict) else None,
        {key: entry for key, entry in value.items() if key not in KEYS},
    )  # fmt: skip


def _feature(key: str, entry: Mapping[str, Any]) -> Feature:
    if not key or "/" in key or ".." in key or "\0" in key or len(key) > 200:
        raise DataError(f"feature name {key[:200]!r} is not allowed")
    dtype, shape = str(entry["dtype"]), tuple(int(n) for n in entry["shape"])
    if dtype not in (*DTYPES, *PICTURES):
        raise DataError(f"feature {key!r}: type {dtype!r} is unknown")
    if not 1 <= len(shape) <= 5 or min(shape) < 1 or math.prod(shape) > MAX_VALUES:
        raise DataError(f"feature {key!r}: shape {list(shape)} is not allowed")
    names, info = flat_names(entry.get("names"), shape), entry.get("info") or entry.get("video_info")
    info = info if isinstance(info, dict) else None
    if dtype in PICTURES:
        shape, names = picture_sides(shape, names, info)
    return Feature(key, dtype, shape, names, info)
