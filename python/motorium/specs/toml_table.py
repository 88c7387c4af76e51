"""Build frozen dataclasses from the tables of a decoded TOML file; every key is checked.

Unknown keys, missing keys and values of another kind raise SpecError; the message lists the valid choices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from ..errors import SpecError
from ..units import range_problem

T = TypeVar("T")


def convert(value: object, kind: str, where: str) -> Any:
    """Return `value` as the `kind` that a field is annotated with: float, int, str, bool, Vec3, Floats or Settings.

    Raises SpecError: another kind, not finite, or out of range.
    """
    if kind == "Vec3":
        if isinstance(value, list) and len(value) == 3 and all(_is_number(v) for v in value):
            return tuple(_in_range(v, where) for v in value)
        raise SpecError(f"{where} must be a list of 3 numbers, not {value!r}")
    if kind == "Floats" and isinstance(value, list) and all(_is_number(v) for v in value):
        return tuple(_in_range(v, where) for v in value)
    if kind == "float" and _is_number(value):
        return _in_range(value, where)
    if kind == "int" and isinstance(value, int) and not isinstance(value, bool):
        return int(_in_range(value, where))
    if kind == "str" and isinstance(value, str) and value:
        return value
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "Settings" and isinstance(value, Mapping):
        return tuple((name, convert(number, "int", f"{where}.{name}")) for name, number in value.items())
    raise SpecError(f"{where} must be a {kind}, not {value!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _in_range(value: Any, where: str) -> float:
    problem = range_problem(where, value)
    if problem:
        raise SpecError(f"{where}: {problem}")
    return float(value)


def build(cls: type[T], table: object, where: str, **given: Any) -> T:
    """Make a dataclass from a table; fields in `given` come ready-made, not from it. Raises SpecError."""
    if not isinstance(table, Mapping):
        raise SpecError(f"{where} must be a table, not {table!r}")
    known = {field.name: field for field in fields(cls) if field.name not in given}  # type: ignore[arg-type]
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise SpecError(f"unknown key {unknown[0]!r} in {where}; valid keys: {', '.join(sorted(known))}")
    missing = sorted(name for name, f in known.items() if f.default is MISSING and name not in table)
    if missing:
        raise SpecError(f"{where} lacks {', '.join(missing)}; valid keys: {', '.join(sorted(known))}")
    values = {key: convert(table[key], str(known[key].type), f"{where}.{key}") for key in table}
    return cls(**values, **given)


def build_all(cls: type[T], table: Mapping[str, object], section: str, where: str) -> tuple[T, ...]:
    """Make a dataclass of every entry of the list `section`, at least one. Raises SpecError."""
    value = table[section]
    if not isinstance(value, list) or not value:
        raise SpecError(f"{where} must hold at least one [[{section}]] table")
    return tuple(build(cls, entry, f"{where}.{section}[{i}]") for i, entry in enumerate(value))
