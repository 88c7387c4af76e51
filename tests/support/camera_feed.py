"""A camera whose pictures and losses a test puts in."""

from __future__ import annotations

import queue

import numpy as np

from motorium.cameras.thread import Shot
from motorium.errors import CameraError


class Feed:
    """A source that delivers what a test puts in; None is a loss."""

    def __init__(self) -> None:
        self.shots: queue.Queue[Shot | None] = queue.Queue()
        self.opened = self.closed = 0
        self.absent = False

    def open(self) -> Feed:
        if self.absent:
            raise CameraError("no camera with serial A1")
        self.opened += 1
        return self

    def grab(self) -> Shot:
        shot = self.shots.get(timeout=10)
        if shot is None:
            raise CameraError("the cable is out")
        return shot

    def close(self) -> None:
        self.closed += 1

    def put(self, level: int, t_ns: int | None = None) -> None:
        self.shots.put(Shot(np.full((4, 6, 3), level, np.uint8), t_ns))
