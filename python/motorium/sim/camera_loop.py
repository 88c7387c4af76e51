"""Cameras of the simulated robot: rendered in a thread of their own from a copy of the physics state."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Protocol

from ..specs.robot import CameraSpec
from ..types import UInt8
from ..units import NS_PER_S
from .shared_frames import FrameWriter

IDLE_LOOK_S = 0.02
"""How often a loop that nobody watches looks for readers."""


class Rig(Protocol):
    """Renders from its own copy of the world's state.

    Made, used and closed in one thread: an OpenGL context belongs to one.
    """

    def capture(self) -> int:
        """Copy the state under the physics lock; returns the time it stands for, nanoseconds."""
        ...

    def render(self, role: str) -> UInt8:
        """Return (H, W, 3) uint8 of the captured state."""
        ...

    def close(self) -> None:
        """Free the OpenGL context."""
        ...


class CameraLoop:
    """Renders every camera at its own rate and publishes the frames, while somebody reads or waits for them."""

    def __init__(self, cameras: tuple[CameraSpec, ...], make_rig: Callable[[], Rig]) -> None:
        """Create the frame rings. `make_rig` is called in the thread of `run`."""
        self._cameras = {camera.role: camera for camera in cameras}
        self._make_rig = make_rig
        self.writers = {c.role: FrameWriter(c.role, c.height, c.width) for c in cameras}
        self.scene_lock = threading.Lock()  # held while the world's model is read; a reset takes it
        self._published = threading.Condition()
        self._newest_ns = dict.fromkeys(self.writers, 0)
        self._waited_for_ns = 0

    def run(self, stop: threading.Event) -> None:
        """Render until `stop` is set; a camera that is late drops frames, it never speeds up.

        At ordinary priority, with the rasteriser's own threads: pictures cost most, and are late without harm.
        """
        thread = threading.get_native_id()
        if os.getpriority(os.PRIO_PROCESS, thread) < 0:
            os.setpriority(os.PRIO_PROCESS, thread, 0)
        rig = self._make_rig()
        try:
            start_ns = time.monotonic_ns()
            due_ns = dict.fromkeys(self._cameras, start_ns)
            while not stop.is_set():
                if not self._is_watched():
                    stop.wait(IDLE_LOOK_S)
                    continue
                now_ns = time.monotonic_ns()
                roles = [role for role, t_ns in due_ns.items() if t_ns <= now_ns]
                if roles:
                    self._shoot(rig, roles)
                for role in roles:
                    period_ns = round(NS_PER_S / self._cameras[role].fps)
                    due_ns[role] += period_ns * ((now_ns - due_ns[role]) // period_ns + 1)
                pause_ns = min(due_ns.values()) - time.monotonic_ns()
                if pause_ns > 0:
                    stop.wait(pause_ns / NS_PER_S)
        finally:
            rig.close()

    def wait_newer(self, t_ns: int, timeout_s: float) -> bool:
        """Wait until every camera has published a frame captured after `t_ns`, whether anybody reads it or not."""
        with self._published:
            self._waited_for_ns = max(self._waited_for_ns, t_ns)
            return self._published.wait_for(
                lambda: all(n > t_ns for n in self._newest_ns.values()), timeout_s
            )

    def _is_watched(self) -> bool:
        if min(self._newest_ns.values()) <= self._waited_for_ns:
            return True
        return any(writer.is_read() for writer in self.writers.values())

    def close(self) -> None:
        """Give the frame memory back; safe to call twice."""
        for writer in self.writers.values():
            writer.close()

    def _shoot(self, rig: Rig, roles: list[str]) -> None:
        with self.scene_lock:  # cameras due together see the same instant
            t_ns = rig.capture()
            images = {role: rig.render(role) for role in roles}
        for role, image in images.items():
            self.writers[role].write(image, t_ns)
        with self._published:
            self._newest_ns.update(dict.fromkeys(roles, t_ns))
            self._published.notify_all()
