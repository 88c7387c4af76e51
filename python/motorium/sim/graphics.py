"""Which off-screen GL the machine has for the simulated cameras."""

from __future__ import annotations

import ctypes
import resource
from collections.abc import Mapping

DEBIAN_PACKAGES = ("libegl1", "libegl-mesa0", "libgl1-mesa-dri", "libosmesa6")
"""What to install on Debian and its children; either EGL or OSMesa is enough."""

_LIBRARIES = {
    # EGL is a dispatcher: it draws nothing without a vendor library behind it.
    "egl": (("libEGL.so.1",), ("libEGL_mesa.so.0", "libEGL_nvidia.so.0")),
    "osmesa": (("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so"),),
}


ADDRESS_SPACE_GB = 2
"""What the simulator maps, rounded up: it starts under `ulimit -v 1000000` and fails under 700000 (2026-11, x86-64)."""


def install_advice() -> str:
    """Return what makes off-screen drawing work here: more address space where that lacks, else the packages."""
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    if soft != resource.RLIM_INFINITY and soft < ADDRESS_SPACE_GB << 30:
        return (
            f"this process may map only {soft / 2**30:.2g} GB of memory, and the simulator needs up to "
            f"{ADDRESS_SPACE_GB}: raise the limit (ulimit -v unlimited) and start again"
        )
    return f"install OpenGL for headless use: sudo apt-get install -y {' '.join(DEBIAN_PACKAGES)}"


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


OFF = ("disable", "disabled", "off", "false", "0")
"""Values of MUJOCO_GL with which MuJoCo draws nothing."""
ON_SCREEN = ("glfw", "glx", "enable", "enabled", "on", "true", "1")
"""Values with which it wants a screen."""
OFF_SCREEN = ("egl", "osmesa")


def setting_problem(environment: Mapping[str, str]) -> str | None:
    """Return what is wrong with the graphics settings of `environment`, and what to do; None when nothing is.

    MuJoCo itself finds out late, some of it only at the first picture.
    """
    chosen = environment.get("MUJOCO_GL", "").strip().lower()
    works = available_backends()
    remedy = f"unset MUJOCO_GL, or set it to {' or '.join(works)}" if works else "unset MUJOCO_GL"
    said = f"MUJOCO_GL={environment.get('MUJOCO_GL', '')}"
    if chosen in OFF:
        return f"{said} switches off the rendering that the simulated cameras need: {remedy}"
    if chosen in ON_SCREEN and not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        return f"{said} draws on a screen, but there is none (DISPLAY is not set): {remedy}"
    if chosen and chosen not in (*ON_SCREEN, *OFF_SCREEN):
        return f"{said} is not a value that MuJoCo knows ({', '.join(OFF_SCREEN)}, glfw): {remedy}"
    if chosen in OFF_SCREEN and chosen not in works:
        packages = " ".join(DEBIAN_PACKAGES)
        return f"{said} needs what is not installed here: {remedy}; or sudo apt-get install -y {packages}"
    other = environment.get("PYOPENGL_PLATFORM", "").strip().lower()
    if other and chosen in OFF_SCREEN and other != chosen:
        return f"PYOPENGL_PLATFORM={other} contradicts {said}: unset PYOPENGL_PLATFORM"
    return None


def available_backends() -> list[str]:
    """Return values of MUJOCO_GL that can work here, best first: "egl", "osmesa", both or none."""
    return [
        backend for backend, groups in _LIBRARIES.items() if all(any(map(_loads, names)) for names in groups)
    ]
