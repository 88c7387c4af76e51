"""Entry points that take bytes of strangers, under AddressSanitizer and UBSan: libFuzzer where clang has it."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FUZZ = ROOT / "csrc/fuzz"
RUNS = os.environ.get("MOTORIUM_FUZZ_RUNS", "20000")
INCLUDES = [f"-I{ROOT / folder}" for folder in ("csrc", "csrc/include")]
FLAGS = ["-g", "-O1", "-fno-sanitize-recover=all", *INCLUDES]


def ring(height: int, width: int, channels: int, slots: int, latest: int, *, cut: bool = False) -> bytes:
    header = struct.pack("=6I40xQ56x", 0x4652544D, 2, height, width, channels, slots, latest)
    return header if cut else header + bytes(slots * (64 + -(-height * width * channels // 64) * 64))


SEEDS = {
    "fuzz_frames": [ring(4, 5, 3, 4, 0), ring(3, 3, 1, 2, 2**64 - 1), ring(16384, 16384, 4, 64, 1, cut=True)],
}


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


def build(target: str, out: Path, compiler: str, *flags: str, extra: tuple[Path, ...] = ()) -> Path | None:
    """The program, or None where this compiler has not what the flags ask for."""
    program = out / target
    done = run(compiler, "-std=c++20", *FLAGS, *flags, FUZZ / f"{target}.cpp", *extra, "-o", program)
    return None if done.returncode else program


@pytest.mark.parametrize("target", SEEDS)
def test_no_bytes_break_it(target, tmp_path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    seeds = [corpus / f"seed{number}" for number in range(len(SEEDS[target]))]
    for path, content in zip(seeds, SEEDS[target], strict=True):
        path.write_bytes(content)
    if shutil.which("clang++"):
        fuzzer = build(target, tmp_path, "clang++", "-fsanitize=fuzzer,address,undefined")
        if fuzzer is not None:
            done = run(fuzzer, f"-runs={RUNS}", "-seed=1", "-max_len=2048", "-print_final_stats=0", corpus)
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
