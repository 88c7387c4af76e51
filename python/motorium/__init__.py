"""motorium: from a vision-language-action checkpoint to the servo bus, in one process.

Attributes are loaded on first use, so that `import motorium` stays light and torch is never touched.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

if __spec__ is not None and type(__spec__.loader).__name__ == "zipimporter":
    raise ImportError(
        f"motorium has a C++ extension, which cannot be loaded from an archive ({__path__[0]}): "
        "unpack it, or install it with pip"
    )

_HOME = {
    "ActionChunk": ".types",
    "MotoriumError": ".errors",
    "MoveResult": ".robots.motion",
    "Observation": ".types",
    "Policy": ".policies.base",
    "PolicyInfo": ".policies.base",
    "Robot": ".robots.robot",
    "RobotSpec": ".specs.robot",
    "RunReport": ".runtime.run",
    "close_all": ".robots.signals",
    "load": ".policies.load",
    "run": ".runtime.run",
}

from . import moved  # noqa: E402 - an archive has said so above, where this would fail

moved.install()

__all__ = [
    "ActionChunk",
    "MotoriumError",
    "MoveResult",
    "Observation",
    "Policy",
    "PolicyInfo",
    "Robot",
    "RobotSpec",
    "RunReport",
    "__version__",
    "close_all",
    "load",
    "run",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("motorium")
    if name in _HOME:
        return getattr(import_module(_HOME[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
