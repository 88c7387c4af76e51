"""What LeRobot's dataset code asks of torchvision, and no more: its video reader, here over PyAV.

Choosing the frames, seeking and the tolerance of their times stay LeRobot's own.
"""

from __future__ import annotations

from . import io, transforms

__all__ = ["io", "set_video_backend", "transforms"]


def set_video_backend(backend: str) -> None:
    assert backend == "pyav"
