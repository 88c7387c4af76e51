"""The engine without Python: steady state allocates nothing, and NEON code is right under an emulator."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NATIVE = Path(__file__).with_name("native")


def check_run(*command, **kwargs):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **kwargs)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("name", ["selftest", "families"])
def test_against_the_library_that_was_built(name, tmp_path):
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    libraries = sorted(ROOT.glob("build/**/libmotorium_core.a"), key=lambda p: p.stat().st_mtime)
    if compiler is None or not libraries:
        pytest.skip("needs a C++ compiler and libmotorium_core.a under build/")
    program = tmp_path / name
    check_run(
        compiler, "-std=c++20", "-O1", f"-I{ROOT}/csrc", f"-I{ROOT}/csrc/include", NATIVE / f"{name}.cpp",
        libraries[-1], "-lpthread", "-o", program,
    )  # fmt: skip
    assert f"{name} ok" in check_run(program)


def test_selftest_on_emulated_aarch64():
    compiler, emulator = shutil.which("aarch64-linux-gnu-g++"), shutil.which("qemu-aarch64-static")
    cmake = shutil.which("cmake")
    if not (compiler and emulator and cmake):
        pytest.skip("needs g++-aarch64-linux-gnu, qemu-user-static and cmake")
    build = ROOT / "build" / "native-aarch64"
    check_run(
        cmake, "-S", NATIVE, "-B", build, "-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
        f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-O2",
        "-DCMAKE_EXE_LINKER_FLAGS=-static",
    )  # fmt: skip
    check_run(cmake, "--build", build, "-j2")
    report = check_run(emulator, build / "selftest")
    assert "neon: 4 lanes" in report
    assert "selftest ok" in report
    assert "families ok" in check_run(emulator, build / "families")
