"""Demonstrations in HDF5 become a LeRobotDataset v3.0: the layouts of ALOHA (ACT) and of robomimic.

ALOHA, a file per episode: `observations/{qpos,qvel,effort}` (N, J), `observations/images/<camera>` (N, H, W, 3) or
JPEGs (N, bytes), `action` (N, A). robomimic, all in one file: `data/demo_<i>/obs/<key>`, `data/demo_<i>/actions`, and
`data.attrs["env_args"]`. Angles and other units stay as they are.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..children import python_module
from ..errors import DataError
from ..types import UInt8
from . import hdf5_file, layout
from .build import beside
from .jpeg import decode_jpeg
from .schema import Feature, Info, Schema, read_info
from .writer import DatasetWriter

SUFFIXES = (".hdf5", ".h5", ".hdf")
PATIENCE_S = 60.0
MAX_FRAME_BYTES = 64 << 20
STATE_KEYS = ("robot0_joint_pos", "robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos")
"""What robomimic trains on, of its low-dimensional observations; together they are `observation.state`."""
ALOHA_STATES = {"qpos": "observation.state", "qvel": "observation.velocity", "effort": "observation.effort"}
ALOHA_ARM = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper")
ALOHA_JOINTS = tuple(f"{side}_{joint}" for side in ("left", "right") for joint in ALOHA_ARM)


@dataclass(frozen=True)
class Said:
    """What an HDF5 file does not say itself; None takes what the file says, where it does.

    Attributes:
        fps: rows per second; ALOHA's files carry none (the robot's is 50), robomimic's `control_freq`.
        task: the instruction; of robomimic otherwise the environment's name.
        robot: name.
        units: of state and action: "rad", "deg" or "lerobot"; kept in info.json for `slots` and replays.
    """

    fps: int | None = None
    task: str | None = None
    robot: str | None = None
    units: str | None = None


@dataclass(frozen=True)
class Demo:
    """One episode of a file: columns in memory, pictures still in the file."""

    name: str
    columns: Mapping[str, NDArray[np.float32]]
    pictures: Mapping[str, Any]
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    defaults: Said = field(default_factory=Said)
    left_out: tuple[str, ...] = ()


def is_hdf5(source: Path) -> bool:
    """A file, or a folder of them that is no dataset."""
    if source.is_dir():
        return not (source / layout.INFO).exists() and bool(_files(source))
    return source.suffix.lower() in SUFFIXES


def import_hdf5(source: Path, target: Path, said: Said) -> tuple[Info, list[str]]:
    """Write the demonstrations in `source`, a file or a folder of files, as a dataset at `target`.

    A process of its own reads: the HDF5 library can be crashed by a damaged file (2 of 2000 random ones did).

    Returns its totals and what was left out, in words. Raises DataError; then there is no `target`.
    """
    try:
        with beside(target) as work:
            answer = _read_apart(source, work, said)
    except OSError as error:
        raise DataError(f"cannot write beside {target}: {error.strerror or error}") from error
    return read_info(target), list(answer["left_out"])


def _read_apart(source: Path, work: Path, said: Said) -> dict[str, Any]:
    """What the reading process says. Raises DataError when it failed or crashed."""
    words = json.dumps([str(source), str(work), asdict(said)])
    done = subprocess.run(
        python_module("motorium.data.hdf5", words), capture_output=True, text=True, check=False
    )
    if done.returncode < 0:
        raise DataError(f"{source} is damaged: reading it ended with signal {-done.returncode}")
    answer: dict[str, Any] = (
        json.loads(done.stdout.splitlines()[-1]) if done.stdout else {"error": done.stderr[-2000:]}
    )
    if "error" in answer:
        raise DataError(answer["error"])
    return answer


def main() -> None:
    """The reading process: source, folder and `Said` as JSON in, what was left out or an error as JSON out."""
    source, work, said = json.loads(sys.argv[1])
    left_out: dict[str, None] = {}
    try:
        _write(Path(work), _demos(Path(source)), Said(**said), left_out)
        shutil.rmtree(Path(work) / layout.STAGING)
        answer: dict[str, Any] = {"left_out": list(left_out)}
    except DataError as error:
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]


def _demos(source: Path) -> Iterator[Demo]:
    files = sorted(_files(source), key=lambda p: (len(p.stem), p.stem)) if source.is_dir() else [source]
    if not files:
        raise DataError(f"{source} holds no HDF5 file")
    for path in files:
        with hdf5_file.opened(path) as root:
            try:
                yield from _demos_of(root, path)
            except DataError as error:
                raise DataError(f"{path}: {error}") from error


def _demos_of(root: Any, path: Path) -> Iterator[Demo]:
    if hdf5_file.member(root, "observations") is not None and hdf5_file.member(root, "action") is not None:
        yield _aloha(root, path.stem)
        return
    data = hdf5_file.member(root, "data")
    if data is None:
        raise DataError("neither observations/ and action (ALOHA) nor data/ (robomimic) is in it")
    demos = [name for name in hdf5_file.names(data) if name.startswith("demo")]
    if not demos:
        raise DataError("data/ holds no demo_0, demo_1 and so on")
    for name in demos:
        yield _robomimic(data, name)


def _aloha(root: Any, name: str) -> Demo:
    observations = hdf5_file.member(root, "observations")
    columns = {"action": hdf5_file.column(hdf5_file.member(root, "action"), "action")}
    for key, ours in ALOHA_STATES.items():
        found = hdf5_file.member(observations, key)
        if found is not None:
            columns[ours] = hdf5_file.column(found, key)
    if "observation.state" not in columns:
        raise DataError("observations/qpos is missing")
    images = hdf5_file.member(observations, "images")
    cameras = hdf5_file.names(images) if images is not None else []
    pictures = {f"observation.images.{c}": hdf5_file.member(images, c) for c in cameras}
    names = {key: ALOHA_JOINTS for key, value in columns.items() if value.shape[1] == len(ALOHA_JOINTS)}
    left = tuple(k for k in hdf5_file.names(observations) if k not in (*ALOHA_STATES, "images"))
    return Demo(name, columns, pictures, names, Said(robot="aloha"), left)


def _robomimic(data: Any, name: str) -> Demo:
    demo = hdf5_file.member(data, name)
    observed = hdf5_file.member(demo, "obs")
    if observed is None:
        raise DataError(
            f"{name} has no obs/: it holds simulator states only; robomimic's dataset_states_to_obs makes them"
        )
    columns: dict[str, NDArray[np.float32]] = {}
    pictures, left = {}, []
    for key in hdf5_file.names(observed):
        found = hdf5_file.checked(hdf5_file.member(observed, key), f"{name}/obs/{key}")
        if len(found.shape) == 4 and found.shape[-1] == 3 and found.dtype == np.uint8:
            pictures[f"observation.images.{key.removesuffix('_image')}"] = found
        elif len(found.shape) <= 2:
            columns[f"observation.{key}"] = hdf5_file.column(found, f"{name}/obs/{key}")
        else:
            left.append(f"obs/{key} {found.shape[1:]} {found.dtype}")
    state = [k for k in (f"observation.{key}" for key in STATE_KEYS) if k in columns] or sorted(columns)
    if not state:
        raise DataError(f"{name} has no observation of numbers")
    labels = tuple(f"{k.removeprefix('observation.')}.{i}" for k in state for i in range(columns[k].shape[1]))
    columns["observation.state"] = np.hstack([columns.pop(k) for k in state])
    columns["action"] = hdf5_file.column(hdf5_file.member(demo, "actions"), f"{name}/actions")
    return Demo(name, columns, pictures, {"observation.state": labels}, _environment(data), tuple(left))


def _environment(data: Any) -> Said:
    told = hdf5_file.attribute(data, "env_args")
    if not isinstance(told, dict):
        return Said(robot="robomimic")
    more = told.get("env_kwargs")
    more = more if isinstance(more, dict) else {}
    rate, robots = more.get("control_freq"), more.get("robots")
    fps = int(rate) if isinstance(rate, (int, float)) and 1 <= rate <= 1000 and rate == int(rate) else None
    robot = str(robots[0] if isinstance(robots, list) and robots else robots or "robomimic")[:200]
    return Said(fps, str(told.get("env_name", ""))[:500], robot)


def _write(root: Path, demos: Iterator[Demo], said: Said, left_out: dict[str, None]) -> None:
    writer: DatasetWriter | None = None
    schema: Schema | None = None
    try:
        for demo in demos:
            left_out.update(dict.fromkeys(demo.left_out))
            films = {key: _Film(entry, f"{demo.name}: {key}") for key, entry in demo.pictures.items()}
            found = _schema(demo, films, said)
            if writer is None or schema is None:
                schema = found
                writer = DatasetWriter(root, schema, patience_s=PATIENCE_S)
            elif found.digest() != schema.digest():
                why = "; ".join(schema.differences(found))
                raise DataError(f"{demo.name} does not fit the first episode: {why}")
            _episode(writer, demo, films, said)
        if writer is None:
            raise DataError("there is no episode")
    finally:
        if writer is not None:
            writer.close()


def _schema(demo: Demo, films: Mapping[str, _Film], said: Said) -> Schema:
    fps = said.fps or demo.defaults.fps
    if fps is None:
        raise DataError(
            "the file does not say how many rows there are per second: give --fps (ALOHA records at 50)"
        )
    features = [
        Feature(key, "float32", (values.shape[1],), demo.names.get(key))
        for key, values in sorted(demo.columns.items())
    ]
    picture = ("height", "width", "channels")
    features += [Feature(key, "video", film.shape, picture) for key, film in films.items()]
    own = {"units": dict.fromkeys(("observation.state", "action"), said.units)} if said.units else {}
    return Schema(fps, said.robot or demo.defaults.robot or "", tuple(features), own)


def _episode(writer: DatasetWriter, demo: Demo, films: Mapping[str, _Film], said: Said) -> None:
    counts = {key: len(values) for key, values in demo.columns.items()}
    counts |= {key: film.count for key, film in films.items()}
    length = counts["action"]
    if set(counts.values()) != {length}:
        raise DataError(f"{demo.name}: not as many rows everywhere: {counts}")
    task = said.task if said.task is not None else demo.defaults.task or ""
    writer.begin(task, 0)
    streams = {key: film.images() for key, film in films.items()}
    for k in range(length):
        row = {key: values[k] for key, values in demo.columns.items()}
        writer.add(row, {key: next(stream) for key, stream in streams.items()})
    writer.end({"source": demo.name})


class _Film:
    """The pictures of one camera in one episode, plain or as JPEGs. Raises DataError for anything else."""

    def __init__(self, entry: Any, where: str) -> None:
        self._entry, self._where = hdf5_file.checked(entry, where), where
        shape: Sequence[int] = self._entry.shape
        self.count = int(shape[0])
        if self._entry.dtype != np.uint8 or not (len(shape) == 2 or (len(shape) == 4 and shape[3] == 3)):
            raise DataError(
                f"{where} is {self._entry.dtype} {tuple(shape)}; uint8 (N, H, W, 3) or JPEGs are read"
            )
        self._packed = len(shape) == 2
        if int(np.prod(shape[1:], dtype=object)) > MAX_FRAME_BYTES:
            raise DataError(f"{where}: a frame of {tuple(shape[1:])} is larger than is read")
        self.shape = next(self.images()).shape if self._packed else tuple(int(n) for n in shape[1:])
        if self.shape[0] % 2 or self.shape[1] % 2:
            raise DataError(f"{where}: frames of {self.shape[1]} x {self.shape[0]}; a video needs even sides")

    def images(self) -> Iterator[UInt8]:
        """(H, W, 3) RGB, one after the other."""
        for entry in hdf5_file.blocks(self._entry, self._where):
            yield decode_jpeg(entry.tobytes(), self._where) if self._packed else entry


if __name__ == "__main__":
    main()
