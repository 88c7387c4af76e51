"""What every declaration is checked for: one of a few words, nothing used twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import SpecError


def unique(values: Sequence[Any], what: str, where: str) -> None:
    """Raise SpecError when a value stands in `values` more than once."""
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise SpecError(f"{where}: {what} {repeated[0]!r} is used more than once (all: {list(values)})")


def choice(value: str, choices: Sequence[str], where: str) -> None:
    """Raise SpecError unless `value` is one of `choices`."""
    if value not in choices:
        raise SpecError(f"{where} is {value!r}; valid choices: {', '.join(choices)}")
