"""What makes a skipped test run: printed for each at the end of `make test`."""

from __future__ import annotations

SYSTEM_PACKAGES = "make system-packages"
INSTALLS = "make clean test installs it; without a package index: pip install it into .venv"

REMEDIES = {
    "g++-aarch64-linux-gnu": SYSTEM_PACKAGES,
    "valgrind": SYSTEM_PACKAGES,
    "chromium": SYSTEM_PACKAGES,
    "libusb": SYSTEM_PACKAGES,
    "pyrealsense2": f"{SYSTEM_PACKAGES} (libusb)",
    "libmotorium_engine.a": "make clean test, which builds it here; another machine's wheel has none",
    "object files under build/": "make clean test, which builds them here",
    "C++ compiler": SYSTEM_PACKAGES,
    "C compiler": SYSTEM_PACKAGES,
    "anitis": "a compiler with the sanitizers of gcc or clang: CXX=... make test",
    "anitiz": "a compiler with the sanitizers of gcc or clang: CXX=... make test",
    "gcov": "CC=gcc make test",
    "objdump": f"{SYSTEM_PACKAGES} (binutils), on x86-64",
    "root may open": "run as a user who is not root",
    "no small disk": "run as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)",
    "only root": "run as root, for instance in a container",
    "Rerun": ".venv/bin/pip install 'rerun-sdk>=0.23'",
    "LeRobot": "make clean test with a package index in reach",
    "bfloat16": "a processor with AVX-512 BF16 or AMX",
    "torch": ".venv/bin/python tools/install_torch.py, or a CPU build of torch by hand",
    "learn/model.py": ".venv/bin/python tools/install_torch.py",
    "comes with": INSTALLS,
    "could not import": INSTALLS,
    "extra is not installed": INSTALLS,
}
"""What a reason says -> what to do about it; the first that fits."""


def remedy(reason: str) -> str | None:
    """What to do about a test that was skipped for `reason`; None when nobody has written it down."""
    return next((what for words, what in REMEDIES.items() if words in reason), None)


def summary(reasons: list[str]) -> list[str]:
    """One line per reason: how many tests, why, and the remedy."""
    counts = {reason: reasons.count(reason) for reason in sorted(set(reasons))}
    return [f"{count} skipped: {reason} -> {remedy(reason)}" for reason, count in counts.items()]
