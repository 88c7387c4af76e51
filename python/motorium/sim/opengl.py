"""Off-screen OpenGL for MuJoCo: EGL, else OSMesa, else one clear error with the command that installs them.

MuJoCo reads MUJOCO_GL once, when its rendering modules are first imported, so this must come before.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from ..errors import SimulationError
from .graphics import available_backends, install_advice, setting_problem

_RETRY = "MOTORIUM_GL_RETRY"


class OpenGLError(SimulationError):
    """Nothing can render off-screen; the message has the command that fixes it."""

    def __init__(self, cause: object) -> None:
        """`cause`: what was tried and failed."""
        super().__init__(f"cannot render the cameras off-screen ({cause}): {install_advice()}")


def choose_platform() -> bool:
    """Set MUJOCO_GL to the best installed platform, unless it is set; False when nothing is installed."""
    if not os.environ.get("MUJOCO_GL"):
        platforms = available_backends()
        if not platforms:
            return False
        os.environ["MUJOCO_GL"] = platforms[0]
        os.environ[_RETRY] = ",".join(platforms)
    return True


def check_settings() -> None:
    """Raise SimulationError when MUJOCO_GL or its like, set by the user, cannot work here; what to do stands in it."""
    problem = setting_problem(os.environ)
    if problem is not None:
        raise SimulationError(problem)


def import_mujoco() -> None:
    """Import MuJoCo with an off-screen platform that is installed; a MUJOCO_GL set by the user stands.

    Raises:
        OpenGLError: no platform, or its libraries do not load.
        SimulationError: MuJoCo is not installed, or settings of the user cannot work.
    """
    check_settings()
    # Mesa's cache leaves files in the user's home, and its idle-priority thread can keep a killed process from
    # going for seconds on a busy machine; without it the first frame is 0.2 s later.
    os.environ.setdefault("MESA_SHADER_CACHE_DISABLE", "true")
    if not choose_platform():
        raise OpenGLError("neither EGL nor OSMesa can be loaded")
    try:
        import_module("mujoco")
    except (ImportError, AttributeError, RuntimeError, OSError) as error:  # PyOpenGL fails in all these ways
        if isinstance(error, ModuleNotFoundError) and error.name == "mujoco":
            raise SimulationError("sim: needs MuJoCo: pip install 'motorium[sim]'") from error
        device = os.environ.get("MUJOCO_EGL_DEVICE_ID")
        if device and "MUJOCO_EGL_DEVICE_ID" in str(error):
            raise SimulationError(
                f"MUJOCO_EGL_DEVICE_ID={device}: {error}: unset it, or choose another"
            ) from error
        raise OpenGLError(f"MUJOCO_GL={os.environ['MUJOCO_GL']}: {error}") from error


def restart_with_fallback() -> None:
    """Run this process again with the next platform, if `import_mujoco` chose and another is left.

    PyOpenGL cannot change its platform once loaded, hence a new program image. Returns when nothing is
    left to try.
    """
    tried, *rest = os.environ.get(_RETRY, "").split(",")
    if rest and tried == os.environ.get("MUJOCO_GL"):  # else the user has chosen since
        environment = {**os.environ, "MUJOCO_GL": rest[0], _RETRY: ",".join(rest)}
        environment.pop("PYOPENGL_PLATFORM", None)
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606 - our own command line
