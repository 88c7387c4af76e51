"""Run what is too long for `make test`: the parts that are named, or all.

    python tools/nightly.py [PART ...] [--json]      run, then print a table; exit status 1: a part failed
    python tools/nightly.py --list                   what there is
    python tools/nightly.py --pick COMMIT            name one part, the same one for the same commit

A part that lacks a program of the operating system is skipped by name, with what installs it. None may take longer
than half an hour.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT_S = 1800.0
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
NIGHTLY = (*PYTEST, "-m", "nightly")
EVERYTHING = (*PYTEST, "-m", "nightly or not nightly")
NO_TESTS = 5
"""Exit status of pytest that found nothing to run: a renamed file or mark, hence no success."""
COMPILERS = {"g++": "compiler"}
QEMU = {"aarch64-linux-gnu-g++": "aarch64", "qemu-aarch64-static": "aarch64"}


def fuzzed(runs: int, *tests: str) -> tuple[str, ...]:
    """The command that runs `tests` with so many inputs for each."""
    workers = ("-n", "2", "--timeout=1500")
    return ("env", f"MOTORIUM_FUZZ_RUNS={runs}", *EVERYTHING, *workers, *tests)


@dataclass(frozen=True)
class Part:
    """Commands that run one after the other.

    Attributes:
        purpose: what it finds, in a few words.
        commands: each one's arguments.
        programs: what has to be on the PATH -> which `make system-packages ONLY=...` installs it.
        proven: whether it was seen to pass as it is, well within its time; `--pick` names only such parts.
    """

    purpose: str
    commands: tuple[tuple[str, ...], ...]
    programs: tuple[tuple[str, str], ...] = ()
    proven: bool = False


PARTS = {
    "tests": Part(
        "tests marked nightly",
        ((*NIGHTLY, "tests", "--ignore=tests/bench", "--ignore=tests/compat"),),
        proven=True,
    ),
    "races": Part("figures against peers, with retries", ((*NIGHTLY, "tests/bench", "tests/compat"),)),
    "sanitizers": Part(
        "memory errors and undefined behaviour of the engine",
        (("make", "sanitize"),),
        tuple(COMPILERS.items()),
        proven=True,
    ),
    "mutants": Part(
        "errors planted in the portable core", (("make", "mutants"),), tuple(COMPILERS.items()), proven=True
    ),
    "fuzz": Part(
        "bytes of strangers, twenty to a hundred times as many as in the tests",
        (
            fuzzed(2_000_000, "tests/fuzz"),
            fuzzed(30_000, "tests/policies/test_hostile_files.py", "tests/policies/test_hostile_foreign.py"),
            fuzzed(1_000, "tests/cases/test_foreign_files.py", "tests/cases/test_strangers.py"),
        ),
        tuple(COMPILERS.items()),
        proven=True,
    ),
    "qemu": Part(
        "the engine and a C++ program on an emulated aarch64",
        ((*EVERYTHING, "tests/engine/test_native.py", "tests/robots", "-k", "aarch64 or qemu", "--timeout=1500"),),
        tuple(QEMU.items()),
        proven=True,
    ),
    "soaks": Part(
        "long runs with random faults, kills and full disks",
        (
            (sys.executable, "tests/support/lockstep_soak.py", "200000"),
            (sys.executable, "tests/support/kill_soak.py", "20", "10"),
            (sys.executable, "tests/support/recording_load.py", "60"),
        ),
        proven=True,
    ),
    "additions": Part(
        "each kind of addition, made in a copy and tested there",
        ((sys.executable, "tests/support/additions.py"),),
        tuple(COMPILERS.items()),
        proven=True,
    ),
    "minimums": Part("each extra at its oldest versions", ((sys.executable, "tools/try_minimums.py"),)),
}  # fmt: skip


def lacks(part: Part) -> str:
    """What keeps `part` from running, with its remedy; empty when nothing does."""
    missing = [(program, by) for program, by in part.programs if shutil.which(program) is None]
    if not missing:
        return ""
    names = ", ".join(program for program, _ in missing)
    return f"needs {names}: make system-packages YES=1 ONLY={missing[0][1]}"


def run(name: str) -> dict[str, object]:
    """Run one part; its result, seconds and, where it did not pass, why."""
    part = PARTS[name]
    if reason := lacks(part):
        return {"part": name, "result": "skipped", "seconds": 0.0, "reason": reason}
    began = time.monotonic()
    reason = ""
    for command in part.commands:
        left_s = LIMIT_S - (time.monotonic() - began)
        print(f"--- {name}: {' '.join(command)}", file=sys.stderr, flush=True)
        try:
            done = subprocess.run(command, cwd=ROOT, stdout=sys.stderr, timeout=max(left_s, 1.0), check=False)
        except subprocess.TimeoutExpired:
            reason = f"not done after {LIMIT_S / 60:.0f} minutes: {' '.join(command)}"
            break
        if done.returncode != 0:
            nothing = " (no test was found)" if done.returncode == NO_TESTS and "pytest" in command else ""
            reason = f"exit status {done.returncode}{nothing}: {' '.join(command)}"
            break
    result = "failed" if reason else "passed"
    return {"part": name, "result": result, "seconds": round(time.monotonic() - began, 1), "reason": reason}


def commit(text: str) -> int:
    """The number that a commit's hash is."""
    if re.fullmatch(r"[0-9a-fA-F]{4,64}", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no hash of a commit (git rev-parse HEAD)")
    return int(text, 16)


def main() -> int:
    """Return 1 when a part failed, else 0."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    options.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    options.add_argument("--list", action="store_true", help="say which parts there are, and what they lack")
    options.add_argument(
        "--pick", metavar="COMMIT", type=commit, help="name the part that is this commit's turn"
    )
    given = options.parse_args()
    if unknown := [name for name in given.parts if name not in PARTS]:
        options.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if given.pick is not None:
        proven = [name for name, part in PARTS.items() if part.proven]
        print(proven[given.pick % len(proven)])
        return 0
    if given.list:
        for name, part in PARTS.items():
            print(f"{name:12}{part.purpose}{'; ' + lacks(part) if lacks(part) else ''}")
        return 0
    results = [run(name) for name in given.parts or PARTS]
    if given.json:
        print(json.dumps({"parts": results}))
    else:
        for row in results:
            print(f"{row['part']:12}{row['result']:9}{row['seconds']:8} s  {row['reason']}")
    return 1 if any(row["result"] == "failed" for row in results) else 0


if __name__ == "__main__":
    sys.exit(main())
