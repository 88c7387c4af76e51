"""The fuzz target of both packet parsers, for a moment on every run: no read outside, no undefined behaviour."""

from __future__ import annotations

import subprocess

import native_core as native

INPUTS = 30_000


def test_parsers_survive_made_up_streams(tmp_path):
    sources = ["fuzz/parsers.c", "core/feetech.c", "core/dynamixel.c", "core/dynamixel_parser.c"]
    firmware = native.ROOT / "firmware"
    sanitized = "-fsanitize=address,undefined"
    flags = [flag for flag in native.FLAGS if not flag.startswith(("-fsanitize", "-fPIC"))]
    target = tmp_path / "fuzz"
    subprocess.run(
        [str(native.COMPILER), *flags, sanitized, "-DMTR_FUZZ_STANDALONE", f"-I{firmware}", "-o", str(target),
         *(str(firmware / source) for source in sources)],
        check=True,
    )  # fmt: skip
    result = subprocess.run([str(target), str(INPUTS)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{INPUTS} inputs\n"
