"""The compile units behind the dispatch: each ISA is there, self-contained, and its list of kernels is complete."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from motorium._core import kernels

ROOT = Path(__file__).resolve().parents[2]
KERNELS = ROOT / "csrc" / "kernels"
NAMES = re.findall(r"^MOTORIUM_KERNEL\((\w+),", (KERNELS / "kernels.def").read_text(), re.MULTILINE)
RUNTIME = {"__gxx_personality_v0", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"}
ISAS = re.findall(r"^MOTORIUM_ISA\((\w+), (\w+),", (KERNELS / "arch" / "isa.def").read_text(), re.MULTILINE)


def objects():
    found = sorted(
        ROOT.glob("build/**/motorium_kernels.dir/**/unit_*.cpp.o"), key=lambda p: p.stat().st_mtime
    )
    found = [path for path in found if "aarch64" not in path.parts[len(ROOT.parts) + 1]]
    if not found or shutil.which("nm") is None:
        pytest.skip("needs the object files under build/ and nm")
    return {path.name.split(".")[0].removeprefix("unit_"): path for path in found}


def test_every_kernel_has_its_own_file_and_a_binding():
    assert NAMES
    for name in NAMES:
        assert (KERNELS / f"{name}.inl.hpp").is_file(), name
    bound = set(dir(kernels))
    assert set(NAMES) <= bound
    assert {name for name in bound if re.match(r"[a-z]+\d+_", name)} <= set(NAMES)


def test_every_isa_of_this_architecture_is_compiled():
    here = platform.machine().lower()
    assert {isa for isa, arch in ISAS if arch == here} <= set(objects())
    assert set(kernels.available_isas()) <= {isa for isa, arch in ISAS if arch in (here, "any")}
    assert kernels.available_isas()[-1] == "plain"


def test_no_code_of_a_unit_can_be_picked_for_another():
    """A weak symbol compiled with AVX-512 would be free for the linker to use on a machine without it."""
    for isa, path in objects().items():
        listing = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout
        weak = [line for line in listing.splitlines() if re.search(r" [wWvVu] ", line)]
        assert [line for line in weak if "DW.ref" not in line] == [], isa
        undefined = set(re.findall(r" U (\w+)", listing))
        assert undefined <= {"memcpy", "memset", "sqrtf"} | RUNTIME, isa


def test_wide_units_really_use_wide_registers():
    if platform.machine() != "x86_64" or shutil.which("objdump") is None:
        pytest.skip("looks at x86-64 code with objdump")
    found = objects()
    for isa, path in found.items():
        code = subprocess.run(["objdump", "-d", path], capture_output=True, text=True, check=True).stdout
        used = [register for register in ("%zmm", "%ymm", "%xmm") if register in code]
        widest = "%zmm" if "512" in isa else "%ymm" if "avx" in isa else "%xmm"
        assert used[0] == widest, isa
        assert code.count(widest) > 1000, isa
        # Only the units that say so use the dot products, and those really do.
        assert ("vpdpbusd" in code) == (isa in ("avx512vnni", "avx512bf16", "avxvnni")), isa
        assert ("vdpbf16ps" in code) == (isa == "avx512bf16"), isa


def test_products_keep_their_sums_in_registers():
    """A compiler that stores the sums at every turn of the inner loop makes products three times slower."""
    if platform.machine() != "x86_64" or shutil.which("objdump") is None:
        pytest.skip("looks at x86-64 code with objdump")
    listing = subprocess.run(["objdump", "-d", objects()["avx2"]], capture_output=True, text=True, check=True)
    code = [line.split("\t")[-1].strip() for line in listing.stdout.splitlines() if line.count("\t") == 2]
    # Inner loops of products are where the next panel is asked for by a register alone.
    asked = [i for i, line in enumerate(code) if re.fullmatch(r"prefetcht1 \(%r\w+\)", line)]
    assert len(asked) >= 12
    for start in asked:
        end = next(i for i in range(start, len(code)) if code[i].startswith("j"))
        stores = [line for line in code[start:end] if re.match(r"vmov\w+ +%ymm\d+,.*\(", line)]
        # Products added up in 16 bits give their wide sums to memory, once per widening multiplication.
        narrow = any(line.startswith("vpmaddubsw") for line in code[start:end])
        widened = sum(line.startswith("vpmaddwd") for line in code[start:end])
        assert len(stores) == (widened if narrow else 0)
