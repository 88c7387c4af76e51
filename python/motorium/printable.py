"""Make foreign text safe for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's classes of control and format characters, surrogates, and ends of lines and paragraphs."""
_JOINERS = "\u200c\u200d"
"""Format characters that words of some scripts, and emoji, are made with."""


def printable(text: str, *, lines: bool = False) -> str:
    """Make a text of others safe for a terminal: control and direction characters are shown as escapes.

    Args:
        text: as found in a file.
        lines: whether line ends and tabs stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_letters(text, "\n\t" if lines else ""))


def _letters(text: str, kept: str) -> Iterator[str]:
    for letter in text:
        if letter in kept or letter in _JOINERS or unicodedata.category(letter) not in _UNSAFE:
            yield letter
        else:
            yield letter.encode("unicode_escape").decode("ascii")
