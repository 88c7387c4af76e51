"""Set the units of joints in a dataset that does not give them, and convert them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

from ...errors import DataError, SpecError
from ...files import write_json
from ...specs.lerobot_units import UNITS, from_radians, to_radians
from ...specs.robot import RobotSpec
from ..format import layout, said_units
from ..format.dataset import Dataset
from ..format.identity import LEROBOT_NAMES
from ..format.instants import LEADER
from ..format.joint_units import joint
from ..format.lock import Lock
from ..format.said_units import JOINTS, differences, said_unit, units_remedy
from ..format.schema import OWN, Info, Schema, read_json
from ..format.tables import Episode, Rows
from ..record import marks
from .build import Pick, build

LIMITS = "limits_rad"


@dataclass(frozen=True)
class Units:
    """How to handle the units of datasets that are merged.

    Attributes:
        to: unit that the joints of all shall be in; None: they must agree as they are.
        assumed: unit of the joints of datasets that do not say it.
        robot: name of the robot here, whose travel LeRobot's units are counted in; None: as the dataset calls it.
    """

    to: str | None = None
    assumed: str | None = None
    robot: str | None = None


def declare(root: Path, unit: str) -> dict[str, str | None]:
    """Write into info.json which unit the joints are in; no number changes. Returns what it said before, by column.

    Raises DataError: no such unit, no column of joints, in use.
    """
    if unit not in UNITS:
        raise DataError(f"unit {unit!r} is unknown; known: {', '.join(UNITS)}")
    with Lock(root):
        schema = Dataset.open(root).schema
        keys = _joint_columns(schema)
        value = read_json(root / layout.INFO)
        own = value.get(OWN)
        own = dict(own) if isinstance(own, dict) else {}
        said = own.get(said_units.UNITS)
        own[said_units.UNITS] = {**(said if isinstance(said, dict) else {}), **dict.fromkeys(keys, unit)}
        write_json(root / layout.INFO, {**value, OWN: own}, indent=4, root=root)
    return {key: said_unit(schema, key) for key in keys}


def convert_units(dataset: Dataset, how: Units, target: Path) -> Info:
    """Write a dataset with its joints in the unit `how.to`. Raises DataError as `converted`."""
    schema, pick = converted(dataset, how)
    return build(target, schema, [pick])


def merge(datasets: Sequence[Dataset], how: Units, target: Path) -> tuple[Info, list[str]]:
    """Write all episodes of several datasets, and say in words what of their descriptions was left out.

    Raises DataError in words when their schemas or units differ, with what makes them agree.
    """
    parts, said = _without_extras([converted(dataset, how) for dataset in datasets])
    first = parts[0][0]
    for dataset, (schema, _) in zip(datasets[1:], parts[1:], strict=True):
        why = differences(first, schema)
        if why:
            remedy = units_remedy(first, schema, "DATASET", merging=True)
            raise DataError(f"{dataset.root} does not fit {datasets[0].root}: {'; '.join(why)}{remedy}")
        names, theirs = (s.own.get(marks.NAMES) for s in (first, schema))
        if names != theirs:
            raise DataError(f"{dataset.root} has the sub-tasks {theirs}, {datasets[0].root} has {names}")
    common, lost = _common([schema for schema, _ in parts])
    return build(target, common, [pick for _, pick in parts]), [*said, *lost]


def _without_extras(parts: Sequence[tuple[Schema, Pick]]) -> tuple[list[tuple[Schema, Pick]], list[str]]:
    """Drop what only some recordings can have: the joints of a leader arm."""
    if all(schema.has(LEADER) == parts[0][0].has(LEADER) for schema, _ in parts):
        return list(parts), []
    kept = [
        (replace(schema, features=tuple(f for f in schema.features if f.key != LEADER)), pick)
        for schema, pick in parts
    ]
    return kept, [f"left out, because not all have it: {LEADER}"]


def converted(dataset: Dataset, how: Units) -> tuple[Schema, Pick]:
    """Return a dataset's schema and episodes with the joints in the unit `how.to`, or as they are.

    Raises DataError: a unit is not said or not known, the robot is not known, or has other joints.
    """
    schema = dataset.schema
    if how.assumed is not None:
        silent = [key for key in _joint_columns(schema) if said_unit(schema, key) is None]
        schema = _saying(schema, dict.fromkeys(silent, how.assumed))
    everything = frozenset(e.index for e in dataset.episodes)
    if how.to is None or all(said_unit(schema, key) == how.to for key in _joint_columns(schema)):
        return schema, Pick(dataset, everything)
    to, units = how.to, {key: _known(dataset, schema, key) for key in _joint_columns(schema)}
    spec = _spec(dataset, schema, how.robot)

    def rows(columns: Rows, episode: Episode) -> Rows:
        del episode
        changed = {
            key: from_radians(to_radians(columns[key], spec, unit), spec, to).astype(columns[key].dtype)
            for key, unit in units.items()
            if unit != to
        }
        return {**columns, **changed}

    return _saying(schema, dict.fromkeys(units, to)), Pick(dataset, everything, rows=rows)


def _joint_columns(schema: Schema) -> list[str]:
    keys = [key for key in JOINTS if any(f.key == key for f in schema.columns)]
    if not keys:
        raise DataError(f"there is no column of joints: neither {' nor '.join(JOINTS)}")
    return keys


def _saying(schema: Schema, units: Mapping[str, str]) -> Schema:
    said = schema.own.get(said_units.UNITS)
    there = dict(said) if isinstance(said, Mapping) else {}
    return replace(schema, own={**schema.own, said_units.UNITS: {**there, **units}}) if units else schema


def _known(dataset: Dataset, schema: Schema, key: str) -> str:
    unit = said_unit(schema, key)
    if unit not in UNITS:
        there = f"says {unit!r}" if unit else "does not give it"
        raise DataError(
            f"the unit of {key} is unknown: {dataset.root} {there}; to set it: motorium data units "
            f"{quote(str(dataset.root))} --set {'|'.join(UNITS)}"
        )
    return unit


def _spec(dataset: Dataset, schema: Schema, robot: str | None) -> RobotSpec:
    name = robot or LEROBOT_NAMES.get(schema.robot, schema.robot)
    try:
        spec = RobotSpec.load(name)
    except SpecError as error:
        raise DataError(
            f"{dataset.root} was recorded on {schema.robot!r}, whose travel is not known here: {error}; or give --robot"
        ) from error
    for key in _joint_columns(schema):
        names = [joint(name) for name in schema.feature(key).names or ()]
        if names != list(spec.joint_names):
            raise DataError(
                f"{key} of {dataset.root} has the joints {', '.join(names) or 'without names'}; {spec.name} has "
                f"{', '.join(spec.joint_names)}"
            )
    return spec


def _common(schemas: Sequence[Schema]) -> tuple[Schema, list[str]]:
    """Return the schema of all, with what all say alike of the rest; and in words what was left out.

    Limits of a joint become those that hold in every dataset.
    """
    own: dict[str, Any] = {}
    lost = []
    for key in dict.fromkeys(key for schema in schemas for key in schema.own):
        values = [schema.own.get(key) for schema in schemas]
        if key == said_units.UNITS:
            own[key], silent = _common_units(schemas)
            lost += [f"unit of {column}" for column in silent]
        elif all(value == values[0] for value in values):
            own[key] = values[0]
        elif key == LIMITS and (widest := _widest(values)):
            own[key] = widest
        else:
            lost.append(key)
    return replace(schemas[0], own=own), [f"left out, because they differ: {what}" for what in lost]


def _common_units(schemas: Sequence[Schema]) -> tuple[dict[str, str], list[str]]:
    units: dict[str, str] = {}
    lost = []
    for key in dict.fromkeys(f.key for f in schemas[0].columns):
        declared = [schema.own.get(said_units.UNITS) for schema in schemas]
        if not any(isinstance(said, Mapping) and key in said for said in declared):
            continue
        found = {said_unit(schema, key) for schema in schemas}
        unit = found.pop() if len(found) == 1 else None
        if unit is None:
            lost.append(key)
        else:
            units[key] = unit
    return units, lost


def _widest(values: Sequence[Any]) -> dict[str, list[float]]:
    """Return joint -> the range that holds all of its ranges; {} when one of them is none."""
    out: dict[str, list[float]] = {}
    for limits in values:
        for joint_name, pair in limits.items() if isinstance(limits, Mapping) else ():
            if not (isinstance(pair, list) and len(pair) == 2):
                return {}
            if not all(isinstance(end, (int, float)) for end in pair):
                return {}
            low, high = out.get(joint_name, pair)
            out[joint_name] = [min(low, pair[0]), max(high, pair[1])]
    return out
