"""Build a C++ program of the tests on the core's libraries, or together with the sources that its includes name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from built import built_libraries

ROOT = Path(__file__).parents[2]
CHECK_TIMEOUT_S = 60
FIRMWARE = tuple(sorted(path.stem for path in (ROOT / "firmware/core").glob("*.c")))
# Sources of one header in trees from before every class had a single source.
SPLIT = {"control_core": ["control_sources"], "control_loop": ["reconnect", "supervision"]}
_INCLUDE = re.compile(r'^#include "([^"]+\.hpp)"', re.MULTILINE)


def sources_of(program: Path, tree: Path = ROOT) -> list[Path]:
    """Return `program` and every source of `tree` whose header it reaches."""
    found: list[Path] = []
    waiting, seen = [program], {program}
    while waiting:
        source = waiting.pop()
        if source.suffix == ".cpp":
            found.append(source)
        for name in _INCLUDE.findall(source.read_text(encoding="utf-8")):
            header = next((p for p in (source.parent / name, tree / "csrc" / name) if p.is_file()), None)
            if header is None:
                continue
            split = [header.with_name(f"{extra}.cpp") for extra in SPLIT.get(header.stem, [])]
            for path in (header, header.with_suffix(".cpp"), *split):
                if path not in seen and path.is_file():
                    seen.add(path)
                    waiting.append(path)
    return sorted(found)


def compiler() -> str:
    """Return the C++ compiler's name; skips the test where there is none."""
    found = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
    if found is None:
        pytest.skip("no C++ compiler")
    return found


def build(out: Path, program: Path, *flags: str, tree: Path = ROOT) -> Path:
    """Compile `program` into the file `out`; raises CalledProcessError.

    It is linked with the libraries of the newest build of this tree. Where there is none, in another tree, or with a
    sanitizer, which has to see all code, everything is compiled.
    """
    includes = [f"-I{tree / folder}" for folder in ("csrc", "csrc/include", "firmware")]
    common = [
        compiler(),
        "-std=c++20",
        "-pthread",
        "-ffp-contract=off",
        *flags,
        *includes,
        f"-I{program.parent}",
    ]
    whole = tree != ROOT or any(flag.startswith("-fsanitize") for flag in flags)
    libraries = [] if whole else built_libraries("robot", "runtime", "bus", "emulator", "io", "wire")
    if libraries:
        subprocess.run([*common, program, *libraries, "-o", out], check=True)
        return out
    cc = os.environ.get("CC") or shutil.which("gcc") or shutil.which("cc") or "cc"
    objects = []
    for name in FIRMWARE:
        source, target = tree / f"firmware/core/{name}.c", out.with_name(f"{out.name}.{name}.o")
        subprocess.run([cc, "-O1", "-ffp-contract=off", *includes, "-c", source, "-o", target], check=True)
        objects.append(target)
    subprocess.run([*common, *sources_of(program, tree), *objects, "-o", out], check=True)
    return out


def passes(program: Path, check: str) -> None:
    """Run one check of a program to its end; fails with what it said. One at a time: they are driven by the clock."""
    done = subprocess.run(
        [program, check], capture_output=True, text=True, timeout=CHECK_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
