"""Offer what tests and benchmarks can use beyond Python and a compiler; nothing of it is needed by `make test`.

Says what is missing, what it is for, and the one command that installs it. Runs that command only after a yes, by
itself where YES=1 is in the environment.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from motorium.sim.graphics import DEBIAN_PACKAGES, available_backends


@dataclass(frozen=True)
class Need:
    """One thing of the operating system's, what for, how to tell that it is there, and its Debian packages."""

    what: str
    purpose: str
    present: Callable[[], bool]
    packages: tuple[str, ...]


def program(*names: str) -> Callable[[], bool]:
    """Whether all these programs are on the PATH."""
    return lambda: all(shutil.which(name) for name in names)


def library(name: str) -> Callable[[], bool]:
    """Whether the loader finds this library."""

    def present() -> bool:
        try:
            ctypes.CDLL(name)
        except OSError:
            return False
        return True

    return present


NEEDS = (
    Need("EGL or OSMesa", "simulated cameras", lambda: bool(available_backends()), DEBIAN_PACKAGES),
    Need("C and C++ compiler, binutils", "native tests", program("gcc", "g++", "objdump", "nm"), ("build-essential",)),
    Need("aarch64 compiler and emulator", "kernels of ARM boards",
         program("aarch64-linux-gnu-g++", "qemu-aarch64-static"), ("g++-aarch64-linux-gnu", "qemu-user-static")),
    Need("valgrind", "counts the engine's memory traffic", program("valgrind"), ("valgrind",)),
    Need("chromium", "looks at the page of `motorium data view`", program("chromium"), ("chromium",)),
    Need("libusb", "RealSense cameras", library("libusb-1.0.so.0"), ("libusb-1.0-0",)),
    Need("Boost headers", "peer of `motorium bench ring`",
         lambda: Path("/usr/include/boost/lockfree/spsc_queue.hpp").exists(), ("libboost-dev",)),
)  # fmt: skip


def agreed(command: str) -> bool:
    """Whether the person at the terminal, or YES=1, agrees to `command`."""
    if os.environ.get("YES") == "1":
        return True
    if not sys.stdin.isatty():
        return False
    print(f"Run this? It needs root.\n  {command}\n[y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def main() -> int:
    """0 when everything is there in the end, else 1. Arguments name what is wanted, by the beginning of its name."""
    wanted = [need for need in NEEDS if not sys.argv[1:] or need.what.lower().startswith(tuple(sys.argv[1:]))]
    missing = [need for need in wanted if not need.present()]
    for need in wanted:
        print(f"{'missing' if need in missing else 'ok':8}{need.what}: {need.purpose}")
    if not missing:
        return 0
    packages = [package for need in missing for package in need.packages]
    quiet = ["--non-interactive"] if os.environ.get("YES") == "1" else []  # no question for a password either
    sudo = [] if os.geteuid() == 0 else ["sudo", *quiet, "DEBIAN_FRONTEND=noninteractive"]
    install = [*sudo, "apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if shutil.which("apt-get") is None:
        print(f"no apt-get here; by the names of Debian: {' '.join(packages)}")
        return 1
    if not agreed(" ".join(install)):
        print(f"nothing was installed; the command is\n  {' '.join(install)}")
        return 1
    for command in ([*sudo, "apt-get", "update", "--quiet"], install):
        subprocess.run(command, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, check=False)
    left = [need.what for need in missing if not need.present()]
    if left:
        print(f"still missing: {', '.join(left)}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
