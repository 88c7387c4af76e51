"""The words for left and right in texts, exchanged, each in its own case."""

from __future__ import annotations

import re

_WORD = re.compile(r"(?<![^\W_])(left|right)(?=(?:most|wards?|hand|handed)?(?![^\W_]))", re.IGNORECASE)
"""Words of their own, also before "-hand", "most" or "_arm"; not parts of others, such as "leftover" or "upright"."""


def exchange_sides(text: str) -> str:
    """Exchange left and right in a text: "the LEFT cup, left-hand side." becomes "the RIGHT cup, right-hand side."."""
    return _WORD.sub(_other, text)


def _other(found: re.Match[str]) -> str:
    word = found[0]
    other = "right" if word.lower() == "left" else "left"
    if word.isupper():
        return other.upper()
    return other.capitalize() if word[0].isupper() else other
