"""Name every rule that could not run, and why: such a rule is a finding, never a pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..format.dataset import Dataset
from ..format.joint_units import Unit, find_unit, joint
from ..format.schema import Schema
from .case import ACTION, COMMANDED, STATE
from .findings import Finding
from .joint_rules import setpoints

MOTION = ("static", "joint_jump", "limit_contact", "gripper_range", "tracking", "duplicate")
NAMES = f"name the joint columns {STATE} and {ACTION}, as LeRobot and its training do"
SAY = "state it in meta/info.json: motorium data units DATASET --set rad (or deg, lerobot)"
SHOWN = 8


def find_units(dataset: Dataset) -> tuple[dict[str, Unit], dict[str, str]]:
    """Return joint column -> its unit, and joint column -> why its unit is unknown."""
    units: dict[str, Unit] = {}
    unknown: dict[str, str] = {}
    for key in (STATE, ACTION, COMMANDED):
        if not any(feature.key == key for feature in dataset.schema.columns):
            continue
        found = find_unit(dataset, key)
        if isinstance(found, Unit):
            units[key] = found
        else:
            unknown[key] = found
    return units, unknown


def unjudged(dataset: Dataset, units: Mapping[str, Unit], unknown: Mapping[str, str]) -> Iterator[Finding]:
    """Find every rule that could not run on any episode, by cause; and the guesses that others ran on."""
    schema = dataset.schema
    guessed = [(key, unit) for key, unit in units.items() if unit.guess]
    for name in dict.fromkeys(unit.name for _, unit in guessed):
        keys = [key for key, unit in guessed if unit.name == name]
        seen = ", ".join(unit.guess for _, unit in guessed if unit.name == name)
        verb = "is" if len(keys) == 1 else "are"
        detail = f"{' and '.join(keys)} {verb} taken for {name}: info.json does not give the unit; {seen}"
        yield Finding("unit", None, None, detail, SAY)
    if STATE in unknown:
        yield _blind(MOTION, unknown[STATE], SAY)
    elif STATE not in units:
        yield _blind(
            MOTION, f"there is no column {STATE} among {_listed(f.key for f in schema.columns)}", NAMES
        )
    else:
        yield from _limits(schema, units[STATE])
        yield from _tracking(schema, units)
    if ACTION in unknown and COMMANDED not in units:
        yield _blind(("joint_jump of the action",), unknown[ACTION], SAY)
    elif not schema.has(ACTION) and COMMANDED not in units:
        yield _blind(("joint_jump of the action",), f"there is no column {ACTION}", NAMES)
    yield from _times(schema)


def _limits(schema: Schema, unit: Unit) -> Iterator[Finding]:
    kinds, state = ("limit_contact", "gripper_range"), schema.feature(STATE)
    if not state.names:
        yield _blind(kinds, f"{STATE} has no names of joints", "name its values in meta/info.json")
    elif len(state.names) != state.size:
        why = f"{STATE} has {len(state.names)} names for {state.size} values"
        yield _blind(kinds, why, "name each of its values in meta/info.json")
    elif " or " in unit.name:
        yield _blind(kinds, f"{STATE} may be in {unit.name}", SAY)
    else:
        free = [joint(name) for name in state.names if joint(name) not in unit.limits]
        if free:
            why = f"meta/info.json gives no limits for {_listed(free)}"
            yield _blind(kinds, why, 'add them there: "motorium": {"limits_rad": {"JOINT": [-1.9, 1.9]}}')


def _tracking(schema: Schema, units: Mapping[str, Unit]) -> Iterator[Finding]:
    source = setpoints(schema, units)
    if source not in (COMMANDED, ACTION):
        yield _blind(("tracking",), source, f"give {STATE} and {ACTION} the same joint names and unit")


def _times(schema: Schema) -> Iterator[Finding]:
    remedy = "recordings of this program have them; other datasets lack the actual times"
    rows, captures = schema.has("row_s"), schema.has("capture_s")
    if not rows and not captures:
        yield _blind(
            ("clock", "rate", "cadence", "skew"), "there are no actual times, row_s and capture_s", remedy
        )
    elif not rows:
        yield _blind(("rate", "cadence", "skew"), "there are no actual times of rows, row_s", remedy)
    elif not captures:
        yield _blind(("skew",), "there are no actual times of measurements, capture_s", remedy)


def _blind(kinds: Sequence[str], why: str, remedy: str) -> Finding:
    return Finding("not_judged", None, None, f"{', '.join(kinds)}: {why}", remedy)


def _listed(names: Iterator[str] | Sequence[str]) -> str:
    found = list(names)
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"{', '.join(found[:SHOWN])}{more}" if found else "none"
