"""An episode of a dataset as a trajectory to play."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data.edit.unified import joint_unit
from ..data.format.dataset import Dataset
from ..data.format.feature_names import joint_of
from ..data.format.identity import NOTHING, Accepted, check_playable, check_within
from ..data.format.instants import observation_times_s
from ..data.format.schema import Schema
from ..data.format.tables import Rows
from ..errors import DataError
from ..logs import logger
from ..robots.identity import Identity
from ..specs.lerobot_units import to_radians
from ..specs.robot import RobotSpec
from .sources import Replay

SETPOINTS, TIMES, CLOCKS = "commanded_rad", "row_s", "capture_s"

_log = logger(__name__)


@dataclass(frozen=True)
class Playing:
    """How an episode is played.

    Attributes:
        spec: of the arm that will play it; its joints must be those of the dataset, in any order.
        identity: of that arm; None takes the zeros of its declaration.
        accepted: what may differ from the arm it was recorded with.
        renamed: joint of the arm -> joint of the dataset, where the names differ.
        units: "rad", "deg" or "lerobot" (see `specs.lerobot_units`); None takes what the dataset says.
        speed: 2 plays it twice as fast.
    """

    spec: RobotSpec
    identity: Identity | None = None
    accepted: Accepted = NOTHING
    renamed: Mapping[str, str] = field(default_factory=dict)
    units: str | None = None
    speed: float = 1.0


def load_episode(root: Path, episode: int, how: Playing) -> Replay:
    """Read an episode's setpoints at the times they were in force, or the actions of another program's dataset.

    Args:
        root: the dataset, of any version that is read.
        episode: its number.
        how: with what arm, and how fast.

    Raises:
        DataError: no such episode, another robot or calibration that was not accepted, other joints, a trajectory
            beyond the limits, no word about units. MotoriumError as `Replay`.
    """
    dataset, spec = Dataset.open(root), how.spec
    line = next((e for e in dataset.episodes if e.index == episode), None)
    if line is None:
        raise DataError(f"{root} has no episode {episode}; it has {len(dataset.episodes)}")
    key = SETPOINTS if dataset.schema.has(SETPOINTS) else "action"
    unit = "rad" if key == SETPOINTS else joint_unit(dataset, "action", how.units)
    order = _order(dataset, key, how)
    untold = check_playable(dataset, line, spec, how.identity or Identity.of(spec, None), how.accepted)
    there = [name for name in (TIMES, CLOCKS) if dataset.schema.has(name)]
    rows = dataset.rows(line, [key, *there, "timestamp"])
    positions_rad = to_radians(rows[key][:, order], spec, unit)
    # Also of this very arm: what was mirrored, or says another unit by now, may lead beyond its limits.
    check_within(f"{root}, episode {episode},", positions_rad, spec, how.accepted)
    for text in untold:
        _log.warning("%s", text)
    times_s, chosen = _times(dataset.schema, rows)
    return Replay(times_s, positions_rad[chosen], speed=how.speed)


def _order(dataset: Dataset, key: str, how: Playing) -> list[int]:
    """Columns of the dataset in the order of the arm's joints."""
    feature, spec = dataset.schema.feature(key), how.spec
    names = [joint_of(name) for name in feature.names or ()]
    wanted = [how.renamed.get(name, name) for name in spec.joint_names]
    fits = set(wanted) <= set(names) if how.renamed else sorted(wanted) == sorted(names)
    if not fits or len(set(wanted)) != len(wanted) or feature.shape != (len(names),):
        raise DataError(
            f"{dataset.root} has joints {', '.join(names) or 'without names'}; {spec.name} has "
            f"{', '.join(spec.joint_names)}. Map them: --map ARM_JOINT=DATASET_JOINT"
        )
    return [names.index(name) for name in wanted]


def _times(schema: Schema, rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """When each setpoint was in force, rising, and of which rows these are: two rows may be of one observation."""
    times_s = observation_times_s(schema, rows)
    if times_s is None:
        times_s = rows["timestamp"].reshape(-1).astype(np.float64)
    first = np.concatenate([[True], np.diff(times_s) != 0])
    return times_s[first], first
