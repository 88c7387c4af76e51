"""Off-screen pictures, without shadows and reflections: those cost 25 times on a software rasteriser."""

from __future__ import annotations

import os
import weakref
from typing import Any

import numpy as np

from ..errors import SimulationError
from ..types import UInt8

ADVICE = "on Debian: apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri libosmesa6; or set MUJOCO_GL=osmesa"


def choose_backend() -> str:
    """Picks EGL unless MUJOCO_GL says otherwise; takes effect before mujoco is first imported."""
    return os.environ.setdefault("MUJOCO_GL", "egl")


class Renderers:
    """One OpenGL context and scene per image size, made on first use."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._by_size: dict[tuple[int, int], Any] = {}
        # Freed before the interpreter tears OpenGL down, else EGL complains at exit.
        weakref.finalize(self, _close_all, self._by_size)

    def _get(self, height: int, width: int) -> Any:
        renderer = self._by_size.get((height, width))
        if renderer is None:
            import mujoco  # noqa: PLC0415 - heavy and optional

            try:
                renderer = mujoco.Renderer(self._model, height=height, width=width)
            except Exception as error:
                raise SimulationError(
                    f"cannot open an off-screen OpenGL context ({error}); {ADVICE}"
                ) from error
            renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
            renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
            self._by_size[(height, width)] = renderer
        return renderer

    def render(self, data: Any, camera: str, height: int, width: int) -> UInt8:
        """(height, width, 3) uint8 RGB, a fresh array."""
        renderer = self._get(height, width)
        renderer.update_scene(data, camera=camera)
        return np.array(renderer.render(), dtype=np.uint8)

    def close(self) -> None:
        """Frees every context."""
        _close_all(self._by_size)


def _close_all(by_size: dict[tuple[int, int], Any]) -> None:
    for renderer in by_size.values():
        renderer.close()
    by_size.clear()
