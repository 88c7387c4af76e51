"""The engine without Python: steady state allocates nothing, and NEON code is right under an emulator."""

from __future__ import annotations

import os
import random
import re
import resource
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from motorium._core import kernels

ROOT = Path(__file__).resolve().parents[2]
NATIVE = Path(__file__).with_name("native")


def check_run(*command, **kwargs):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **kwargs)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def on_all_cores(work, *items):
    """`work` of each item, in order: compilers and simulators run side by side."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, *items))


def own_libraries():
    """Engine and kernels of the newest build; never for another processor or with instruments."""
    other = ("native-aarch64", "sanitize", "sanitize-python", "sanitize-fuzz")
    found = [p for p in ROOT.glob("build/**/libmotorium_engine.a") if not set(other) & set(p.parts)]
    newest = max(found, key=lambda p: p.stat().st_mtime, default=None)
    return newest and [newest, newest.with_name("libmotorium_kernels.a")]


@pytest.mark.parametrize("name", ["selftest", "families"])
def test_against_the_library_that_was_built(name, tmp_path):
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    libraries = own_libraries()
    if compiler is None or not libraries:
        pytest.skip("needs a C++ compiler and libmotorium_engine.a under build/")
    program = tmp_path / name
    check_run(
        compiler, "-std=c++20", "-O1", f"-I{ROOT}/csrc", f"-I{ROOT}/csrc/include", NATIVE / f"{name}.cpp",
        *libraries, "-lpthread", "-o", program,
    )  # fmt: skip
    assert f"{name} ok" in check_run(program)


def build_for_aarch64():
    compiler, emulator = shutil.which("aarch64-linux-gnu-g++"), shutil.which("qemu-aarch64-static")
    cmake = shutil.which("cmake")
    if not (compiler and emulator and cmake):
        pytest.skip("needs g++-aarch64-linux-gnu, qemu-user-static and cmake")
    build = ROOT / "build" / "native-aarch64"
    check_run(
        cmake, "-S", NATIVE, "-B", build, "-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
        f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-O2",
        "-DCMAKE_EXE_LINKER_FLAGS=-static", "-DUNITS=neon;neondot",
    )  # fmt: skip
    check_run(cmake, "--build", build, "-j2")
    return emulator, build


@pytest.mark.nightly
def test_selftest_on_emulated_aarch64():
    emulator, build = build_for_aarch64()
    report = check_run(emulator, "-cpu", "max", build / "selftest")
    assert "neondot: 4 lanes" in report
    assert "neon: 4 lanes" in report
    assert "selftest ok" in report
    assert "families ok" in check_run(emulator, "-cpu", "max", build / "families")
    # A processor without the dot product is not offered it ...
    old = check_run(emulator, "-cpu", "cortex-a57", build / "selftest")
    assert "neondot" not in old
    assert "selftest ok" in old
    # ... and the unit really uses it: forced on that processor, it dies of an unknown instruction.
    assert "unit ok" in check_run(emulator, "-cpu", "max", build / "unit_check_neondot")
    assert "unit ok" in check_run(emulator, "-cpu", "cortex-a57", build / "unit_check_neon")
    forced = subprocess.run(
        [emulator, "-cpu", "cortex-a57", build / "unit_check_neondot"], capture_output=True, check=False
    )
    assert forced.returncode == -signal.SIGILL


WIDE = {
    "avx512": [],
    "avx512vnni": ["-DWIDE_AVX512VNNI"],
    "avx512bf16": ["-DWIDE_AVX512VNNI", "-DWIDE_AVX512BF16"],
    "avxvnni": ["-DWIDE_AVXVNNI"],
}
"""Unit -> what it takes for granted."""


@pytest.fixture(scope="module")
def by_hand(request, tmp_path_factory):
    """Unit -> a program with its operations written out lane by lane, for the units that are asked for."""
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    libraries = own_libraries()
    if compiler is None or not libraries or "avx2" not in kernels.available_isas():
        pytest.skip("needs a C++ compiler, libmotorium_engine.a under build/ and AVX2")
    template = (ROOT / "csrc/kernels/arch/unit.cpp.in").read_text(encoding="utf-8")
    folder = tmp_path_factory.mktemp("by_hand")

    def build(unit):
        source, program = folder / f"{unit}.cpp", folder / unit
        # Under a name of its own, beside the real one in the library.
        source.write_text(template.replace("@isa@.hpp", f"{unit}.hpp").replace("@isa@", f"{unit}_by_hand"))
        check_run(
            compiler, "-std=c++20", "-O1", "-mavx2", "-mfma", "-ffp-contract=off", "-Wno-psabi", *WIDE[unit],
            f"-I{NATIVE}/wide", f"-I{ROOT}/csrc", f"-I{ROOT}/csrc/include", f"-DUNIT={unit}_by_hand", source,
            NATIVE / "unit_check.cpp", *libraries, "-lpthread", "-o", program,
        )  # fmt: skip
        return program

    asked = [unit for unit in WIDE if any(f"[{unit}]" in item.name for item in request.session.items)]
    return dict(zip(asked, on_all_cores(build, asked), strict=True))


@pytest.mark.nightly
@pytest.mark.parametrize("unit", WIDE)
def test_wider_units_with_their_operations_done_by_hand(unit, by_hand):
    """Runs the code of units this machine may not have: same kernels, operations lane by lane."""
    report = check_run(by_hand[unit])
    assert f"{unit}_by_hand: {8 if unit == 'avxvnni' else 16} lanes" in report
    assert "unit ok" in report


TSAN = ["-std=c++20", "-O1", "-g", "-fsanitize=thread", "-pthread"]


def race_finding_compiler(folder):
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    nothing = folder / "nothing.cpp"
    nothing.write_text("int main() {}")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    if subprocess.run([compiler, *TSAN, nothing, "-o", folder / "nothing"], check=False).returncode:
        pytest.skip("this compiler has no ThreadSanitizer")
    return compiler


def test_pool_is_free_of_races(tmp_path):
    compiler, program = race_finding_compiler(tmp_path), tmp_path / "pool_soak"
    sources = [NATIVE / "pool_soak.cpp", ROOT / "csrc/engine/cpu/thread_pool.cpp"]
    check_run(compiler, *TSAN, f"-I{ROOT}/csrc", *sources, "-o", program)
    assert "wrong: 0" in check_run(program)


@pytest.mark.nightly
def test_counters_are_read_while_an_engine_works(tmp_path):
    """The kernels come from their library, without instruments: the engine's files hold both sides of a race."""
    compiler, program = race_finding_compiler(tmp_path), tmp_path / "engine_soak"
    libraries = [library for library in own_libraries() if library.stem != "libmotorium_engine"]
    if not libraries:
        pytest.skip("needs libmotorium_engine.a under build/")
    sources = [NATIVE / "engine_soak.cpp", *sorted((ROOT / "csrc/engine").rglob("*.cpp"))]
    objects = [tmp_path / f"{number}.o" for number in range(len(sources))]

    def compile_one(source, built):
        check_run(compiler, *TSAN, f"-I{ROOT}/csrc", f"-I{ROOT}/csrc/include", "-c", source, "-o", built)

    on_all_cores(compile_one, sources, objects)
    check_run(compiler, *TSAN, *objects, *libraries, "-o", program)
    assert "engines ok" in check_run(program)


