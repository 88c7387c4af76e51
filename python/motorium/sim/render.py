"""Off-screen pictures, without shadows and reflections: those cost 25 times on a software rasteriser."""

from __future__ import annotations

import atexit
from typing import Any

import numpy as np

from ..types import UInt8
from .opengl import OpenGLError


class Renderers:
    """One OpenGL context and scene per image size, made on first use."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._by_size: dict[tuple[int, int], Any] = {}

    def _get(self, height: int, width: int) -> Any:
        renderer = self._by_size.get((height, width))
        if renderer is None:
            import mujoco

            try:
                renderer = mujoco.Renderer(self._model, height=height, width=width)
            except Exception as error:
                # Also when somebody imported mujoco before MUJOCO_GL was set: it then waits for a screen.
                raise OpenGLError(
                    error or "no context; set MUJOCO_GL=egl before the first import of mujoco"
                ) from error
            renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
            renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
            if not self._by_size:
                # Registered after mujoco's own exit handler, so it runs before EGL is shut down.
                atexit.register(_close_all, self._by_size)
            self._by_size[(height, width)] = renderer
        return renderer

    def render(self, data: Any, camera: str, height: int, width: int) -> UInt8:
        """Return (height, width, 3) uint8 RGB, a fresh array."""
        renderer = self._get(height, width)
        renderer.update_scene(data, camera=camera)
        return np.array(renderer.render(), dtype=np.uint8)

    def close(self) -> None:
        """Free every context."""
        _close_all(self._by_size)


def _close_all(by_size: dict[tuple[int, int], Any]) -> None:
    for renderer in by_size.values():
        renderer.close()
    by_size.clear()
