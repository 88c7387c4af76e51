"""Every harm that robot users report has a test named after it."""

from __future__ import annotations

import re

HARMS = range(1, 27)
"""Of the bus, of power and calibration, of the control loop and of cameras; numbered once, never renumbered."""


def test_every_harm_has_a_test(tree):
    text = "\n".join(path.read_text(encoding="utf-8") for path in tree.files(".py", under="tests/harms"))
    assert {int(n) for n in re.findall(r"^def test_harm_(\d\d)_\w+\(", text, re.MULTILINE)} == set(HARMS)
