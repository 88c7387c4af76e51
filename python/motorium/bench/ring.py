"""The ring between threads against `boost::lockfree::spsc_queue`.

The race is C++ (`csrc/bench/ring_race.cpp`), compiled when it is run, since Boost is no dependency: without its
headers the ring runs alone and there is no ratio.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import BenchmarkError
from .machine import machine

BOOST_HEADER = "boost/lockfree/spsc_queue.hpp"
BOOST_HINT = "no Boost headers, so no ratio; on Debian: apt-get install libboost-dev"
ITEM_BYTES, OTHER_BYTES = 56, (8, 64)
_FLAGS = ("-std=c++20", "-O2", "-DNDEBUG", "-pthread")

Times = Mapping[tuple[str, str], Sequence[float]]


def measure(rounds: int = 200) -> dict[str, Any]:
    """Race the ring; JSON values.

    Returns:
        `vs_boost`: how many times more items per second than boost::lockfree::spsc_queue, items of 56 bytes (with our
        stamp one cache line), both of capacity 1024: the median over `rounds` of both in turn, or None without its
        headers. `rtt_vs_boost`: the same for round trips. `ops_per_ms`: items through our ring per millisecond.
        `rtt_ns`: one round trip through two of our rings. `boost`: its figures, or None. `by_item_bytes`: the same
        figures for other sizes. `note`: what is missing, or None. `machine`. Raises BenchmarkError without a C++
        compiler, or when the race fails.
    """
    compiler = _compiler()
    with_boost = _has_boost(compiler)
    found = {
        size: _race(compiler, size, rounds, with_boost=with_boost) for size in (ITEM_BYTES, *OTHER_BYTES)
    }
    return {
        **found[ITEM_BYTES],
        "by_item_bytes": {str(size): found[size] for size in OTHER_BYTES},
        "note": None if with_boost else BOOST_HINT,
        "machine": machine(threads=2),
    }


def parse(lines: str) -> Times:
    """Return nanoseconds per operation of each burst, by (contender, what)."""
    times: dict[tuple[str, str], list[float]] = {}
    for line in lines.splitlines():
        name, what, nanoseconds = line.split()
        times.setdefault((name, what), []).append(float(nanoseconds))
    return times


def figures(times: Times) -> dict[str, Any]:
    """Return medians and, where both ran, ratios of the bursts of the same round."""

    def median(name: str, what: str) -> float:
        return statistics.median(times[name, what])

    def ratio(what: str) -> float | None:
        if ("boost", what) not in times:
            return None
        pairs = zip(times["motorium", what], times["boost", what], strict=True)
        return round(statistics.median(boost / ours for ours, boost in pairs), 3)

    def both(name: str) -> dict[str, int]:
        return {
            "ops_per_ms": round(1e6 / median(name, "transfer")),
            "rtt_ns": round(median(name, "round_trip")),
        }

    return {
        "vs_boost": ratio("transfer"),
        "rtt_vs_boost": ratio("round_trip"),
        **both("motorium"),
        "boost": both("boost") if ("boost", "transfer") in times else None,
    }


def sources() -> Path:
    """Return the folder that holds `bench/` and `include/`: in the package, or `csrc` beside a source tree."""
    package = Path(__file__).parents[1]
    for home in (package / "_native", package.parents[1] / "csrc"):
        if (home / "bench/ring_race.cpp").is_file():
            return home
    raise BenchmarkError("the source of the race is not installed: install motorium again")


def _compiler() -> list[str]:
    found = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if found is None:
        raise BenchmarkError("the race of the rings is compiled first; on Debian: apt-get install g++")
    return [*found.split(), *_FLAGS, f"-I{sources() / 'include'}"]


def _has_boost(compiler: list[str]) -> bool:
    question = f"#include <{BOOST_HEADER}>"
    probe = subprocess.run(
        [*compiler, "-E", "-x", "c++", "-"], input=question, text=True, capture_output=True, check=False
    )
    return probe.returncode == 0


def _race(compiler: list[str], item_bytes: int, rounds: int, *, with_boost: bool) -> dict[str, Any]:
    """One process, in which both queues take turns."""
    command = [*compiler, f"-DMOTORIUM_ITEM_WORDS={item_bytes // 8}", *(["-DMOTORIUM_BOOST"] * with_boost)]
    with tempfile.TemporaryDirectory(prefix="motorium-bench-") as folder:
        program = str(Path(folder, "ring_race"))
        command += [str(sources() / "bench/ring_race.cpp"), "-o", program]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        if built.returncode != 0:
            raise BenchmarkError(
                f"{compiler[0]} could not compile the race of the rings:\n{built.stderr[-2000:]}"
            )
        done = subprocess.run([program, str(rounds)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchmarkError(f"the race of the rings ended with code {done.returncode}: {done.stderr[-500:]}")
    return figures(parse(done.stdout))
