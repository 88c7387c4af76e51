"""Off-screen OpenGL for MuJoCo: EGL, else OSMesa, else one clear error with the command that installs them.

MuJoCo reads MUJOCO_GL once, when its rendering modules are first imported, so this must come before.
"""

from __future__ import annotations

import os
import sys

from ..errors import SimulationError
from .graphics import DEBIAN_PACKAGES, available_backends

_RETRY = "MOTORIUM_GL_RETRY"


class OpenGLError(SimulationError):
    """Nothing can render off-screen; the message holds the command that changes it."""

    def __init__(self, cause: object) -> None:
        """`cause`: what was tried and failed."""
        super().__init__(
            f"cannot render the cameras off-screen ({cause}). "
            f"Install OpenGL for headless use: sudo apt-get install -y {' '.join(DEBIAN_PACKAGES)}"
        )


def select_opengl() -> str:
    """Point MuJoCo at an installed platform; a MUJOCO_GL set by the user stands. Raises OpenGLError."""
    chosen = os.environ.get("MUJOCO_GL")
    if not chosen:
        platforms = available_backends()
        if not platforms:
            raise OpenGLError("neither EGL nor OSMesa is installed")
        os.environ["MUJOCO_GL"] = chosen = platforms[0]
        os.environ[_RETRY] = ",".join(platforms[1:])
    return chosen


def restart_with_fallback() -> None:
    """Run this process again with the next platform, if `select_opengl` chose and another is left.

    PyOpenGL cannot change its platform once loaded, hence a new program image. Returns when nothing is
    left to try.
    """
    rest = [name for name in os.environ.get(_RETRY, "").split(",") if name]
    if rest:
        environment = {**os.environ, "MUJOCO_GL": rest[0], _RETRY: ",".join(rest[1:])}
        environment.pop("PYOPENGL_PLATFORM", None)
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606 - our own command line
