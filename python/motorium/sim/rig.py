"""The cameras of a world, rendered beside its physics from a copy of its state."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import mujoco

from ..errors import SimulationError
from ..types import UInt8
from .opengl import OpenGLError
from .physics_loop import PhysicsLoop
from .render import Renderers
from .world import World


class WorldRig:
    """Own copy of the state, own OpenGL context; both belong to the thread that made them."""

    def __init__(self, world: World, physics: PhysicsLoop) -> None:
        """Render each camera once, so that a missing OpenGL shows here. Raises OpenGLError."""
        self._model: Any = world.model
        self._source: Any = world.data
        self._physics = physics
        self._lock: AbstractContextManager[Any] = physics.lock
        self._sizes = {camera.role: (camera.height, camera.width) for camera in world.spec.cameras}
        self._data: Any = mujoco.MjData(self._model)
        self._renderers = Renderers(self._model)
        self.capture()
        try:
            for role in self._sizes:
                self.render(role)
        except SimulationError as error:
            if isinstance(error, OpenGLError):
                raise
            raise OpenGLError(error) from error

    def capture(self) -> int:
        """Copy the state, holding up the physics for the copy alone; returns the time it stands for (ns)."""
        with self._lock:
            mujoco.mj_copyData(self._data, self._model, self._source)
            return self._physics.t_ns

    def render(self, role: str) -> UInt8:
        """Return (H, W, 3) uint8 RGB of the captured state."""
        height, width = self._sizes[role]
        return self._renderers.render(self._data, role, height, width)

    def close(self) -> None:
        """Free the OpenGL context."""
        self._renderers.close()
