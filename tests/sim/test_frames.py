"""Frames in shared memory: whole or not at all, newest first, gone with their last user."""

from __future__ import annotations

import contextlib
import mmap
import os
import random
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motorium import _core
from motorium.errors import CameraError, SimulationError
from motorium.sim.shared_frames import FrameReader, FrameWriter, SharedFrameCamera

SHAPE = (48, 64)


@pytest.fixture
def ring():
    writer = FrameWriter("front", *SHAPE)
    reader = FrameReader(writer.path)
    yield writer, reader
    reader.close()
    writer.close()


def _image(value: int) -> np.ndarray:
    return np.full((*SHAPE, 3), value % 256, np.uint8)


@settings(deadline=None, max_examples=50)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    frames=st.lists(st.tuples(st.integers(0, 2**62), st.integers(0, 2**32 - 1)), min_size=1, max_size=9),
)
def test_newest_frame_arrives_unchanged(height, width, frames):
    writer = FrameWriter("any", height, width)
    reader = FrameReader(writer.path)
    assert reader.latest() is None
    for number, (t_ns, seed) in enumerate(frames, start=1):
        image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
        assert writer.write(image, t_ns) == number
        frame = reader.latest()
        assert (frame.seq, frame.t_ns) == (number, t_ns)
        np.testing.assert_array_equal(frame.image, image)
    reader.close()
    writer.close()


def test_frame_is_a_copy(ring):
    writer, reader = ring
    writer.write(_image(1), 1)
    frame = reader.latest()
    for value in range(2, 12):
        writer.write(_image(value), value)
    assert (frame.image == 1).all()


WRITER = """
import sys, threading, numpy as np
from motorium.sim.shared_frames import FrameWriter
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
writer = FrameWriter("fast", {0}, {1})
print(writer.path, flush=True)
image = np.empty(({0}, {1}, 3), np.uint8)
n = 0
while not stop.is_set():
    n += 1
    image[:] = n % 251
    writer.write(image, n)
""".format(*SHAPE)


