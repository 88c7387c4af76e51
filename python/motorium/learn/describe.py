"""Describe a new network for recorded datasets: robot, cameras, words, and the statistics it is normalised with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..policies.channels import ActionChannel, CameraInput, StateChannel
from ..policies.nano.config import (
    NO_NOISE,
    NORMAL,
    PAD,
    PIECES_VERSION,
    POINTS_VERSION,
    REGRESSION_VERSION,
    UNKNOWN,
    ActionNormalisation,
    Chunk,
    Descriptor,
    Dims,
    Flow,
    ImageNormalisation,
    Mask,
    PrefixLock,
    Prompt,
    SceneReadout,
)
from ..policies.nano.sub_words import learn_pieces
from ..policies.nano.tokenizer import words_of
from ..specs.robot import RobotSpec
from .data import Recordings, SourceSpec, TableSpec
from .data.source import open_source
from .moments import known_moments
from .normalise import MIN_STD, Statistics, short_floats
from .objectives.regression import STEPS
from .scene_targets import SceneTargets

HORIZON_SHARE = 0.5
"""Of a chunk's rows that are played before the next one."""
FEWEST_TOKENS = 8
FLOW_STEPS = 4


@dataclass(frozen=True)
class Outline:
    """What a new network is for, beside the numbers that it is normalised with.

    Attributes:
        name: of the checkpoint.
        robots: with the same joints.
        dt_s: from row to row.
        horizon: rows that are played before the next chunk.
        most: committed rows that it is trained to keep.
        cameras: pictures.
        prompt: words.
        scene: names of the entries of its readout.
        dims: widths.
        noise: what chunks are made of, `NORMAL` or `NO_NOISE`.
    """

    name: str
    robots: Sequence[RobotSpec]
    dt_s: float
    horizon: int
    most: int
    cameras: tuple[CameraInput, ...]
    prompt: Prompt
    scene: tuple[str, ...]
    dims: Dims
    noise: str = NORMAL


def describe(outline: Outline, statistics: Statistics) -> Descriptor:
    """Return the descriptor of a new network."""
    s = statistics
    channels = [(joint.slot, joint.name, joint.unit) for joint in outline.robots[0].joints]
    measured = map(short_floats, (s.state_mean, s.state_std, s.state_min, s.state_max))
    state = zip(channels, *measured, strict=True)
    least, most = short_floats(s.action_min), short_floats(s.action_max)
    action = zip(channels, s.relative, least, most, strict=True)
    return Descriptor(
        format="motorium-checkpoint",
        format_version=_version(outline),
        family="nano",
        name=outline.name,
        embodiments=tuple(robot.name for robot in outline.robots),
        chunk=Chunk(rows=len(s.action_mean), dt_s=outline.dt_s, execution_horizon=outline.horizon),
        flow=_flow(outline.noise),
        prefix_lock=PrefixLock(rule="hard", max_delay=outline.most),
        mask=Mask(prefix="full", suffix="causal"),
        cameras=outline.cameras,
        image=ImageNormalisation(s.image_mean, s.image_std),
        state=tuple(StateChannel(*channel, *numbers) for channel, *numbers in state),
        action=tuple(ActionChannel(*channel, bool(r), low, high) for channel, r, low, high in action),
        action_normalisation=ActionNormalisation(
            tuple(map(short_floats, s.action_mean)), tuple(map(short_floats, s.action_std))
        ),
        prompt=outline.prompt,
        scene=SceneReadout(outline.scene, short_floats(s.scene_mean), short_floats(s.scene_std)),
        dims=outline.dims,
    )


def _version(outline: Outline) -> int:
    """Return the oldest format that holds such a network."""
    if outline.prompt.pieces:
        return PIECES_VERSION
    if outline.noise == NO_NOISE:
        return REGRESSION_VERSION
    return POINTS_VERSION if outline.dims.points else 1


def _flow(noise: str) -> Flow:
    steps = STEPS if noise == NO_NOISE else FLOW_STEPS
    return Flow(time="noise_at_0", prediction="velocity", steps=steps, noise=noise)


def table_for(sources: tuple[SourceSpec, ...], table: TableSpec) -> TableSpec:
    """Return `table` with pictures of the size that the robot's cameras deliver, so that what is trained also runs.

    Cameras that the robot does not declare keep the size of their pictures. Raises DataError as `open_source`.
    """
    first = open_source(sources[0], table)
    sizes = {c.role: (c.height, c.width) for c in first.robot.cameras}
    found = {sizes[role] for role in first.cameras if role in sizes}
    return replace(table, size=found.pop()) if len(found) == 1 and table.size is None else table


