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


def _firmware(out: Path) -> list[Path]:
    """The safety gate and the profiles, in C as the firmware compiles them."""
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("cc") or "cc"
    objects = []
    for name in ("guard", "limits", "profile"):
        source, target = ROOT / f"firmware/core/{name}.c", out / f"{name}.o"
        subprocess.run([compiler, "-O1", f"-I{ROOT / 'firmware'}", "-c", source, "-o", target], check=True)
        objects.append(target)
    return objects


def _sources(*names: str) -> list[Path]:
    return [ROOT / f"csrc/{name}.cpp" for name in names]


CORE = (
    *(
        f"runtime/{name}"
        for name in ("control_core", "control_sources", "chunk_buffer", "arrival", "leader", "plan", "slew")
    ),
    "runtime/transition",
    "bus/safety_gate",
    "bus/servo_guard",
)


@pytest.fixture(scope="module")
def loop_checks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("loop")
    sources = [
        *_sources(
            *CORE,
            *(
                f"runtime/{name}"
                for name in (
                    "control_loop",
                    "live_loops",
                    "realtime",
                    "reconnect",
                    "stop_inputs",
                    "supervision",
                    "supervisor",
                )
            ),
        ),
        HERE / "loop_checks.cpp",
    ]
    return _build(out / "loop_checks", [*sources, *_firmware(out)])


SANITISERS = {
    # Fences, which gcc warns about here, order atomics only: nothing that ThreadSanitizer watches hangs on them.
    "thread": ["-fsanitize=thread", "-Wno-tsan"],
    "memory": ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}


@pytest.mark.parametrize("sanitiser", SANITISERS)
@pytest.mark.parametrize("soak", ["rings_soak", "frames_soak", "core_soak"])
def test_hand_overs_are_sound(soak: str, sanitiser: str, tmp_path: Path) -> None:
    sources = [HERE / f"{soak}.cpp"]
    if soak == "core_soak":
        sources += [*_sources(*CORE), *_firmware(tmp_path)]
    flags = SANITISERS[sanitiser]
    nothing = tmp_path / "nothing.cpp"
    nothing.write_text("int main() {}")
    if subprocess.run([_compiler(), *flags, nothing, "-o", tmp_path / "nothing"], check=False).returncode:
        pytest.skip(f"this compiler has no {sanitiser} sanitiser")
    program = _build(tmp_path / soak, sources, *flags)
    done = subprocess.run([program], capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stdout + done.stderr


@pytest.mark.parametrize(
    "check",
    ["no_allocation", "unplug", "reconnect", "bus_errors", "destructor_parks", "exit_parks", "state_at"],
)
def test_control_thread(loop_checks: Path, check: str) -> None:
    done = subprocess.run([loop_checks, check], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
