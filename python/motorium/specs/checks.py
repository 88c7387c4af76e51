"""What every declaration is checked for: one of a few words, nothing used twice, sizes above zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import SpecError

MAX_NAME_BYTES = 200
"""Of a robot, joint or camera; an arm's names have its side in front, and a compiled robot holds 1000 bytes."""


def unique(values: Sequence[Any], what: str, where: str) -> None:
    """Raise SpecError when a value stands in `values` more than once."""
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise SpecError(f"{where}: {what} {repeated[0]!r} is used more than once (all: {list(values)})")


def short_text(value: str, what: str, where: str) -> None:
    """Raise SpecError for a name beyond `MAX_NAME_BYTES`."""
    if len(value.encode()) > MAX_NAME_BYTES:
        raise SpecError(f"{where}: {what} {value[:40]!r}... is longer than {MAX_NAME_BYTES} bytes")


def choice(value: str, choices: Sequence[str], where: str) -> None:
    """Raise SpecError unless `value` is one of `choices`."""
    if value not in choices:
        raise SpecError(f"{where} is {value!r}; valid choices: {', '.join(choices)}")


def positive(value: float, where: str, *, or_zero: bool = False) -> None:
    """Raise SpecError unless `value` is positive, or zero where that is allowed."""
    if value < 0 or (value == 0 and not or_zero):
        raise SpecError(f"{where} must {'not be negative' if or_zero else 'be positive'}")
