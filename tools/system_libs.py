"""Make sure that the simulated cameras can draw off-screen: a GL library from the operating system.

Installs it where that is allowed (root, apt-get at hand), otherwise says the one command. Never fails a
build: `motorium doctor` repeats the check, and everything but the simulated cameras works without.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from motorium.sim.graphics import DEBIAN_PACKAGES, available_backends


def main() -> int:
    """Always 0."""
    if available_backends():
        return 0
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *DEBIAN_PACKAGES]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (["apt-get", "update", "--quiet"], command):
            subprocess.run(step, env=environment, stdout=subprocess.DEVNULL, check=False)
    if available_backends():
        print(f"installed {' '.join(DEBIAN_PACKAGES)}")
    else:
        print("The simulated cameras need a GL library. On Debian or Ubuntu:", file=sys.stderr)
        print(f"  sudo apt-get install {' '.join(DEBIAN_PACKAGES)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
