"""Names that LeRobot's augmentation derives from; the tests augment nothing."""

from __future__ import annotations


class Transform: ...


class functional: ...  # noqa: N801 - the module's name there


def __getattr__(name: str) -> type:
    return type(name, (Transform,), {})
