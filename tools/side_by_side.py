"""Compare the speed of two builds of motorium: the same benchmarks of both, in turns, as ratios of each round.

    python tools/side_by_side.py BEFORE AFTER [--bench loop,bus,engine] [--rounds 10] [--json FILE]

BEFORE and AFTER are folders with a package `motorium` and its extension: `python` of a tree that was built in place, or
a site-packages. A ratio is time before over time after: above 1 is faster. Exit status 1: a median lies below 0.97.

Of `loop` the median error of the period counts, not missed ticks, which a busy machine decides; of `bus` a cycle, and
one with the wire's time; of `engine` the median of each precision at size S.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COMMANDS = {
    "loop": ["bench", "loop", "--quick", "--json"],
    "bus": ["bench", "bus", "--quick", "--json"],
    "engine": ["bench", "engine", "--sizes", "S", "--peers", "", "--quick", "--json"],
}
MIN_RATIO = 0.97


def times(bench: str, found: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Name and time of everything that is compared, from what a benchmark printed."""
    if bench == "loop":
        for rate, figures in found["rates"].items():
            yield f"loop {rate} Hz period error", figures["period_error_us"]
    elif bench == "bus":
        for protocol, figures in found["protocols"].items():
            yield f"{protocol} cycle", figures["cycle_us"]
            yield f"{protocol} cycle on the wire", figures["wire_us"]
    else:
        for name, taken in found["sizes"]["S"]["ms"].items():
            yield f"engine S {name}", taken


def measure(package: Path, bench: str) -> dict[str, float]:
    """Run one benchmark of the build in `package`, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-P" if sys.version_info >= (3, 11) else "-s", "-m", "motorium", *COMMANDS[bench]],
        env={**os.environ, "PYTHONPATH": str(package.resolve())},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{package}: bench {bench} failed\n{done.stderr[-2000:]}")
    return dict(times(bench, json.loads(done.stdout)))


def compare(before: Path, after: Path, bench: str, rounds: int) -> dict[str, dict[str, Any]]:
    """Let both builds take turns, the first of a round being another each time."""
    seen: dict[str, list[tuple[float, float]]] = {}
    for number in range(rounds):
        order = [before, after] if number % 2 == 0 else [after, before]
        taken = {package: measure(package, bench) for package in order}
        for name in taken[before].keys() & taken[after].keys():
            seen.setdefault(name, []).append((taken[before][name], taken[after][name]))
        print(f"  {bench}: round {number + 1} of {rounds}", file=sys.stderr)
    return {
        name: {
            "ratio": round(statistics.median(old / new for old, new in pairs), 3),
            "before": statistics.median(old for old, _ in pairs),
            "after": statistics.median(new for _, new in pairs),
            "rounds": len(pairs),
        }
        for name, pairs in sorted(seen.items())
    }


def main() -> int:
    """Compare, print a table, and say by the exit status whether anything became slower."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--bench", default=",".join(COMMANDS), help="benchmarks, by comma (%(default)s)")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    for package in (options.before, options.after):
        if not list((package / "motorium").glob("_core*.so")):
            sys.exit(f"{package} holds no package `motorium` with its extension: build it first (make dev)")
    found: dict[str, dict[str, Any]] = {}
    for bench in options.bench.split(","):
        found.update(compare(options.before, options.after, bench, options.rounds))
    for name, figures in found.items():
        mark = "" if figures["ratio"] >= MIN_RATIO else "   SLOWER"
        print(f"{name:40s} {figures['before']:10.2f} {figures['after']:10.2f} {figures['ratio']:7.3f}{mark}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(any(figures["ratio"] < MIN_RATIO for figures in found.values()))


if __name__ == "__main__":
    sys.exit(main())
