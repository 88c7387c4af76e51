"""Texts of a dataset in a page: neither markup, nor characters that hide or turn what stands there."""

from __future__ import annotations

import html

from ...printable import printable


def escape(text: str) -> str:
    """Return `text` for an element or an attribute in quotes."""
    return html.escape(printable(text))
