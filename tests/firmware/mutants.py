"""How many errors planted in the portable core the quick tests notice: a program (`make mutants`).

    python tests/firmware/mutants.py [limits guard ...] [--json docs/mutants.json] [--jobs 2]

Each mutant is compiled to a library of its own and given to the unit's tests (`quick_tests.py`). Results are kept in
`build/mutants`, so that a run which was cut off goes on where it ended; a changed source or test begins anew. The exit
status is 1 when a file has less than 95 % of its mutants killed. A survivor that `survivors.py` gives no reason for is
listed as such; an equivalent mutant counts as a survivor.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import native_core as native
from mutation import Mutant, mutants
from quick_tests import HERE, UNITS, cases, failure
from survivors import REASONS

FLAGS = [
    "-std=c11", "-O1", "-fPIC", "-Werror=return-type", "-fsanitize=undefined",
    "-fsanitize-undefined-trap-on-error",
]  # fmt: skip
MIN_KILLED = 0.95
NO_MUTANT = "does not compile"
RESULTS = native.ROOT / "build/mutants"


def unit_of(name: str) -> str:
    return next(unit for unit, entry in UNITS.items() if name in entry.sources)


def build(name: str, text: str, folder: Path) -> Path:
    """The unit of `name` with `text` in place of that file."""
    target, source = folder / f"{name}.so", folder / f"{name}.c"
    source.write_text(text, encoding="utf-8")
    others = [native.CORE / f"{other}.c" for other in UNITS[unit_of(name)].sources if other != name]
    native.compile_c(FLAGS, target, source, *others)
    return target


class Judge:
    """Runs the tests of one file on its mutants; the test that noticed the last one goes first."""

    def __init__(self, name: str) -> None:
        self.name, self.unit = name, unit_of(name)
        self.source = (native.CORE / f"{name}.c").read_text(encoding="utf-8")
        self.tests = cases(self.unit)

    def verdict(self, mutant: Mutant) -> str:
        """The test that notices it, "" when none does, NO_MUTANT when there is none."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                library = build(self.name, mutant.apply(self.source), Path(folder))
            except subprocess.CalledProcessError:
                return NO_MUTANT
            killer = failure(self.unit, library, self.tests)
        place = next((i for i, test in enumerate(self.tests) if test.name == killer), 0)
        self.tests.insert(0, self.tests.pop(place))
        return killer

    def check(self) -> None:
        """The unchanged file passes."""
        with tempfile.TemporaryDirectory() as folder:
            found = failure(self.unit, build(self.name, self.source, Path(folder)), self.tests)
        if found:
            raise SystemExit(f"{self.name}.c unchanged: {found} fails")


JUDGES: dict[str, Judge] = {}


def judge(name: str, mutant: Mutant) -> str:
    """In a worker."""
    if name not in JUDGES:
        JUDGES[name] = Judge(name)
    return JUDGES[name].verdict(mutant)


def fingerprint(name: str) -> str:
    """Of all that decides which mutants of a file are noticed."""
    tests = [HERE / f"{module}.py" for module in UNITS[unit_of(name)].modules]
    helpers = ("native_core", "native_guard", "feetech_codec", "dynamixel_codec")
    tests += [HERE.parent / "support" / f"{helper}.py" for helper in helpers]
    parts = [*tests, *native.CORE.glob("*.[ch]"), HERE / "mutation.py", HERE / "quick_tests.py"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(parts))).hexdigest()[:16]


def known(name: str) -> dict[str, str]:
    """What an earlier run found out and is true still."""
    try:
        kept = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(kept["verdicts"]) if kept["fingerprint"] == fingerprint(name) else {}


def keep(name: str, verdicts: dict[str, str]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    target = RESULTS / f"{name}.json"
    text = json.dumps({"fingerprint": fingerprint(name), "verdicts": verdicts})
    target.with_suffix(".new").write_text(text, encoding="utf-8")
    target.with_suffix(".new").replace(target)


def study(name: str, pool: ProcessPoolExecutor, jobs: int) -> dict[str, str]:
    """Verdicts on every mutant of one file, by description."""
    Judge(name).check()
    source = (native.CORE / f"{name}.c").read_text(encoding="utf-8")
    verdicts, left = known(name), []
    everything = {mutant.describe(source): mutant for mutant in mutants(source)}
    left = [(text, mutant) for text, mutant in everything.items() if text not in verdicts]
    for some in pieces(left, 8 * jobs):
        found = pool.map(judge, [name] * len(some), [mutant for _, mutant in some])
        verdicts.update(zip((text for text, _ in some), found, strict=True))
        keep(name, verdicts)
        print(f"\r{name}.c: {len(verdicts)} of {len(everything)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return verdicts


def pieces(items: list[Any], size: int) -> Iterator[list[Any]]:
    for i in range(0, len(items), size):
        yield items[i : i + size]


def summary(name: str, verdicts: dict[str, str]) -> dict[str, Any]:
    """Counts and survivors with their reasons."""
    real = {text: killer for text, killer in verdicts.items() if killer != NO_MUTANT}
    alive = [text for text, killer in real.items() if not killer]
    survivors = [{"mutant": text, "reason": reason(name, text)} for text in alive]
    killed = len(real) - len(alive)
    return {
        "mutants": len(real),
        "killed": killed,
        "share": round(killed / len(real), 4),
        "survivors": survivors,
    }


def reason(name: str, text: str) -> str:
    """Why a survivor cannot be told from the original, as far as that was found out."""
    change = text.split(": ", 1)[1]
    return REASONS.get(name, {}).get(change, "not explained")


def main() -> int:
    """Print and record the figures of each file."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument(
        "files", nargs="*", help="limits, guard, profile, feetech, dynamixel, dynamixel_parser"
    )
    options.add_argument("--json", type=Path, help="where to write the record")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options.add_argument("--alive", action="store_true", help="list survivors")
    chosen = options.parse_args()
    files = chosen.files or [name for unit in UNITS.values() for name in unit.sources]
    record = {}
    with ProcessPoolExecutor(chosen.jobs, mp_context=get_context("fork")) as pool:
        for name in files:
            record[name] = summary(name, study(name, pool, chosen.jobs))
            entry = record[name]
            print(f"{name}.c: {entry['killed']} of {entry['mutants']} killed, {100 * entry['share']:.1f} %")
            for survivor in entry["survivors"] if chosen.alive else ():
                print(f"  {survivor['mutant']}\n      {survivor['reason']}")
    if chosen.json:
        chosen.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return int(any(entry["share"] < MIN_KILLED for entry in record.values()))


if __name__ == "__main__":
    sys.exit(main())
