"""Recorded demonstrations as LeRobot's dataset class gives them, in memory, with the episodes that are held out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from lerobot.datasets.factory import resolve_delta_timestamps
from lerobot.datasets.lerobot_dataset import LeRobotDataset, LeRobotDatasetMetadata
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.utils.constants import ACTION, OBS_ENV_STATE, OBS_STATE
from numpy.typing import NDArray
from torch import Tensor

from motorium.data.format.said_units import RAD
from motorium.errors import DataError
from motorium.learn.data import SourceSpec, TableSpec
from motorium.learn.data.source import Source, open_source
from motorium.learn.data.splits import divide

REPO = "motorium/recorded"
"""A name that LeRobot asks for; the dataset is a folder."""
HELD_OUT = 0.1
JUDGED = 192
"""Held-out frames that are judged each time, as motorium's own training does."""
MOST_BYTES = 8 << 30
PAD = "action_is_pad"
Index = NDArray[np.int64]


class Demonstrations:
    """A dataset of `motorium record`, read through LeRobot.

    Attributes:
        source: the dataset as motorium's training opens it: checked, without failed and cut-off episodes.
        meta: LeRobot's description of it, with the statistics that normalise.
        tasks: instructions, by number.
        pictures: keys of the cameras; `shape` of a picture, channels first.
        training, held_out: frames to learn from, and of the episodes that are held out.
        judged: of those, the ones that are judged.
    """

    def __init__(self, path: Path, seed: int) -> None:
        """Read all but columns and pictures. Raises DataError for a dataset that the comparison does not fit."""
        self.path = path
        self.source = open_source(SourceSpec(path), TableSpec(seed=seed))
        _check(self.source)
        self.held = divide([self.source.dataset], HELD_OUT, seed)[0]
        self.meta = LeRobotDatasetMetadata(REPO, root=path)
        self.tasks = tuple(map(str, self.meta.tasks.index))
        self.pictures = tuple(self.source.cameras.values())
        height, width, _ = self.source.dataset.schema.feature(self.pictures[0]).shape
        self.shape = (3, height, width)

    @property
    def joints(self) -> int:
        """Number of joints, J."""
        return len(self.source.robot.joints)

    def read(self, config: ACTConfig, report: Callable[[str], None]) -> None:
        """Read columns and decode pictures, and compare some items with those of LeRobot's class.

        Raises DataError: too many pictures for memory, or a difference, which would be a fault of this file.
        """
        deltas = resolve_delta_timestamps(config, self.meta)
        self._chunk = config.chunk_size
        self._dataset = LeRobotDataset(REPO, root=self.path, delta_timestamps=deltas, video_backend="pyav")
        columns = self._dataset.hf_dataset.with_format("numpy")
        self._state = torch.from_numpy(np.asarray(columns[OBS_STATE][:], np.float32))
        self._action = torch.from_numpy(np.asarray(columns[ACTION][:], np.float32))
        self._task = torch.from_numpy(np.asarray(columns["task_index"][:], np.int64))
        episode = np.asarray(columns["episode_index"][:], np.int64)
        ends = {number: int(np.flatnonzero(episode == number)[-1]) + 1 for number in np.unique(episode)}
        self._end = np.array([ends[number] for number in episode])
        self.training = np.flatnonzero([self.held.get(int(number)) is False for number in episode])
        self.held_out = np.flatnonzero([self.held.get(int(number)) is True for number in episode])
        spread = np.linspace(0, len(self.held_out) - 1, min(JUDGED, len(self.held_out)))
        self.judged: Index = self.held_out[spread.round().astype(np.int64)]
        self._decode(episode, report)
        for index in (0, int(self.judged[0]), len(episode) - 1):
            self._compare(index)

    def batch(self, index: Index) -> dict[str, Tensor]:
        """Return what LeRobot's collated items of some frames would be, with the instruction as a vector.

        B frames: state (B, J), action (B, T, J) in radians, whether an action is behind the end (B, T), pictures
        (B, 3, H, W) from 0 to 1, instruction (B, tasks) one-hot.
        """
        rows = index[:, None] + np.arange(self._chunk)
        end = self._end[index][:, None]
        at = torch.from_numpy(index)
        return {
            OBS_STATE: self._state[at],
            OBS_ENV_STATE: torch.nn.functional.one_hot(self._task[at], len(self.tasks)).float(),
            ACTION: self._action[torch.from_numpy(np.minimum(rows, end - 1))],
            PAD: torch.from_numpy(rows >= end),
            **{key: self._pixels[view][at].float() / 255 for view, key in enumerate(self.pictures)},
        }

    def fingerprint(self) -> str:
        """Return the SHA-256 of columns and pictures, whole, and of which episodes are held out."""
        out = hashlib.sha256(repr((self.tasks, sorted(self.held.items()))).encode())
        for values in (self._state, self._action, self._task, *self._pixels):
            out.update(values.numpy().data)
        return out.hexdigest()

    def _decode(self, episode: NDArray[np.int64], report: Callable[[str], None]) -> None:
        needed = len(episode) * len(self.pictures) * int(np.prod(self.shape))
        if needed > MOST_BYTES:
            raise DataError(
                f"the pictures of {self.path} take {needed / 1e9:.1f} GB; at most {MOST_BYTES / 1e9:.1f} are kept in "
                "memory: give fewer episodes (motorium data split)"
            )
        self._pixels = [torch.zeros((len(episode), *self.shape), dtype=torch.uint8) for _ in self.pictures]
        began = told = time.monotonic()
        for number in np.unique(episode):
            at = np.flatnonzero(episode == number)
            times_s = [float(t) for t in self._dataset.hf_dataset[at.tolist()]["timestamp"]]
            found = self._dataset._query_videos(dict.fromkeys(self.pictures, times_s), int(number))  # noqa: SLF001
            for pixels, key in zip(self._pixels, self.pictures, strict=True):
                pixels[torch.from_numpy(at)] = (
                    (found[key] * 255).round().to(torch.uint8).view(-1, *self.shape)
                )
            if time.monotonic() - told > 10.0:
                told = time.monotonic()
                left = (told - began) / (at[-1] + 1) * (len(episode) - at[-1] - 1)
                report(f"decoded {at[-1] + 1} of {len(episode)} frames, {left:.0f} s to go")

    def _compare(self, index: int) -> None:
        item, ours = self._dataset[index], self.batch(np.array([index]))
        for key in (OBS_STATE, ACTION, PAD, *self.pictures):
            if not torch.equal(item[key], ours[key][0]):
                raise DataError(f"frame {index} of {self.path}: {key} is not what LeRobot's dataset gives")
        if item["task"] != self.tasks[int(ours[OBS_ENV_STATE][0].argmax())]:
            raise DataError(
                f"frame {index} of {self.path}: the instruction is not what LeRobot's dataset gives"
            )


def _check(source: Source) -> None:
    """Raise DataError unless joints are radians in the robot's order, and actions setpoints one row later."""
    reader, where = source.joints, source.dataset.root
    if {reader.units[OBS_STATE], reader.units[ACTION]} != {RAD}:
        raise DataError(f"{where} is not in radians; record it: motorium record sim:so101 --lockstep")
    if reader.order != tuple(range(len(source.robot.joints))) or not reader.ahead:
        raise DataError(
            f"{where} has joints in another order, or actions of their own row, as early versions recorded them: "
            "record it anew"
        )
