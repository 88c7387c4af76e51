"""The machine a figure was measured on; without it a figure says nothing."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# What decides the speed of the kernels; /proc/cpuinfo lists a hundred more.
ISA_FLAGS = (
    "sse4_2", "avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile",
    "asimd", "asimddp", "i8mm", "bf16", "sve",
)  # fmt: skip
PACKAGES = ("motorium", "numpy", "torch", "onnxruntime")


def machine(threads: int | None = None) -> dict[str, Any]:
    """Return CPU, its instruction sets, cores, governor, load, memory, compiler and versions; JSON values only.

    `threads` is how many the measurement used, if it has a say in that.
    """
    from .. import _core

    cores = os.sched_getaffinity(0)
    facts: dict[str, Any] = {
        "cpu": _cpu_name(),
        "arch": platform.machine(),
        "isa": [flag for flag in ISA_FLAGS if flag in cpu_flags()],
        "kernels": _core.kernels.available_isas(),
        "cores": len(cores),
        "governor": _read(f"/sys/devices/system/cpu/cpu{min(cores)}/cpufreq/scaling_governor") or "unknown",
        "load_1min": round(os.getloadavg()[0], 2),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "compiler": _core.compiler,
        "python": platform.python_version(),
        "versions": _versions(PACKAGES),
    }
    if threads is not None:
        facts["threads"] = threads
    return facts


def machine_line(facts: dict[str, Any]) -> str:
    """Return the facts of `machine` on one line."""
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    threads = f", {facts['threads']} threads" if "threads" in facts else ""
    return (
        f"{facts['cpu']}, {facts['cores']} cores{threads}, {'/'.join(facts['isa'])}, "
        f"governor {facts['governor']}, load {facts['load_1min']}, {facts['compiler']}, {versions}"
    )


def _versions(packages: Iterable[str]) -> dict[str, str]:
    found = {package: _version(package) for package in packages}
    return {package: number for package, number in found.items() if number}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _cpuinfo(*keys: str) -> str:
    """Return the first value of one of `keys`: x86-64 and aarch64 name things differently."""
    for line in _read("/proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in keys:
            return value.strip()
    return ""


def _cpu_name() -> str:
    model = _read("/proc/device-tree/model").rstrip("\0")  # boards: "NVIDIA Jetson Orin Nano ..."
    return _cpuinfo("model name") or model or platform.processor() or "unknown"


def cpu_flags() -> frozenset[str]:
    """Return what the processor can do, in the words of /proc/cpuinfo."""
    return frozenset(_cpuinfo("flags", "Features").split())
