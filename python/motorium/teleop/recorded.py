"""An episode of a dataset as a trajectory to be played."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..data.dataset import Dataset
from ..data.unified import joint_unit
from ..errors import DataError
from ..robots.lerobot_units import to_radians
from ..robots.spec import RobotSpec
from .sources import Replay

SETPOINTS, TIMES = "commanded_rad", "row_s"


def load_episode(
    root: Path, episode: int, spec: RobotSpec, *, units: str | None = None, speed: float = 1.0
) -> Replay:
    """The setpoints of an episode at the times they were given, or the actions of a dataset of others.

    Args:
        root: the dataset, of any version that is read.
        episode: its number.
        spec: of the arm that will play it; its joints must be those of the dataset, in any order.
        units: "rad", "deg" or "lerobot" (see `robots.lerobot_units`); None takes what the dataset says.
        speed: 2 plays it twice as fast.

    Raises:
        DataError: no such episode, other joints, no word about units. MotoriumError as `Replay`.
    """
    dataset = Dataset.open(root)
    line = next((e for e in dataset.episodes if e.index == episode), None)
    if line is None:
        raise DataError(f"{root} has no episode {episode}; it has {len(dataset.episodes)}")
    key = SETPOINTS if dataset.schema.has(SETPOINTS) else "action"
    unit = "rad" if key == SETPOINTS else joint_unit(dataset, "action", units)
    feature = dataset.schema.feature(key)
    names = [name.removesuffix(".pos") for name in feature.names or ()]
    if sorted(names) != sorted(spec.joint_names) or feature.shape != (len(names),):
        raise DataError(
            f"{root} is of joints {', '.join(names) or 'without names'}; {spec.name} has {', '.join(spec.joint_names)}"
        )
    has_times = dataset.schema.has(TIMES)
    rows = dataset.rows(line, [key, TIMES if has_times else "timestamp"])
    order = [names.index(name) for name in spec.joint_names]
    times_s = rows[TIMES if has_times else "timestamp"].reshape(-1).astype(np.float64)
    return Replay(times_s, to_radians(rows[key][:, order], spec, unit), speed=speed)
