"""Frames in shared memory: whole or not at all, newest first, gone with their last user."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motorium.errors import CameraError, SimulationError
from motorium.sim import shared_frames
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


def test_a_writer_that_laps_the_reader_in_mid_copy_costs_a_retry(ring):
    writer, reader = ring
    writer.write(_image(1), 1)
    slot = reader._ring.pixels[1]

    class Slow:
        """The slot, copied so slowly that the writer comes round to it in between."""

        def copy(self):
            torn = slot.copy()
            for value in range(2, 2 + shared_frames.SLOTS):
                writer.write(_image(value), value)
            torn[24:] = slot[24:]
            reader._ring.pixels[1] = slot
            return torn

    reader._ring.pixels[1] = Slow()
    frame = reader.latest()
    assert frame.seq == 1 + shared_frames.SLOTS
    assert (frame.image == frame.seq).all()


def test_half_written_slot_is_never_returned(ring, monkeypatch):
    writer, reader = ring
    writer.write(_image(7), 7)
    slot = writer._ring.pixels[1]
    slot[0, 0, 0] ^= 1  # as if the writer were inside the slot: the checksum no longer holds
    monkeypatch.setattr(shared_frames, "_ATTEMPTS", 3)
    with pytest.raises(CameraError, match="damaged"):
        reader.latest()
    slot[0, 0, 0] ^= 1
    assert reader.latest().seq == 1


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
