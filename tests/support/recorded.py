"""JSON that 0.1.0 printed, and how today's is compared with it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MADE = Path(__file__).parents[1] / "compat/data"
WORDS = {"message", "text", "detail", "advice", "description", "title", "aside", "findings"}
"""Keys whose values are prose, which may be put better."""


def kinds(value: object, depth: int = 9) -> object:
    """The kind of everything in `value`, down to `depth`: as `make.py` noted it."""
    if isinstance(value, dict):
        return {key: kinds(inner, depth - 1) for key, inner in value.items()} if depth else "table"
    if isinstance(value, list):
        return [kinds(value[0], depth - 1)] if value else []
    names = {bool: "truth", int: "number", float: "number", str: "text", type(None): "nothing"}
    return names[type(value)]


def lost(old: Any, new: Any, at: str = "") -> Iterator[str]:
    """Say what of the recorded kinds `old` is missing in `new` or of another kind; new keys are welcome."""
    if isinstance(old, dict):
        if not isinstance(new, dict):
            yield f"{at}: {new!r} instead of an object"
            return
        for key, inner in old.items():
            if key in new:
                yield from lost(inner, new[key], f"{at}.{key}")
            else:
                yield f"{at}.{key} is missing"
    elif isinstance(old, list):
        if not isinstance(new, list):
            yield f"{at}: {new!r} instead of a list"
        elif old and new:
            yield from lost(old[0], new[0], f"{at}[0]")
    elif old != new and "nothing" not in (old, new) and not (old == "table" and isinstance(new, dict)):
        yield f"{at}: {new!r} instead of {old!r}"


def changed(old: Any, new: Any, at: str = "") -> Iterator[str]:
    """Say where a recorded value is not what it was; new keys are welcome."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key, inner in old.items():
            if key not in new:
                yield f"{at}.{key} is missing"
            elif key not in WORDS:
                yield from changed(inner, new[key], f"{at}.{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, inner in enumerate(old):
            yield from changed(inner, new[i], f"{at}[{i}]")
    elif isinstance(old, float) and isinstance(new, (int, float)):
        if not math.isclose(old, new, rel_tol=1e-5, abs_tol=1e-7):
            yield f"{at}: {new} instead of {old}"
    elif old != new:
        yield f"{at}: {new!r} instead of {old!r}"
