"""The fuzz target of both packet parsers, for a moment on every run: no read outside, no undefined behaviour."""

from __future__ import annotations

import subprocess
from pathlib import Path

import native_core as native
import pytest

FIRMWARE = native.ROOT / "firmware"
INPUTS = 30_000


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The target with its own driver, address and behaviour sanitised."""
    sources = ["fuzz/parsers.c", "core/feetech.c", "core/dynamixel.c", "core/dynamixel_parser.c"]
    flags = [flag for flag in native.FLAGS if not flag.startswith(("-fsanitize", "-fPIC"))]
    target = tmp_path_factory.mktemp("fuzz") / "parsers"
    subprocess.run(
        [str(native.COMPILER), *flags, "-fsanitize=address,undefined", "-DMTR_FUZZ_STANDALONE", f"-I{FIRMWARE}",
         "-o", str(target), *(str(FIRMWARE / source) for source in sources)],
        check=True,
    )  # fmt: skip
    return target


def run(driver: Path, *arguments: str) -> str:
    result = subprocess.run([str(driver), *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_parsers_survive_made_up_streams(driver):
    assert run(driver, str(INPUTS)) == f"{INPUTS} inputs\n"


def test_parsers_survive_what_the_fuzzer_found(driver):
    corpus = FIRMWARE / "fuzz/corpus.txt"
    lines = len(corpus.read_text(encoding="ascii").splitlines())
    assert run(driver, "corpus", str(corpus)) == f"{lines} inputs\n"
