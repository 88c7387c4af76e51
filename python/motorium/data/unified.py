"""A dataset in the 200 unified slots (Being-H0.5 layout): joints by name, so that many robots share one space."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, SpecError
from ..robots.spec import RobotSpec
from ..slots import SLOTS, SlotMap, slot_map
from .build import Pick, build
from .dataset import Dataset
from .edit import everything
from .schema import Feature, Info
from .tables import Episode, Rows

COLUMNS = {"observation.state": "observation.slots", "action": "action_slots"}
UNIT = "rad"


def mapping(dataset: Dataset) -> tuple[RobotSpec, SlotMap]:
    """The robot of a dataset and its map. Raises DataError: unknown robot, other joints, or angles not in radians."""
    schema = dataset.schema
    try:
        spec = RobotSpec.load(schema.robot)
    except SpecError as error:
        raise DataError(f"{dataset.root} was recorded on {schema.robot!r}: {error}") from error
    names = [name.removesuffix(".pos") for name in schema.feature("observation.state").names or ()]
    if names != list(spec.joint_names):
        raise DataError(
            f"joints are {', '.join(names) or 'not named'}; {spec.name} has {', '.join(spec.joint_names)}"
        )
    units = schema.own.get("units", {})
    if not isinstance(units, dict) or units.get("observation.state") != UNIT:
        raise DataError(
            f"{dataset.root} does not say that its joints are in radians, as those of LeRobot never are"
        )
    return spec, slot_map(spec)


def table(dataset: Dataset) -> list[dict[str, Any]]:
    """One line per joint: its slot, its unit there, and smallest and largest value of state and action. DataError."""
    spec, slots = mapping(dataset)
    found: dict[str, list[NDArray[np.float32]]] = {key: [] for key in COLUMNS}
    for _, rows in dataset.stream(list(COLUMNS)):
        for key in COLUMNS:
            values = slots.scatter_chunk(np.ascontiguousarray(rows[key], dtype=np.float32))[:, slots.slots]
            found[key] += [values.min(axis=0), values.max(axis=0)]
    if not found["action"]:
        raise DataError(f"{dataset.root} has no episode")
    out = []
    for i, joint in enumerate(spec.joints):
        line: dict[str, Any] = {"joint": joint.name, "slot": joint.slot, "unit": joint.unit}
        for key, extremes in found.items():
            seen = np.stack(extremes)[:, i]
            line[key] = [round(float(seen.min()), 5), round(float(seen.max()), 5)]
        out.append(line)
    return out


def unified(dataset: Dataset, target: Path) -> Info:
    """The same dataset with two more columns of 200 values, zero where the robot has no slot. Raises DataError."""
    _, slots = mapping(dataset)
    more = tuple(
        Feature(name, "float32", (SLOTS,)) for name in COLUMNS.values() if not dataset.schema.has(name)
    )

    def rows(columns: Rows, episode: Episode) -> Rows:
        del episode
        added = {
            name: slots.scatter_chunk(np.ascontiguousarray(columns[key], dtype=np.float32))
            for key, name in COLUMNS.items()
        }
        return {**columns, **added}

    schema = replace(dataset.schema, features=(*dataset.schema.features, *more))
    return build(target, schema, [Pick(dataset, everything(dataset), rows=rows)])
