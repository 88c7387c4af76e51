"""Every harm that robot users report has a test named after it, or is named among the limits."""

from __future__ import annotations

import re

HARMS = range(1, 27)
"""Of the bus, of power and calibration, of the control loop and of cameras; numbered once, never renumbered."""


def named_in_tests(tree) -> set[int]:
    text = "\n".join(path.read_text(encoding="utf-8") for path in tree.files(".py", under="tests/harms"))
    return {int(number) for number in re.findall(r"^def test_harm_(\d\d)_\w+\(", text, flags=re.MULTILINE)}


def named_as_limits(tree) -> set[int]:
    limits = re.search(
        r"^## Limits$(.*?)(?=^## |\Z)", (tree.root / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert limits is not None
    return {int(number) for number in re.findall(r"\((\d+)\)", limits[1])}


def test_every_harm_has_a_test_or_is_a_limit(tree):
    assert set(HARMS) <= named_in_tests(tree) | named_as_limits(tree)
    assert named_in_tests(tree) <= set(HARMS)


def test_a_limit_that_is_named_is_one_of_the_harms(tree):
    assert named_as_limits(tree) <= set(HARMS)
