"""Make each kind of addition that HACKING.md describes in a copy of this tree, and test it there.

    python tests/support/additions.py [robot] [verb] [policy] [motor_family]

A patch in tests/additions makes each one, and touches what HACKING.md's steps touch. An addition in C++ is built in the
copy; the others borrow the extension that is imported here. Exit status 1: a step failed, and its output is printed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ARCH_TESTS = ("test_cpp_floors", "test_floors", "test_house", "test_stub")
BUS_TESTS = (
    "test_every_family",
    "test_emulated_troubles",
    "test_emulated_wire",
    "test_diagnosis",
    "test_set_up",
)
ROOT = Path(__file__).resolve().parents[2]
PATCHES = ROOT / "tests" / "additions"


@dataclass(frozen=True)
class Addition:
    """One kind of addition.

    Attributes:
        tests: arguments of pytest that try it.
        built: whether it brings C++ code.
    """

    tests: tuple[tuple[str, ...], ...]
    built: bool = False


ADDITIONS = {
    "motor_family": Addition(
        (
            (*(f"tests/bus/{name}.py" for name in BUS_TESTS), "-k", "pulse or reed"),
            ("tests/robots/test_conformance.py", "tests/robots/test_every_family.py", "-k", "reed"),
            ("tests/cli/test_robots.py", *(f"tests/arch/{name}.py" for name in ARCH_TESTS)),
        ),
        built=True,
    ),
    "policy": Addition((("tests/policies/test_conformance.py",), ("tests/arch/test_floors.py",))),
    "robot": Addition((("tests/robots/test_conformance.py", "-k", "tentacle"),)),
    "verb": Addition((("tests/cli/test_main.py", "-k", "limits or summary"), ("tests/arch/test_house.py",))),
}


def patch_of(kind: str) -> Path:
    """The patch that makes an addition of this kind."""
    return PATCHES / f"{kind}.patch"


def copy_tree(target: Path) -> None:
    """Copy what git knows of this tree, as it is in the working folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.decode().split("\0")):
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


def _run(words: list[str], folder: Path) -> bool:
    scripts = Path(sys.executable).parent
    here = {
        **os.environ,
        "PYTHONPATH": str(folder / "python"),
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        words, cwd=folder, env=here, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    print(
        f"  {'ok    ' if done.returncode == 0 else 'FAILED'} {' '.join(words[1:] if len(words) > 1 else words)}"
    )
    if done.returncode != 0:
        print(done.stdout.decode(errors="replace")[-6000:])
    return done.returncode == 0


def _extension(folder: Path, *, built: bool) -> bool:
    if built:
        options = ("-DMOTORIUM_WERROR=ON", "-DMOTORIUM_ISAS=native")
        if not (
            _run(["cmake", "-S", ".", "-B", "build", *options], folder)
            and _run(["cmake", "--build", "build", "--parallel", "2"], folder)
        ):
            return False
        made = next((folder / "build").glob("_core*.so"))
    else:
        from motorium import _core

        made = Path(_core.__file__)
    shutil.copy2(made, folder / "python/motorium")
    return True


def attempt(kind: str, folder: Path) -> bool:
    """Apply, build and test the addition `kind` in a copy of this tree made in `folder`."""
    print(f"{kind}:")
    copy_tree(folder)
    addition = ADDITIONS[kind]
    return (
        _run(["git", "apply", "-p1", str(patch_of(kind))], folder)
        and _extension(folder, built=addition.built)
        and all(
            _run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words], folder)
            for words in addition.tests
        )
    )


def main() -> int:
    """Try the additions that are named, or all."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(ADDITIONS))
    kinds = options.parse_args().kinds or sorted(ADDITIONS)
    if unknown := [kind for kind in kinds if kind not in ADDITIONS]:
        options.error(f"no addition {', '.join(unknown)}; there are {', '.join(ADDITIONS)}")
    failed = []
    for kind in kinds:
        with tempfile.TemporaryDirectory(prefix=f"motorium-{kind}-") as folder:
            if not attempt(kind, Path(folder)):
                failed.append(kind)
    print("failed: " + ", ".join(failed) if failed else f"all of {', '.join(kinds)} work")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
