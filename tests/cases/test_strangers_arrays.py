"""`.npz` files and journals made to harm: told in few bytes and little time."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
import zlib

import hostile_files
import numpy as np
import pytest

from motorium.arrays import read_arrays
from motorium.data.record.journal import MAGIC, read_journal
from motorium.errors import DataError, MotoriumError


def member(header: bytes, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    length = struct.pack("<H" if version == b"\x01\x00" else "<I", len(header))
    return b"\x93NUMPY" + version + length + header + data


HEADER = b"{'descr': '<f8', 'fortran_order': False, 'shape': %s, }\n"
NPZ = {
    "more than there is": (member(HEADER % b"(1000000000000,)"), "more than allowed"),
    "a negative shape": (member(HEADER % b"(-1,)"), "more than allowed|shape"),
    "a header of gigabytes": (
        b"\x93NUMPY\x02\x00" + struct.pack("<I", 1 << 31) + b" " * (4 << 20),
        "a header of 2147483648 bytes",
    ),
    "a deep header": (member(b"(" * 3000 + b"\n"), "cannot be read"),
    "objects": (member(HEADER.replace(b"<f8", b"|O") % b"(1,)"), "numbers and texts"),
    "cut short": (member(HEADER % b"(9,)", bytes(8)), "cut short"),
    "another format": (member(HEADER % b"(1,)", bytes(8), b"\x09\x00"), "format"),
}


@pytest.mark.parametrize("what", NPZ)
def test_arrays_that_claim_too_much(tmp_path, what):
    content, words = NPZ[what]
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(MotoriumError, match=words):
        read_arrays(path)


def test_arrays_packed_otherwise_than_numpy_does_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", member(HEADER % b"(1,)", bytes(8)))
    with pytest.raises(MotoriumError, match="compressed in a way"):
        read_arrays(path)


def test_damaged_arrays_are_refused_or_sound(tmp_path):
    held = io.BytesIO()
    np.savez_compressed(held, a=np.arange(30.0), b=np.array(["left", "right"]))
    whole, path = held.getvalue(), tmp_path / "a.npz"
    rng = np.random.default_rng(2)
    refused = 0
    for _ in range(300):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), 3):
            content[place] = rng.integers(256)
        path.write_bytes(content)
        try:
            read_arrays(path)
        except MotoriumError:
            refused += 1
    assert refused > 100


def journal(text: bytes) -> bytes:
    return MAGIC + struct.pack("<I", len(text)) + text + struct.pack("<I", zlib.crc32(text))


JOURNALS = {
    "not JSON": (b"{", "not JSON"),
    "deep": (b"[" * 100_000, "nested too deeply"),
    "a list": (b"[]", "not an object"),
    "no records": (b"{}", "no record type"),
    "objects": (json.dumps({"record": [["x", "|O"]]}).encode(), "no record type"),
    "a name twice": (json.dumps({"record": [["x", "<f8"], ["x", "<f8"]]}).encode(), "no record type"),
    "records of exabytes": (
        json.dumps({"record": [["x", "<f8", [2**31, 2**31]]]}).encode(),
        "no record type",
    ),
    "records of nothing": (json.dumps({"record": []}).encode(), "are not supported"),
}


@pytest.mark.parametrize("what", JOURNALS)
def test_journals_with_a_header_that_nobody_wrote(tmp_path, what):
    text, words = JOURNALS[what]
    path = tmp_path / "frames.jnl"
    path.write_bytes(journal(text))
    with pytest.raises(DataError, match=words):
        read_journal(path)


def test_a_journal_that_is_a_pipe_or_empty_space(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="is a FIFO"):
        read_journal(tmp_path / "pipe")
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(1 << 42)
    with pytest.raises(DataError, match="larger than"):
        read_journal(tmp_path / "hole")


def test_a_journal_that_is_mostly_empty_space_costs_no_memory(tmp_path):
    """A good header, and four gigabytes that nobody wrote: told by what the disk holds of it."""
    path = tmp_path / "frames.jnl"
    path.write_bytes(journal(json.dumps({"record": [["x", "<f8"]]}).encode()))
    os.truncate(path, 3 << 30)
    with hostile_files.memory_limit(256 << 20), pytest.raises(DataError, match="is almost empty"):
        read_journal(path)