def test_no_frame_is_torn_by_a_fast_writer():
    command = [sys.executable, "-c", WRITER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        reader = FrameReader(process.stdout.readline().strip())
        seen: list[int] = []
        while len(set(seen)) < 300:
            if (frame := reader.latest()) is None:
                continue
            assert (frame.image == frame.t_ns % 251).all(), "torn frame"
            assert frame.seq == frame.t_ns
            seen.append(frame.seq)
        process.stdin.close()
    assert seen == sorted(seen)
    reader.close()


SLOT_AT, STAMP_OF_FRAME_1 = 128, 64 + 48 * 64 * 3  # layout of shared_frames.hpp: header; one slot


def test_half_written_slot_is_never_returned(ring):
    writer, reader = ring
    writer.write(_image(7), 7)
    with Path(writer.path).open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        at = SLOT_AT + STAMP_OF_FRAME_1
        assert struct.unpack_from("=Q", memory, at) == (2,), "frame 1 is whole"
        struct.pack_into("=Q", memory, at, 1)  # as if the writer had died inside the slot
        with pytest.raises(CameraError, match="damaged"):
            reader.latest()
        struct.pack_into("=Q", memory, at, 2)
    assert reader.latest().seq == 1


def test_memory_that_could_shrink_under_a_reader_is_refused(ring, tmp_path: Path):
    file = tmp_path / "ring"
    file.write_bytes(Path(ring[0].path).read_bytes())
    with pytest.raises(CameraError, match=r"shrink|Invalid argument"):
        FrameReader(str(file))
    with pytest.raises(OSError, match="permitted"):
        os.truncate(ring[0].path, 64)


HEADERS = {  # magic, version, height, width, channels, slots
    "no motorium frames": (0x12345678, 2, 48, 64, 3, 4),
    "another version": (0x4652544D, 1, 48, 64, 3, 4),
    "zero or too large": (0x4652544D, 2, 48, 64, 3, 0),
    "truncated": (0x4652544D, 2, 16384, 16384, 4, 64),
}


@pytest.mark.parametrize("reason", HEADERS)
@pytest.mark.parametrize("end", [_core.FrameReader, lambda memory: _core.FrameWriter(memory, resume=True)])
def test_every_way_a_header_can_lie_is_refused(reason, end):
    memory = mmap.mmap(-1, _core.frame_ring_bytes(48, 64))
    struct.pack_into("=6I", memory, 0, *HEADERS[reason])
    with pytest.raises(ValueError, match=reason):
        end(memory)


def test_headers_made_of_noise_are_refused_or_stay_inside_the_memory():
    source = random.Random(5)
    memory = mmap.mmap(-1, 1 << 16)
    edges = (0, 1, 2, 3, 4, 63, 64, 65, 16384, 16385, 2**31 - 1, 2**31, 2**32 - 1)
    accepted = 0
    for _ in range(5000):
        memory[:] = bytes(len(memory))
        shape = [source.choice(edges) for _ in range(4)]
        struct.pack_into("=6I", memory, 0, 0x4652544D, 2, *shape)
        struct.pack_into("=Q", memory, 64, source.choice((0, 1, 2**63, 2**64 - 1)))
        try:
            reader = _core.FrameReader(memory)
        except ValueError:
            continue
        accepted += 1
        assert _core.frame_ring_bytes(*shape) <= len(memory)
        with contextlib.suppress(ValueError):
            reader.latest()
    assert accepted > 50


def test_a_new_writer_goes_on_where_a_dead_one_ended(ring):
    writer, reader = ring
    for value in range(1, 8):
        writer.write(_image(value), value)
    with Path(writer.path).open("r+b") as file:
        heir = _core.FrameWriter(mmap.mmap(file.fileno(), 0), resume=True)
    assert heir.number == 7
    assert heir.write(_image(8), 80) == 8
    assert (reader.latest().seq, reader.latest().t_ns) == (8, 80)


def test_wrong_shape_is_refused(ring):
    writer, _ = ring
    with pytest.raises(CameraError, match="holds uint8"):
        writer.write(np.zeros((2, 2, 3), np.uint8), 0)


def test_camera_waits_for_the_first_frame_and_then_for_newer_ones(ring):
    writer, reader = ring
    camera = SharedFrameCamera("front", reader)
    with pytest.raises(CameraError, match="no new frame"):
        camera.read_latest(timeout_s=0.01)
    threading.Timer(0.02, writer.write, (_image(3), 30)).start()
    first = camera.read_latest(timeout_s=5)
    assert (first.seq, first.t_ns) == (1, 30)
    assert camera.read_latest().seq == 1, "the newest frame is there again"
    threading.Timer(0.02, writer.write, (_image(4), 40)).start()
    assert camera.read_newer(1, timeout_s=5).t_ns == 40


def test_camera_tells_of_the_dead_writer(ring):
    def dead() -> None:
        raise SimulationError("the simulator ended")

    with pytest.raises(SimulationError, match="ended"):
        SharedFrameCamera("front", ring[1], dead).read_latest()


@pytest.mark.parametrize("content", [b"", b"x" * 10, b"x" * 4096])
def test_foreign_memory_is_refused(tmp_path: Path, content):
    file = tmp_path / "ring"
    file.write_bytes(content)
    with pytest.raises(CameraError):
        FrameReader(str(file))


def test_truncated_ring_is_refused(ring, tmp_path: Path):
    file = tmp_path / "ring"
    file.write_bytes(Path(ring[0].path).read_bytes()[:5000])
    with pytest.raises(CameraError, match="truncated"):
        FrameReader(str(file))


def test_absent_ring_is_refused():
    with pytest.raises(CameraError, match="cannot map"):
        FrameReader(f"/proc/{os.getpid()}/fd/99999")


def test_closed_ends_refuse_and_close_twice():
    writer = FrameWriter("front", *SHAPE)
    reader = FrameReader(writer.path)
    path = writer.path
    for end in (reader, writer):
        end.close()
        end.close()
    with pytest.raises(CameraError, match="closed"):
        reader.latest()
    with pytest.raises(CameraError, match="closed"):
        writer.write(_image(0), 0)
    assert not os.path.exists(path)  # noqa: PTH110 - Path.exists follows the magic link too late


def test_a_writer_knows_whether_somebody_reads(ring):
    writer = FrameWriter("front", *SHAPE)
    assert not writer.is_read()
    first, second = FrameReader(writer.path), FrameReader(writer.path)
    first.close()
    assert writer.is_read()
    second.close()
    assert not writer.is_read()
    writer.close()
    assert ring[0].is_read()  # the fixture's reader


def test_a_reader_that_was_killed_counts_no_longer(wait_until):
    writer = FrameWriter("front", *SHAPE)
    program = (
        "import sys, time; from motorium.sim.shared_frames import FrameReader\n"
        "reader = FrameReader(sys.argv[1]); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, writer.path]) as process:
        assert wait_until(writer.is_read)
        process.kill()
    assert wait_until(lambda: not writer.is_read())
    writer.close()


def test_openers_do_no_harm_to_who_asks_for_them():
    """In a process of its own: the signal of a lease that is broken ends it where it is the default one, SIGIO."""
    program = (
        "import os; from motorium.sim.shared_frames import FrameWriter\n"
        "writer = FrameWriter('front', 48, 64); print(writer.path, flush=True)\n"
        "while os.read(0, 1) != b'': [writer.is_read() for _ in range(200)]\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        path = process.stdout.readline().decode().strip()
        process.stdin.write(b"." * 100)
        process.stdin.close()
        while process.poll() is None:
            with contextlib.suppress(OSError):  # it has ended
                os.close(os.open(path, os.O_RDONLY))
    assert process.returncode == 0


def test_a_camera_takes_no_frame_from_before_it_came():
    writer = FrameWriter("front", *SHAPE)
    writer.write(_image(1), time.monotonic_ns())
    camera = SharedFrameCamera("front", writer.path)
    assert not writer.is_read()
    with pytest.raises(CameraError, match="no new frame"):
        camera.read_latest(0.05)
    assert writer.is_read()
    writer.write(_image(2), time.monotonic_ns())
    assert camera.read_latest(1.0).seq == 2
    camera.close()
    writer.close()
