"""Serial numbers of USB devices: which of them tell one device from another."""

from __future__ import annotations

import re
from collections.abc import Iterable

SEQUENCES = ("0123456789ABCDEF", "1234567890ABCDEF", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
"""A maker's example that was never replaced is a piece of one of these."""
SHORTEST_SEQUENCE = 4
WORDS = frozenset(
    {"", "NA", "NONE", "NULL", "DEFAULT", "UNKNOWN", "SERIAL", "SERIALNUMBER", "TOBEFILLEDBYOEM"}
)
SHARED = frozenset({"A50285BI", "200901010001"})
"""Numbers that makers gave to whole series: copies of FTDI's FT232R, webcams with Sonix chips."""
_PREFIX = re.compile(r"^(SERIAL|SN)(?=\d)")


def is_placeholder(serial: str | None) -> bool:
    """Return whether `serial` is a maker's placeholder: empty, zeros, "0001", "0123456789ABCDEF"."""
    text = _PREFIX.sub("", re.sub(r"[^0-9A-Z]", "", (serial or "").upper()))
    if text in WORDS or text in SHARED or len(set(text)) == 1:
        return True
    if len(text.lstrip("0")) <= 1 and text.isdigit():
        return True
    return len(text) >= SHORTEST_SEQUENCE and any(text in sequence for sequence in SEQUENCES)


def identifies(serial: str | None, present: Iterable[str | None]) -> bool:
    """Return whether `serial` names one device among those `present`, whose serial numbers include it."""
    return serial is not None and not is_placeholder(serial) and list(present).count(serial) == 1
