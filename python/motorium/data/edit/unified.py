"""Put a dataset into the 200 unified slots (Being-H0.5 layout): joints by name, so that robots share one space."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...deprecated import dict_access
from ...errors import DataError, SpecError
from ...robots.identity import Identity
from ...specs.lerobot_units import UNITS, to_radians
from ...specs.robot import RobotSpec
from ...specs.slots import SLOTS, SlotMap, slot_map
from ..format.dataset import Dataset
from ..format.feature_names import joint_of
from ..format.identity import LEROBOT_NAMES, identity_of, other_robot
from ..format.said_units import said_unit
from ..format.schema import Feature, Info
from ..format.tables import Episode, Rows
from .build import Pick, build

COLUMNS = {"observation.state": "observation.slots", "action": "action_slots"}
Extremes = tuple[float, float] | tuple[None, None]


def joint_unit(dataset: Dataset, key: str, given: str | None = None) -> str:
    """Return the unit of a column of joints: what is given, else what the dataset says. DataError: neither does."""
    unit = given or said_unit(dataset.schema, key)
    if unit not in UNITS:
        raise DataError(
            f"{dataset.root} does not say that its joints are in radians, and LeRobot's never are: give "
            "--units deg (use_degrees), lerobot (-100 to 100) or rad, or store it in the dataset: motorium data units "
            f"{dataset.root} --set deg"
        )
    return str(unit)


@dataclass(frozen=True)
class Mapping:
    """A dataset's robot, its map, and the units its joints are in."""

    spec: RobotSpec
    slots: SlotMap
    units: dict[str, str]

    def scatter(self, rows: Rows, key: str) -> NDArray[np.float32]:
        """Return (N, 200) of a column of joints."""
        radians = to_radians(rows[key], self.spec, self.units[key])
        return np.asarray(self.slots.scatter_chunk(np.ascontiguousarray(radians)))


def mapping(dataset: Dataset, units: str | None = None, robot: str | None = None) -> Mapping:
    """Say how a dataset fits the slots. Raises DataError: unknown robot, other joints, or no word about their units.

    Args:
        dataset: opened.
        units: "rad", "deg" or "lerobot"; None takes what the dataset says.
        robot: name of its robot here, when the dataset calls it otherwise.
    """
    schema = dataset.schema
    name = robot or LEROBOT_NAMES.get(schema.robot, schema.robot)
    try:
        spec = RobotSpec.load(name)
    except SpecError as error:
        raise DataError(
            f"{dataset.root} was recorded on {schema.robot!r}: {error}; or say --robot"
        ) from error
    names = [joint_of(name) for name in schema.feature("observation.state").names or ()]
    if names != list(spec.joint_names):
        raise DataError(
            f"joints are {', '.join(names) or 'not named'}; {spec.name} has {', '.join(spec.joint_names)}"
        )
    there = identity_of(dataset)
    other = other_robot(schema.own, schema.robot, there, spec, Identity.of(spec, None)) if there else ""
    if other and robot is None:
        raise DataError(f"{dataset.root} was {other}; to use the one known here: --robot {name}")
    return Mapping(spec, slot_map(spec), {key: joint_unit(dataset, key, units) for key in COLUMNS})


@dict_access
@dataclass(frozen=True)
class SlotRange:
    """One joint in the unified slots: smallest and largest values there, (None, None) where none is finite.

    Attributes:
        joint: its name.
        slot: its place, 0 to 199; values there are in `unit`.
        state, action: of columns observation.state and action.
    """

    joint: str
    slot: int
    unit: str
    state: Extremes
    action: Extremes

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        where = {"joint": self.joint, "slot": self.slot, "unit": self.unit}
        return {**where, "observation.state": list(self.state), "action": list(self.action)}


def table(dataset: Dataset, found_map: Mapping | None = None) -> list[SlotRange]:
    """Return where every joint is in the unified slots, and what values it takes there. Raises DataError."""
    how = found_map or mapping(dataset)
    spec, slots = how.spec, how.slots
    found: dict[str, list[NDArray[np.float32]]] = {key: [] for key in COLUMNS}
    for _, rows in dataset.stream(list(COLUMNS)):
        for key in COLUMNS:
            values = how.scatter(rows, key)[:, slots.slots]
            finite = np.isfinite(values)
            found[key] += [
                values.min(axis=0, initial=np.inf, where=finite), values.max(axis=0, initial=-np.inf, where=finite)
            ]  # fmt: skip
    if not found["action"]:
        raise DataError(f"{dataset.root} has no episode")
    return [
        SlotRange(
            joint.name,
            joint.slot,
            joint.unit,
            _extremes(np.stack(found["observation.state"])[:, i]),
            _extremes(np.stack(found["action"])[:, i]),
        )
        for i, joint in enumerate(spec.joints)
    ]


def _extremes(seen: NDArray[np.float32]) -> Extremes:
    if not np.isfinite(seen).any():
        return None, None
    return round(float(seen.min()), 5), round(float(seen.max()), 5)


def unified(dataset: Dataset, target: Path, found_map: Mapping | None = None) -> Info:
    """Add two columns of 200 values to a dataset, zero where the robot has no slot. Raises DataError."""
    how = found_map or mapping(dataset)
    more = tuple(
        Feature(name, "float32", (SLOTS,)) for name in COLUMNS.values() if not dataset.schema.has(name)
    )

    def rows(columns: Rows, episode: Episode) -> Rows:
        del episode
        added = {name: how.scatter(columns, key) for key, name in COLUMNS.items()}
        return {**columns, **added}

    schema = replace(dataset.schema, features=(*dataset.schema.features, *more))
    return build(target, schema, [Pick(dataset, frozenset(e.index for e in dataset.episodes), rows=rows)])
