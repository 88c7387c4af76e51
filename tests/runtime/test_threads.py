"""The C++ side by itself: hand-overs under ThreadSanitizer, the control thread on a fake bus."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cpp_program import build, compiler, passes

HERE = Path(__file__).parent / "cpp"


CHECKS = (
    "no_allocation",
    "unplug",
    "lost_at_write",
    "reconnect",
    "bus_errors",
    "destructor_parks",
    "exit_parks",
    "state_at",
)


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("loop") / "loop_checks", HERE / "loop_checks.cpp", "-O0")


SANITISERS = {
    # Fences, which gcc warns about here, order atomics only: nothing that ThreadSanitizer watches hangs on them.
    "thread": ["-fsanitize=thread", "-Wno-tsan"],
    "memory": ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}


@pytest.mark.nightly
@pytest.mark.parametrize("sanitiser", SANITISERS)
@pytest.mark.parametrize("soak", ["rings_soak", "frames_soak", "core_soak"])
def test_hand_overs_are_sound(soak: str, sanitiser: str, tmp_path: Path) -> None:
    flags = SANITISERS[sanitiser]
    nothing = tmp_path / "nothing.cpp"
    nothing.write_text("int main() {}")
    if subprocess.run([compiler(), *flags, nothing, "-o", tmp_path / "nothing"], check=False).returncode:
        pytest.skip(f"this compiler has no {sanitiser} sanitiser")
    program = build(tmp_path / soak, HERE / f"{soak}.cpp", "-O0", *flags)
    done = subprocess.run([program], capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stdout + done.stderr


@pytest.mark.parametrize("check", CHECKS)
def test_control_thread(checks: Path, check: str) -> None:
    passes(checks, check)