def describe_recordings(
    name: str, recordings: Recordings, scene: SceneTargets, dims: Dims, most: int, noise: str = NORMAL
) -> Descriptor:
    """Return the descriptor of a new network.

    Args:
        name: of the checkpoint.
        recordings: to learn from; statistics are those of the frames for training.
        scene: targets of the readout.
        dims: widths.
        most: committed rows that it is trained to keep.
        noise: what chunks are made of.

    Raises DataError: robots with different joints.
    """
    robot, rows = _robot(recordings), recordings.column("rows").shape[1]
    height, width = recordings.size
    outline = Outline(
        name,
        recordings.robots,
        recordings.dt_s,
        max(1, round(HORIZON_SHARE * rows)),
        most,
        tuple(CameraInput(role, height, width) for role in recordings.roles),
        prompt_of(recordings.tasks),
        scene.names,
        dims,
        noise,
    )
    return describe(outline, _statistics(robot, recordings, scene))


def _statistics(robot: RobotSpec, recordings: Recordings, scene: SceneTargets) -> Statistics:
    """Return the statistics of the frames for training."""
    index = recordings.training
    state, rows, valid = (recordings.column(key)[index] for key in ("state", "rows", "valid"))
    relative = np.array([joint.unit == "rad" for joint in robot.joints], dtype=np.float32)
    _, mean, spread = known_moments(rows - state[:, None] * relative, valid[..., None])
    known: NDArray[np.float32] = rows[valid]
    middle, deviation = state.mean(axis=0, dtype=np.float64), state.std(axis=0, dtype=np.float64)
    (least, most), (lowest, highest) = _range(state), _range(known)
    scene_mean, scene_std = scene.statistics(index)
    return Statistics(
        state_mean=middle.astype(np.float32),
        state_std=np.maximum(deviation, MIN_STD).astype(np.float32),
        state_min=least,
        state_max=most,
        relative=relative,
        action_mean=mean.astype(np.float32),
        action_std=np.maximum(spread, MIN_STD).astype(np.float32),
        action_min=lowest,
        action_max=highest,
        scene_mean=scene_mean,
        scene_std=scene_std,
    )


def prompt_of(tasks: tuple[str, ...]) -> Prompt:
    """Return the words of some instructions, their pieces, and as many tokens as the longest one has, at least 8."""
    words = [words_of(task, lowercase=True) for task in tasks]
    vocabulary = (PAD, UNKNOWN, *sorted({word for line in words for word in line} - {PAD, UNKNOWN}))
    longest = max(FEWEST_TOKENS, *map(len, words))
    return Prompt(vocabulary, longest, lowercase=True, pieces=learn_pieces(vocabulary[2:]))


def check_joints(descriptor: Descriptor, recordings: Recordings) -> None:
    """Raise DataError, by name, when the joints of recordings are not those that a checkpoint reads and commands."""
    channels: tuple[StateChannel | ActionChannel, ...] = (*descriptor.state, *descriptor.action)
    for channel in channels:
        if channel.slot not in recordings.slots:
            raise DataError(
                f"checkpoint {descriptor.name!r} has joint {channel.joint!r} in slot {channel.slot}, which "
                f"{recordings.robots[0].name} lacks"
            )
    commanded = {channel.slot for channel in descriptor.action}
    for joint in _robot(recordings).joints:
        if joint.slot not in commanded:
            raise DataError(f"checkpoint {descriptor.name!r} has no action for joint {joint.name!r}")


def _robot(recordings: Recordings) -> RobotSpec:
    first, *others = recordings.robots
    for other in others:
        if [(j.slot, j.name, j.unit) for j in other.joints] != [
            (j.slot, j.name, j.unit) for j in first.joints
        ]:
            raise DataError(
                f"{first.name} and {other.name} have different joints, and a nano checkpoint binds to all that it has: "
                f"train one for each"
            )
    return first


def _range(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return least and most of (N, J) values; a joint that never moves gets a little room."""
    low, high = values.min(axis=0), values.max(axis=0)
    still = high - low < MIN_STD
    return np.where(still, low - MIN_STD, low), np.where(still, high + MIN_STD, high)
