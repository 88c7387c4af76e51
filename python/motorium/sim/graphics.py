"""Which off-screen GL the machine has for the simulated cameras."""

from __future__ import annotations

import ctypes

DEBIAN_PACKAGES = ("libegl1", "libegl-mesa0", "libgl1-mesa-dri", "libosmesa6")
"""What to install on Debian and its children; either EGL or OSMesa is enough."""

_LIBRARIES = {
    # EGL is a dispatcher: it draws nothing without a vendor library behind it.
    "egl": (("libEGL.so.1",), ("libEGL_mesa.so.0", "libEGL_nvidia.so.0")),
    "osmesa": (("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so"),),
}


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def available_backends() -> list[str]:
    """Values of MUJOCO_GL that can work here, best first: "egl", "osmesa", both or none."""
    return [
        backend for backend, groups in _LIBRARIES.items() if all(any(map(_loads, names)) for names in groups)
    ]
