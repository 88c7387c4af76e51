"""Entry points that take bytes of strangers, under AddressSanitizer and UBSan: libFuzzer where clang has it."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from built import built_libraries

from motorium._core import RobotConfig
from motorium.robots.config import robot_config
from motorium.specs.robot import RobotSpec

ROOT = Path(__file__).parents[2]
FUZZ = ROOT / "csrc/fuzz"
RUNS = os.environ.get("MOTORIUM_FUZZ_RUNS", "5000")
INCLUDES = [f"-I{ROOT / folder}" for folder in ("csrc", "csrc/include", "firmware")]
FLAGS = ["-g", "-O1", "-fno-sanitize-recover=all", *INCLUDES]


def ring(height: int, width: int, channels: int, slots: int, latest: int, *, cut: bool = False) -> bytes:
    header = struct.pack("=6I40xQ56x", 0x4652544D, 2, height, width, channels, slots, latest)
    return header if cut else header + bytes(slots * (64 + -(-height * width * channels // 64) * 64))


def robots() -> list[bytes]:
    """Compiled robots: small ones, in which a change hits something soon, and one that ships."""
    so101, koch, pair = (RobotSpec.load(name) for name in ("so101", "koch_leader", "bi_so101_follower"))
    return [
        *(_small(robot_config(spec)).to_bytes() for spec in (so101, koch, pair)),
        robot_config(so101).to_bytes(),
    ]


def _small(config: RobotConfig) -> RobotConfig:
    """The same with two settings on each bus."""
    buses = config.buses
    for bus in buses:
        bus.settings = bus.settings[:2]
    config.buses = buses
    return config


SEEDS = {
    "fuzz_frames": lambda: [
        ring(4, 5, 3, 4, 0), ring(3, 3, 1, 2, 2**64 - 1), ring(16384, 16384, 4, 64, 1, cut=True)
    ],
    "fuzz_robot_file": robots,
}  # fmt: skip
INSTRUMENTED = {"fuzz_frames": (), "fuzz_robot_file": tuple(sorted((ROOT / "csrc/robot").glob("*.cpp")))}
"""Sources beside the target that are compiled with the sanitizers: whole rooms, since a library has them in units."""
LINKED = {"fuzz_frames": [], "fuzz_robot_file": ["runtime", "bus", "io", "wire"]}


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


def seeds_of(target: str, folder: Path) -> list[Path]:
    """The target's first inputs, as files in a new folder `corpus`."""
    corpus = folder / "corpus"
    corpus.mkdir()
    contents = SEEDS[target]()
    seeds = [corpus / f"seed{number}" for number in range(len(contents))]
    for path, content in zip(seeds, contents, strict=True):
        path.write_bytes(content)
    return seeds


def build(target: str, out: Path, compiler: str, *flags: str, extra: tuple[Path, ...] = ()) -> Path | None:
    """The program, or None where this compiler has not what the flags ask for."""
    nothing = out / "nothing.cpp"
    nothing.write_text(
        '#include <cstddef>\nextern "C" int LLVMFuzzerTestOneInput(const char*, size_t) { return 0; }\n'
    )
    main = () if any("fuzzer" in flag for flag in flags) else ("-shared", "-fPIC")
    if run(compiler, *flags, *main, nothing, "-o", out / "nothing").returncode:
        return None
    sources = [FUZZ / f"{target}.cpp", *INSTRUMENTED[target], *extra]
    compiled = [out / f"{source.stem}.o" for source in sources]
    command = [compiler, "-std=c++20", *FLAGS, *flags]

    def compile_one(pair: tuple[Path, Path]) -> subprocess.CompletedProcess[str]:
        return run(*command, "-c", pair[0], "-o", pair[1])

    with ThreadPoolExecutor(2) as pool:
        done = [*pool.map(compile_one, zip(sources, compiled, strict=True))]
    program = out / target
    done.append(run(*command, *compiled, *built_libraries(*LINKED[target]), "-lpthread", "-o", program))
    assert not any(one.returncode for one in done), [one.stderr[-3000:] for one in done if one.returncode]
    return program


def test_no_bytes_bring_the_reader_of_robot_files_down(tmp_path):
    """As it was built, without instruments: a crash is seen, and twenty seconds of compiling are left to the night."""
    cxx, libraries = (
        shutil.which("g++") or shutil.which("c++"),
        built_libraries("robot", *LINKED["fuzz_robot_file"]),
    )
    if cxx is None or not libraries:
        pytest.skip("needs a C++ compiler and libmotorium_engine.a under build/")
    program, sources = tmp_path / "fuzzer", (FUZZ / "fuzz_robot_file.cpp", FUZZ / "standalone.cpp")
    done = run(cxx, "-std=c++20", "-O1", *INCLUDES, *sources, *libraries, "-lpthread", "-o", program)
    assert done.returncode == 0, done.stderr[-3000:]
    done = run(program, RUNS, *seeds_of("fuzz_robot_file", tmp_path))
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr[-3000:]


@pytest.mark.parametrize(
    "target", ["fuzz_frames", pytest.param("fuzz_robot_file", marks=pytest.mark.nightly)]
)
def test_no_bytes_break_it(target, tmp_path):
    """`MOTORIUM_FUZZ_RUNS=1000000 pytest tests/fuzz -k robot` is the long form of one of them."""
    if LINKED[target] and not built_libraries(*LINKED[target]):
        pytest.skip("needs libmotorium_engine.a and its like under build/")
    seeds = seeds_of(target, tmp_path)
    if shutil.which("clang++"):
        fuzzer = build(target, tmp_path, "clang++", "-fsanitize=fuzzer,address,undefined")
        if fuzzer is not None:
            longest = max(2048, *(path.stat().st_size for path in seeds))
            done = run(
                fuzzer,
                f"-runs={RUNS}",
                "-seed=1",
                f"-max_len={longest}",
                "-print_final_stats=0",
                tmp_path / "corpus",
            )
            assert done.returncode == 0, done.stderr[-3000:]
            return
    cxx = shutil.which("g++") or shutil.which("c++")
    if cxx is None:
        pytest.skip("no C++ compiler")
    alone = (FUZZ / "standalone.cpp",)
    program = build(target, tmp_path, cxx, "-fsanitize=address,undefined", extra=alone)
    if program is None:
        pytest.skip("this compiler has no AddressSanitizer")
    done = run(program, RUNS, *seeds)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr[-3000:]
