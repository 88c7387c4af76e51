"""Install each extra at its oldest declared versions, each in an environment of its own, and test it.

    python tools/try_minimums.py [EXTRA ...]

One wheel is built and used for all. Prints a line per extra as it is done, and ends with 1 when one failed. `learn`
and the torch part of `bench` are left out unless named: the oldest torch comes with gigabytes for a GPU.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import venv
from pathlib import Path

from pip._vendor.packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / "build" / "minimums"
TESTS = {
    "core": (
        (
            "tests/policies",
            "tests/robots/test_slot_map.py",
            "tests/bus/test_motor_spec.py",
            "tests/robots/test_conformance.py",
        ),
        (),
    ),
    "sim": (
        (
            "tests/sim/test_world.py",
            "tests/sim/test_frames.py",
            "tests/sim/test_shipped.py",
            "tests/sim/test_robot.py",
        ),
        (),
    ),
    "cameras": (("tests/cameras",), ()),
    "realsense": (("tests/cameras/test_sources.py",), ("cameras",)),
    "dynamixel": (("tests/robots/test_vendor_kit.py",), ()),
    "gamepad": (("tests/teleop/test_sources.py",), ("sim",)),
    "data": (("tests/data/test_writer.py", "tests/data/test_edit.py", "tests/data/test_check.py"), ("sim",)),
    "hdf5": (("tests/data/test_hdf5.py",), ()),
    "view": (("tests/data/test_rerun_view.py",), ("sim",)),
    "learn": (("tests/learn",), ("sim",)),
    "tensorboard": (("tests/learn/test_event_files.py",), ("learn", "data")),
    "bench": (("tests/bench/test_experts.py",), ()),
}
"""Extra -> the tests that use it, and further extras that those need."""
HEAVY = ("learn", "tensorboard", "bench")
TOOLS = ("pytest>=8", "pytest-timeout>=2.3", "hypothesis>=6.100")


def pins(requirements: list[str]) -> list[str]:
    """`name==oldest` for every requirement that declares an oldest version and applies here."""
    found = []
    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        oldest = [spec.version for spec in requirement.specifier if spec.operator in (">=", "==")]
        found += [f"{requirement.name}=={version}" for version in oldest]
    return found


def pip(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pip in the environment of `python`."""
    command = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def build_wheel() -> Path:
    """The package as users get it. Raises CalledProcessError when it cannot be built."""
    folder = HOME / "wheel"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # cmake and ninja are here
    command = [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-build-isolation", "--no-deps"]
    subprocess.run([*command, "--wheel-dir", folder, ROOT], check=True, env={**os.environ, "PATH": path})
    return max(folder.glob("motorium-*.whl"), key=lambda path: path.stat().st_mtime)


def try_extra(extra: str, wheel: Path, project: dict[str, object]) -> str:
    """What went wrong; empty when the tests pass at the oldest versions."""
    tests, more = TESTS[extra]
    extras = [name for name in (extra, *more) if name != "core"]
    optional = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(text for name in extras for text in optional[name])]
    folder = HOME / extra
    venv.create(folder, clear=True, with_pip=True)
    python = folder / "bin" / "python"
    target = f"motorium[{','.join(extras)}] @ {wheel.as_uri()}" if extras else str(wheel)
    done = pip(python, "install", target, *pins(wanted), *TOOLS)
    if done.returncode:
        return "cannot be installed: " + " ".join(done.stderr.split())[-400:]
    done = subprocess.run(
        [str(python), "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    last = (done.stdout.strip().splitlines() or [""])[-1]
    print(f"{extra:10} {', '.join(pins(wanted))}\n{'':10} {last}", flush=True)
    return "" if done.returncode == 0 else done.stdout[-2000:] + done.stderr[-500:]


def main() -> int:
    """0 when every extra works at its minimum."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = sys.argv[1:] or [name for name in TESTS if name not in HEAVY]
    wheel = build_wheel()
    failed = []
    for extra in extras:
        begin = time.monotonic()
        problem = try_extra(extra, wheel, project)
        if problem:
            failed.append(extra)
            print(f"{extra}: FAILED after {time.monotonic() - begin:.0f} s\n{problem}", flush=True)
    print(f"{len(extras) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
