"""Know the HDF5 layouts of ALOHA (ACT) and robomimic; list what has no place in a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ..format.schema import DERIVED_KEYS
from . import hdf5_file, hdf5_words

STATE_KEYS = (
    ("robot0_joint_pos", "robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos"),
    ("joint_states", "ee_pos", "ee_ori", "gripper_states"),
)
"""What robomimic and LIBERO train on, of the low-dimensional observations; together they are `observation.state`."""
ALOHA_STATES = {"qpos": "observation.state", "qvel": "observation.velocity", "effort": "observation.effort"}
ALOHA_ARM = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper")
ALOHA_JOINTS = tuple(f"{side}_{joint}" for side in ("left", "right") for joint in ALOHA_ARM)
STATE, ACTION = "observation.state", "action"
TAKEN = (STATE, ACTION, *ALOHA_STATES.values())
JPEG = b"\xff\xd8"


@dataclass(frozen=True)
class Said:
    """What an HDF5 file may lack; None uses what the file says.

    Attributes:
        fps: rows per second; ALOHA's files carry none (the robot's is 50), robomimic's `control_freq`.
        task: the instruction; otherwise the one the file says, or the name of robomimic's environment.
        robot: name.
        units: of state and action: "rad", "deg" or "lerobot"; kept in info.json for `slots` and replays.
    """

    fps: int | None = None
    task: str | None = None
    robot: str | None = None
    units: str | None = None


@dataclass(frozen=True)
class Demo:
    """One episode of a file: columns in memory, pictures still in the file.

    Attributes:
        name: in its file.
        columns: state, action and what ALOHA has beside them, float32 as LeRobot keeps them.
        extras: other columns as they are; kept where every episode has them.
        pictures: camera key -> dataset.
        names: column -> names of its values.
        defaults: what the file says.
        left_out: what has no place, in words.
    """

    name: str
    columns: Mapping[str, NDArray[Any]]
    extras: Mapping[str, NDArray[Any]]
    pictures: Mapping[str, Any]
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    defaults: Said = field(default_factory=Said)
    left_out: tuple[str, ...] = ()


def read_demos(path: Path) -> Iterator[Demo]:
    """Read every episode of a file, in the order of their numbers. Raises DataError."""
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
        raise DataError("it contains neither observations/ and action (ALOHA) nor data/ (robomimic)")
    demos = [name for name in hdf5_file.names(data) if name.startswith("demo")]
    if not demos:
        raise DataError("data/ has no demo_0, demo_1 and so on")
    around = _Found("", 0)
    for group, known in ((root, ("data",)), (data, demos)):
        for name in hdf5_file.names(group):
            if name not in known:
                around.leave(group, name, "beside the episodes")
    for name in demos:
        yield _robomimic(root, name, around.left_out)


class _Found:
    """Columns of an episode that are kept as they are, and what has no place here."""

    def __init__(self, episode: str, rows: int) -> None:
        self._episode, self._rows = episode, rows
        self.columns: dict[str, NDArray[Any]] = {}
        self.left_out: list[str] = []

    def keep(self, group: Any, name: str, where: str, key: str) -> None:
        """Keep a member of a group as column `key`, where it is one: numbers, one or more for each row."""
        found = hdf5_file.member(group, name)
        shape, path = getattr(found, "shape", None), f"{where}{name}"
        if shape is None or len(shape) > 2 or shape[:1] != (self._rows,):
            self.leave(
                group, name, "" if shape is None or len(shape) > 2 else f"not {self._rows} rows", where
            )
            return
        try:
            values = hdf5_file.column(found, path)
        except DataError as error:
            self.left_out.append(str(error))
            return
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
            self.left_out.append(f"{path} of {self._episode}: row {row} is not finite")
            return
        self.columns[f"source.{key}" if key in (*DERIVED_KEYS, *TAKEN) else key] = values

    def leave(self, group: Any, name: str, why: str, where: str = "") -> None:
        """Name what is not carried over, by its shape and kind."""
        found = hdf5_file.member(group, name)
        shape = getattr(found, "shape", None)
        if shape is None:
            self.left_out.append(f"{where}{name}/ (a group)")
            return
        told = f"{where}{name} {tuple(shape[1:])} {found.dtype}"
        self.left_out.append(f"{told}: {why}" if why else told)


def _aloha(root: Any, name: str) -> Demo:
    observations = hdf5_file.member(root, "observations")
    columns = {ACTION: hdf5_file.column(hdf5_file.member(root, "action"), "action", np.float32)}
    for key, ours in ALOHA_STATES.items():
        found = hdf5_file.member(observations, key)
        if found is not None:
            columns[ours] = hdf5_file.column(found, key, np.float32)
    if STATE not in columns:
        raise DataError("observations/qpos is missing")
    images = hdf5_file.member(observations, "images")
    more, pictures = _Found(name, len(columns[ACTION])), {}
    for camera in hdf5_file.names(images) if images is not None else ():
        found = hdf5_file.member(images, camera)
        if _may_be_picture(found):
            pictures[f"observation.images.{camera}"] = found
        else:
            more.leave(images, camera, "no colour pictures", "observations/images/")
    for key in hdf5_file.names(observations):
        if key not in (*ALOHA_STATES, "images"):
            more.keep(observations, key, "observations/", f"observation.{key}")
    for key in hdf5_file.names(root):
        if key not in ("observations", "action") and not hdf5_words.is_instruction(root, key):
            more.keep(root, key, "", key)
    names = {key: ALOHA_JOINTS for key, value in columns.items() if value.shape[1] == len(ALOHA_JOINTS)}
    said = Said(hdf5_words.rate({}, root), hdf5_words.instruction(root), "aloha")
    return Demo(name, columns, more.columns, pictures, names, said, tuple(more.left_out))


def _robomimic(root: Any, name: str, around: list[str]) -> Demo:
    data = hdf5_file.member(root, "data")
    demo = hdf5_file.member(data, name)
    observed = hdf5_file.member(demo, "obs")
    if observed is None:
        raise DataError(
            f"{name} has no obs/: it holds simulator states only; robomimic's dataset_states_to_obs makes them"
        )
    action = hdf5_file.column(hdf5_file.member(demo, "actions"), f"{name}/actions", np.float32)
    more, pictures = _Found(name, len(action)), {}
    for key in hdf5_file.names(observed):
        found = hdf5_file.member(observed, key)
        if _is_picture(found, f"{name}/obs/{key}"):
            pictures[f"observation.images.{key.removesuffix('_image')}"] = found
        else:
            more.keep(observed, key, "obs/", f"observation.{key}")
    for key in hdf5_file.names(demo):
        if key not in ("obs", "actions") and not hdf5_words.is_instruction(demo, key):
            more.keep(demo, key, "", key)
    state = _state(more.columns)
    if not state:
        raise DataError(f"{name} has no numeric observation of the same size as the actions")
    parts = {key: more.columns.pop(key) for key in state}
    labels = tuple(
        f"{key.removeprefix('observation.')}.{i}" for key, part in parts.items() for i in range(part.shape[1])
    )
    columns = {STATE: np.hstack([part.astype(np.float32) for part in parts.values()]), ACTION: action}
    environment = hdf5_words.document_of(data, "env_args")
    said = Said(
        hdf5_words.rate(environment, data, root),
        hdf5_words.instruction(demo, data, root) or hdf5_words.environment(environment),
        hdf5_words.robot(environment),
    )
    return Demo(name, columns, more.columns, pictures, {STATE: labels}, said, (*around, *more.left_out))


def _may_be_picture(found: Any) -> bool:
    """Return whether a member of `images` has the form of colour pictures or of JPEGs; depth has another one."""
    shape: Any = getattr(found, "shape", ())
    colour = getattr(found, "dtype", None) == np.uint8 and len(shape) == 4 and shape[-1] == 3
    return colour or hdf5_file.is_packed(found)


def _is_picture(found: Any, where: str) -> bool:
    if not _may_be_picture(found) or not hdf5_file.is_packed(found):
        return _may_be_picture(found)
    try:
        first = next(hdf5_file.blocks(hdf5_file.packed(found, where), where))
    except DataError:
        return False  # named with the columns that are not carried over
    return bool(first.tobytes()[: len(JPEG)] == JPEG)


def _state(columns: Mapping[str, NDArray[Any]]) -> list[str]:
    """List observations that make up the state: those that are trained on elsewhere, else all but times."""
    observed = [key for key in columns if key.startswith(("observation.", "source.observation."))]
    for keys in STATE_KEYS:
        found = [key for key in (f"observation.{name}" for name in keys) if key in observed]
        if found:
            return found
    return [key for key in sorted(observed) if not _is_time(columns[key])]


def _is_time(values: NDArray[Any]) -> bool:
    """Return whether a column is a clock: one number that rises with every row, beyond float32's steps."""
    if values.shape[1] != 1 or len(values) < 2:
        return False
    steps = np.diff(values[:, 0].astype(np.float64))
    rounded = np.diff(values[:, 0].astype(np.float32).astype(np.float64))
    return bool((steps > 0).all() and np.abs(steps - rounded).max() > 0.01 * steps.min())