SANITIZE = ["-std=c++20", "-O0", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def sanitizing_compiler(folder):
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    nothing = folder / "nothing.cpp"
    nothing.write_text("int main() {}")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    if subprocess.run([compiler, *SANITIZE, nothing, "-o", folder / "nothing"], check=False).returncode:
        pytest.skip("this compiler has no AddressSanitizer")
    return compiler


@pytest.mark.nightly
def test_kernels_touch_only_their_own_memory(tmp_path):
    """Every instruction set of this machine under ASan and UBSan; `make sanitize` does it for whole engines."""
    compiler = sanitizing_compiler(tmp_path)
    arch = ROOT / "csrc/kernels/arch"
    lines = dict(re.findall(r"^(MOTORIUM_ISA\((\w+),.*)$", (arch / "isa.def").read_text(), re.M))
    own = {isa: line for line, isa in lines.items() if isa in kernels.available_isas()}
    options = {isa: re.search(r'"([^"]*)"', line)[1].split(";") for isa, line in own.items()}
    # The dispatcher of this build knows these alone.
    table = tmp_path / "kernels/arch/isa.def"
    table.parent.mkdir(parents=True)
    table.write_text("\n".join(re.sub(r'",.*', '", true)', line) for line in own.values()) + "\n")
    includes = [f"-I{tmp_path}", f"-I{ROOT}/csrc", f"-I{ROOT}/csrc/include"]
    jobs = []
    for isa in own:
        if isa == "plain":
            continue
        source = tmp_path / f"unit_{isa}.cpp"
        source.write_text((arch / "unit.cpp.in").read_text().replace("@isa@", isa))
        jobs.append((source, [o for o in options[isa] if o]))
    kernel_files = [
        ROOT / f"csrc/kernels/{name}.cpp"
        for name in ("pack", "plain", "plain_data", "plain_narrow", "plain_products")
    ]
    jobs += [(source, []) for source in (arch / "dispatch.cpp", *kernel_files, NATIVE / "kernel_suite.cpp")]
    objects = [tmp_path / f"{source.stem}.o" for source, _ in jobs]

    def compile_one(job, built):
        source, extra = job
        options = [*SANITIZE, *extra, "-ffp-contract=off", "-Wno-psabi", *includes]
        check_run(compiler, *options, "-c", source, "-o", built)

    on_all_cores(compile_one, jobs, objects)
    program = tmp_path / "kernel_suite"
    check_run(compiler, *SANITIZE, *objects, "-o", program)
    report = check_run(program)
    assert all(f"{isa}: " in report for isa in own)
    assert "kernels ok" in report


@pytest.fixture(scope="module")
def reads_a_piece(tmp_path_factory):
    """Reads the number at argv[1] of a piece of three that lies between two others."""
    folder = tmp_path_factory.mktemp("guard")
    compiler = sanitizing_compiler(folder)
    source, program = folder / "guard.cpp", folder / "guard"
    source.write_text(
        '#include <cstdlib>\n#include "engine/cpu/arena.hpp"\n'
        "int main(int, char** argv) {\n"
        "motorium::Arena arena; arena.floats(5); volatile float* three = arena.floats(3);\n"
        "arena.floats(5); return static_cast<int>(three[std::atoi(argv[1])]); }\n"
    )
    check_run(compiler, *SANITIZE, f"-I{ROOT}/csrc", source, "-o", program)
    return program


@pytest.mark.parametrize(("index", "sound"), [(2, True), (3, False), (-1, False)])
def test_pieces_of_an_arena_are_apart_under_a_sanitizer(index, sound, reads_a_piece):
    """Otherwise one block would hide who reads whose numbers, and the runs above would prove little."""
    done = subprocess.run([reads_a_piece, str(index)], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == sound
    assert sound or "use-after-poison" in done.stderr


@pytest.mark.nightly
def test_engines_refuse_what_strangers_claim(tmp_path):
    """Short form of the fuzzing in docs/engine.md: an error value, never a crash or the memory that is claimed."""
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    libraries = own_libraries()
    if compiler is None or not libraries:
        pytest.skip("needs a C++ compiler and libmotorium_engine.a under build/")
    fuzz, program = ROOT / "csrc/fuzz", tmp_path / "fuzz_engines"
    check_run(
        compiler, "-std=c++20", "-O1", f"-I{ROOT}/csrc", f"-I{ROOT}/csrc/include", fuzz / "fuzz_engines.cpp",
        fuzz / "engine_inputs.cpp", fuzz / "standalone.cpp", *libraries, "-lpthread", "-o", program,
    )  # fmt: skip
    seeds = [tmp_path / f"seed{number}" for number in range(40)]
    for number, path in enumerate(seeds):
        source = random.Random(number)
        path.write_bytes(
            bytes([number]) + bytes(source.randrange(0xF4) for _ in range(source.choice((60, 300))))
        )

    def little_memory():
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    runs = os.environ.get("MOTORIUM_FUZZ_RUNS", "3000")
    assert check_run(program, runs, *seeds, preexec_fn=little_memory) == "ok\n"


@pytest.mark.nightly
def test_memory_traffic_of_a_step_is_what_is_computed(tmp_path):
    """A simulated cache too small for the network counts lines fetched: every weight and every cached key, once."""
    compiler, simulator = shutil.which(os.environ.get("CXX", "c++")), shutil.which("valgrind")
    libraries = own_libraries()
    if compiler is None or simulator is None or not libraries:
        pytest.skip("needs a C++ compiler, valgrind and libmotorium_engine.a under build/")
    program = tmp_path / "traffic"
    check_run(
        compiler, "-std=c++20", "-O1", f"-I{ROOT}/csrc", f"-I{ROOT}/csrc/include", NATIVE / "traffic.cpp",
        *libraries, "-lpthread", "-o", program,
    )  # fmt: skip
    cachegrind = [
        simulator, "--tool=cachegrind", "--cache-sim=yes", "--LL=131072,16,64", "--cachegrind-out-file=/dev/null",
    ]  # fmt: skip

    def count(steps, precision):
        """Bytes fetched by 1 + 4 * steps steps, and what one step should fetch."""
        done = subprocess.run(
            [*cachegrind, program, str(steps), str(precision)],
            capture_output=True, text=True, check=True, env={**os.environ, "MOTORIUM_ISA": widest_simulated()},
        )  # fmt: skip
        lines = re.search(r"LLd misses:[^(]*\(\s*([\d,]+) rd", done.stderr)
        return 64 * int(lines[1].replace(",", "")), sum(int(part) for part in done.stdout.split())

    runs = [(steps, precision) for precision in (0, 2) for steps in (1, 3)]  # float32, int8
    found = dict(zip(runs, on_all_cores(lambda run: count(*run), runs), strict=True))
    for precision in (0, 2):
        (few, computed), (more, _) = found[1, precision], found[3, precision]
        assert 0.92 < (more - few) / 8 / computed < 1.1, precision


def widest_simulated():
    """Valgrind knows nothing wider than AVX2."""
    return next(isa for isa in ("avx2", "neon", "sse2", "plain") if isa in kernels.available_isas())
