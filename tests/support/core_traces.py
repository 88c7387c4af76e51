"""Seeded traces through the control core, of this tree or of two trees side by side.

    python tests/support/core_traces.py BEFORE AFTER [--traces 10000] [--rounds 10]

builds `cpp/traces/core_traces.cpp` of each tree, compares what every trace shows after each of its 1000 ticks bit for
bit, and prints the ratio of the times of a tick, both builds taking turns.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
from pathlib import Path

from cpp_program import ROOT, build

PROGRAM = "tests/runtime/cpp/traces/core_traces.cpp"
KEPT = ROOT / "tests/runtime/core_traces.txt"
KEPT_TRACES = 200
BATCH = 500


def run(program: Path, what: str, first: int, count: int) -> list[str]:
    """Return the lines that `program` prints for `count` seeds from `first` on."""
    command = [str(program), what, str(first), str(count)]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=600
    ).stdout.splitlines()


def first_difference(before: Path, after: Path, seed: int) -> str:
    """Return where the trace of `seed` parts, for a person to read."""
    tick = ""
    for old, new in zip(run(before, "ticks", seed, 1), run(after, "ticks", seed, 1), strict=False):
        if old != new:
            return f"seed {seed}, {tick}: {old.strip()} became {new.strip()}"
        tick = old if old.startswith("tick") else tick
    return f"seed {seed}: one trace is longer"


def ratio(before: Path, after: Path, rounds: int) -> float:
    """Return the median of before / after of the time of a tick; above 1 the new one is faster."""
    ratios = []
    for k in range(rounds):
        order = (before, after) if k % 2 == 0 else (after, before)
        ns = {program: float(run(program, "time", 0, 200)[0]) for program in order}
        ratios.append(ns[before] / ns[after])
    return statistics.median(ratios)


def main() -> int:
    """Compare two trees; returns the number of traces that differ, 100 at most."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path, nargs="?", default=ROOT)
    parser.add_argument("--traces", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        before, after = (
            build(Path(folder) / name, tree / PROGRAM, "-O2", tree=tree)
            for name, tree in (("before", options.before.resolve()), ("after", options.after.resolve()))
        )
        differing = 0
        for first in range(0, options.traces, BATCH):
            count = min(BATCH, options.traces - first)
            pairs = zip(run(before, "digest", first, count), run(after, "digest", first, count), strict=True)
            for seed, (old, new) in enumerate(pairs, first):
                if old != new:
                    differing += 1
                    if differing <= 3:
                        print(first_difference(before, after, seed))
        print(f"{options.traces - differing} of {options.traces} traces are identical")
        print(f"time of a tick, before / after: {ratio(before, after, options.rounds):.3f}")
    return min(differing, 100)


if __name__ == "__main__":
    raise SystemExit(main())
