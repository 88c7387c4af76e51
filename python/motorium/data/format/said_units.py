"""Read the unit of a column as the dataset itself says it: in info.json, or by the names of its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from shlex import quote

from .schema import Schema

RAD, DEG, LEROBOT = "rad", "deg", "lerobot"
STATE, ACTION = "observation.state", "action"
JOINTS = (STATE, ACTION)
"""Columns of joints, which need a unit to be of use together with those of another dataset."""
UNITS = "units"
"""Key of the own section of info.json: column -> unit."""
_SPELT = {
    "rad": RAD, "rads": RAD, "radian": RAD, "radians": RAD, "deg": DEG, "degs": DEG, "degree": DEG, "degrees": DEG,
    "lerobot": LEROBOT,
}  # fmt: skip


def said_unit(schema: Schema, key: str) -> str | None:
    """Return what a dataset says about a column's unit: "rad", "deg", "lerobot", other words, or None.

    An action of which nothing is said is in the unit of the state.
    """
    if key.endswith("_rad"):
        return RAD
    declared = schema.own.get(UNITS)
    if isinstance(declared, Mapping):
        word = declared.get(key, declared.get(STATE) if key == ACTION else None)
        if isinstance(word, str) and word.strip():
            return _SPELT.get(word.strip().lower(), word.strip())
    for feature in schema.features:
        if feature.key == key and feature.names:
            for ending in (RAD, DEG):
                tails = (f"_{ending}", f".{ending}", f"({ending})")
                if all(name.lower().endswith(tails) for name in feature.names):
                    return ending
    return None


def units_of(schema: Schema) -> dict[str, str | None]:
    """Say the units of a dataset's columns: of joints always, of others where it tells one."""
    said = {f.key: said_unit(schema, f.key) for f in schema.columns}
    return {key: unit for key, unit in said.items() if unit is not None or key in JOINTS}


def _disagreeing(here: Schema, there: Schema) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield key, unit here and unit there of each column of both whose units differ."""
    for feature in here.columns:
        if not there.has(feature.key):
            continue
        mine, theirs = said_unit(here, feature.key), said_unit(there, feature.key)
        if mine != theirs and (feature.key in JOINTS or (mine is not None and theirs is not None)):
            yield feature.key, mine, theirs


def units_remedy(here: Schema, there: Schema, dataset: object, *, merging: bool = False) -> str:
    """Say what makes the units of two schemas agree; empty where they do. `merging`: with the options of a merge."""
    units = [unit for _, *both in _disagreeing(here, there) for unit in both]
    if not units:
        return ""
    verb = f"motorium data units {quote(str(dataset))}"
    if None in units:
        or_merge = ", or merge with --assume rad" * merging
        return f"; set the unit of the dataset that lacks it: {verb} --set rad (or deg, lerobot){or_merge}"
    or_merge = ", or merge with --units rad" * merging
    return f"; convert one of them: {verb} --to rad (or deg, lerobot){or_merge}"


def unit_differences(here: Schema, there: Schema) -> list[str]:
    """Say in words which columns of both are in different units, or in one that only one of them tells."""
    out = []
    for key, *both in _disagreeing(here, there):
        words = [repr(unit) if unit else "not said" for unit in both]
        out.append(f"unit of {key} is {words[0]} here, {words[1]} there")
    return out


def differences(mine: Schema, other: Schema) -> list[str]:
    """Say what keeps episodes of `other` out of a dataset of the schema `mine`."""
    out = []
    if mine.fps != other.fps:
        out.append(f"fps is {mine.fps} here, {other.fps} there")
    if mine.robot != other.robot:
        out.append(f"robot is {mine.robot!r} here, {other.robot!r} there")
    ours, theirs = ({f.key: f for f in s.features} for s in (mine, other))
    out += [f"{key} is only here" for key in ours if key not in theirs]
    out += [f"{key} is only there" for key in theirs if key not in ours]
    for key in (key for key in ours if key in theirs):
        for what in ("dtype", "shape", "names"):
            here, there = getattr(ours[key], what), getattr(theirs[key], what)
            if here != there:
                out.append(f"{what} of {key} is {here} here, {there} there")
    return out + unit_differences(mine, other)
