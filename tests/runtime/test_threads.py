"""The C++ side by itself: hand-overs under ThreadSanitizer, the control thread on a fake bus."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent / "cpp"
FLAGS = ["-std=c++20", "-O0", "-pthread", f"-I{ROOT / 'csrc'}", f"-I{ROOT / 'csrc/include'}"]
FLAGS += [f"-I{ROOT / 'firmware'}", f"-I{HERE}"]


def _compiler() -> str:
    found = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
    if found is None:
        pytest.skip("no C++ compiler")
    return found


def _build(out: Path, sources: list[Path], *flags: str) -> Path:
    names = [str(source) for source in sources]
    subprocess.run([_compiler(), *FLAGS, *flags, *names, "-o", str(out)], check=True)
    return out


@pytest.fixture(scope="module")
def loop_checks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("loop")
    limits = out / "limits.o"
    c_source = str(ROOT / "firmware/core/limits.c")
    cc = os.environ.get("CC") or shutil.which("gcc") or shutil.which("cc") or "cc"
    subprocess.run([cc, "-O1", f"-I{ROOT / 'firmware'}", "-c", c_source, "-o", str(limits)], check=True)
    names = ("control_loop", "control_core", "chunk_buffer", "plan", "slew", "realtime")
    sources = [ROOT / f"csrc/runtime/{name}.cpp" for name in names]
    sources += [ROOT / "csrc/bus/safety_gate.cpp", HERE / "loop_checks.cpp", limits]
    return _build(out / "loop_checks", sources)


def test_hand_overs_are_free_of_races(tmp_path: Path) -> None:
    try:
        soak = _build(tmp_path / "soak", [HERE / "rings_soak.cpp"], "-fsanitize=thread")
    except subprocess.CalledProcessError:
        pytest.skip("this compiler has no ThreadSanitizer")
    done = subprocess.run([soak], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stdout + done.stderr


@pytest.mark.parametrize(
    "check", ["no_allocation", "unplug", "bus_errors", "destructor_parks", "exit_parks", "state_at"]
)
def test_control_thread(loop_checks: Path, check: str) -> None:
    done = subprocess.run([loop_checks, check], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
