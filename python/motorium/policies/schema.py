"""JSON -> frozen dataclasses, bounded and checked: the types of the fields are the schema.

Unknown keys are ignored (a newer writer may add some); missing keys are collected and reported together.
Bounds are part of the type: `Annotated[int, within(1, 64)]`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from .. import foreign

T = TypeVar("T")
LONGEST = 4096
"""Default bound on the length of a list."""
TEXT_LONGEST = 200
LARGEST = 1e30
"""Numbers beyond this are taken for damage; they would overflow float32 arithmetic."""


class SchemaError(ValueError):
    """A document does not fit; the text says where and what was expected."""


@dataclass(frozen=True)
class Rules:
    """Bounds of one field: numbers in low..high, texts one of `choices`, lists no longer than `length`."""

    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    length: int = LONGEST


def within(low: float, high: float) -> Rules:
    """Return a number in low..high, inclusive."""
    return Rules(low=low, high=high)


def one_of(*choices: str) -> Rules:
    """Return a text out of `choices`."""
    return Rules(choices=choices)


def parse_json(text: str) -> Any:
    """Parse strict JSON: no duplicate keys, no NaN or Infinity, no absurd nesting. Raises SchemaError."""
    try:
        return foreign.parse_json(text, unique=True)
    except ValueError as error:
        raise SchemaError(f"not valid JSON: {error}") from error


def build(cls: type[T], document: object) -> T:
    """Build `cls` from a decoded JSON object. Raises SchemaError naming every missing key."""
    missing: list[str] = []
    _find_missing(cls, document, "", missing)
    if missing:
        raise SchemaError(f"missing keys: {', '.join(missing)}")
    result: T = _table(cls, document, "")
    return result


def to_plain(value: object) -> Any:
    """Undo `build`: turn dataclasses and tuples into dicts and lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    return value


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _find_missing(cls: Any, document: object, where: str, missing: list[str]) -> None:
    if not isinstance(document, Mapping):
        return  # reported as a wrong type by the builder
    hints = _hints(cls)
    for field in fields(cls):
        here = _join(where, field.name)
        if field.name not in document:
            if field.default is MISSING:
                missing.append(here)
            continue
        kind, value = hints[field.name], document[field.name]
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        if is_dataclass(kind):
            _find_missing(kind, value, here, missing)
        elif get_origin(kind) is tuple and is_dataclass(get_args(kind)[0]) and isinstance(value, list):
            for index, item in enumerate(value[:LONGEST]):
                _find_missing(get_args(kind)[0], item, f"{here}[{index}]", missing)


def _table(cls: Any, document: object, where: str) -> Any:
    if not isinstance(document, Mapping):
        raise SchemaError(f"{where or 'the document'} must be an object, not {_show(document)}")
    hints = _hints(cls)
    values = {
        field.name: _value(hints[field.name], document[field.name], _join(where, field.name), Rules())
        for field in fields(cls)
        if field.name in document
    }
    return cls(**values)


def _value(kind: Any, value: object, where: str, rules: Rules) -> Any:
    if get_origin(kind) is Annotated:
        kind, rules = get_args(kind)
    if is_dataclass(kind):
        return _table(kind, value, where)
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind)[0], value, where, rules)
    return _SCALARS[kind](value, where, rules)


def _tuple(kind: Any, value: object, where: str, rules: Rules) -> tuple[Any, ...]:
    longest = rules.length
    if not isinstance(value, list):
        raise SchemaError(f"{where} must be a list, not {_show(value)}")
    if len(value) > longest:
        raise SchemaError(f"{where} has {len(value)} entries; at most {longest} are allowed")
    return tuple(_value(kind, item, f"{where}[{i}]", rules) for i, item in enumerate(value))


def _within(number: float, where: str, rules: Rules) -> None:
    if not rules.low <= number <= rules.high:
        raise SchemaError(f"{where} is {number!r}; it must be in {rules.low}..{rules.high}")


def _integer(value: object, where: str, rules: Rules) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise SchemaError(f"{where} must be a whole number, not {_show(value)}")
    _within(value, where, rules)
    return value


def _real(value: object, where: str, rules: Rules) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) <= LARGEST:
        raise SchemaError(f"{where} must be a finite number, not {_show(value)}")
    _within(value, where, rules)
    return float(value)


def _text(value: object, where: str, rules: Rules) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_LONGEST:
        raise SchemaError(f"{where} must be a text of 1..{TEXT_LONGEST} characters, not {_show(value)}")
    if rules.choices and value not in rules.choices:
        raise SchemaError(f"{where} is {value!r}; this version knows: {', '.join(rules.choices)}")
    return value


def _flag(value: object, where: str, rules: Rules) -> bool:
    del rules
    if not isinstance(value, bool):
        raise SchemaError(f"{where} must be true or false, not {_show(value)}")
    return value


_SCALARS: dict[Any, Callable[[object, str, Rules], Any]] = {
    int: _integer,
    float: _real,
    str: _text,
    bool: _flag,
}


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
