"""The C++ core alone: configured, built, installed and used where there is neither Python nor pybind11."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from built import built_libraries

from motorium.robots.compiled import write_compiled
from motorium.robots.config import robot_config
from motorium.specs.robot import RobotSpec

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("cpp") / "run_compiled.cpp"
ROOMS = ("robot", "runtime", "bus", "emulator", "io", "wire")
CORE = [
    "-DMOTORIUM_PYTHON=OFF",
    "-DCMAKE_DISABLE_FIND_PACKAGE_Python=ON",
    "-DCMAKE_DISABLE_FIND_PACKAGE_pybind11=ON",
]
AARCH64 = [
    "-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
    "-DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc", "-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++",
]  # fmt: skip
USER = """cmake_minimum_required(VERSION 3.22)
project(user CXX)
find_package(motorium CONFIG REQUIRED)
add_executable(run_compiled {program})
target_link_libraries(run_compiled PRIVATE motorium::robot motorium::emulator)
"""


def check_run(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, cwd=cwd, timeout=1500
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def cmake() -> str:
    """The cmake beside this Python, where the tests have put it, or the system's."""
    beside = Path(sys.executable).with_name("cmake")
    found = str(beside) if beside.is_file() else shutil.which("cmake")
    if found is None:
        pytest.skip("comes with the test tools: cmake")
    return found


def configured(source: Path, build: Path, *options: str) -> Path:
    """A build folder without a generator that only the virtual environment has."""
    check_run(cmake(), "-S", source, "-B", build, "-G", "Unix Makefiles", *options)
    return build


def compiled(folder: Path) -> Path:
    path = folder / "arm.robot"
    write_compiled(path, robot_config(RobotSpec.load("so101"), exit="release"))
    return path


@pytest.fixture(scope="module")
def build(tmp_path_factory) -> Path:
    if shutil.which("make") is None:
        pytest.skip("no C++ compiler and make")
    folder = tmp_path_factory.mktemp("core") / "build"
    return configured(ROOT, folder, *CORE, "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")


def test_it_is_configured_without_python(build):
    cache = (build / "CMakeCache.txt").read_text(encoding="utf-8")
    assert "pybind11_DIR" not in cache
    assert "Python_EXECUTABLE" not in cache
    targets = check_run(cmake(), "--build", build, "--target", "help").split()
    assert "motorium_robot" in targets
    assert "_core" not in targets


def test_what_makes_goals_is_compiled_to_the_same_bits_everywhere(build):
    """A product and a sum in one rounding, where the processor has it, would make other goals than elsewhere."""
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    for room in ("wire", "bus", "runtime", "robot"):
        units = [one for one in commands if f"motorium_{room}.dir" in one["command"]]
        assert units, room
        for unit in units:
            options = unit["command"].split()
            assert "-ffp-contract=off" in options, unit["file"]
            assert not {"-ffast-math", "-Ofast", "-funsafe-math-optimizations"} & set(options), unit["file"]


def test_a_program_runs_a_compiled_robot(tmp_path):
    compiler, libraries = shutil.which(os.environ.get("CXX", "c++")), built_libraries(*ROOMS)
    if compiler is None or not libraries:
        pytest.skip("needs a C++ compiler and libmotorium_engine.a and its like under build/")
    assert len(PROGRAM.read_text(encoding="utf-8").splitlines()) <= 60
    program = tmp_path / "run_compiled"
    includes = [f"-I{ROOT / folder}" for folder in ("csrc", "csrc/include", "firmware")]
    check_run(compiler, "-std=c++20", "-O0", *includes, PROGRAM, *libraries, "-lpthread", "-o", program)
    assert check_run(program, compiled(tmp_path)).startswith("so101 ok: 6 joints at 0.")
    broken = tmp_path / "broken.robot"
    broken.write_bytes(compiled(tmp_path).read_bytes()[:-1])
    done = subprocess.run([program, broken], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "cut off, lengthened, or longer than any compiled robot\n")


def installed(folder: Path, *options: str) -> Path:
    """The program, built as a user of the installed package builds it."""
    prefix = folder / "prefix"
    build = configured(ROOT, folder / "core", *CORE, f"-DCMAKE_INSTALL_PREFIX={prefix}", *options)
    check_run(cmake(), "--build", build, "--parallel", os.cpu_count() or 1, "--target", "install")
    user = folder / "user"
    user.mkdir()
    (user / "CMakeLists.txt").write_text(USER.format(program=PROGRAM), encoding="utf-8")
    options = (*options, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_FIND_ROOT_PATH={prefix}")
    check_run(cmake(), "--build", configured(user, folder / "user-build", *options))
    return folder / "user-build" / "run_compiled"


@pytest.mark.nightly
@pytest.mark.timeout(3000)
def test_it_is_installed_and_found_as_a_package(tmp_path):
    program = installed(tmp_path)
    assert check_run(program, compiled(tmp_path)).startswith("so101 ok: 6 joints")


@pytest.mark.nightly
@pytest.mark.timeout(3000)
def test_it_runs_on_aarch64_under_qemu(tmp_path):
    emulator = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if shutil.which("aarch64-linux-gnu-g++") is None or emulator is None:
        pytest.skip("needs g++-aarch64-linux-gnu and qemu-user-static")
    program = installed(tmp_path, *AARCH64)
    output = check_run(emulator, "-L", "/usr/aarch64-linux-gnu", program, compiled(tmp_path))
    assert output.startswith("so101 ok: 6 joints")
