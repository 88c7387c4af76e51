"""Camera frames in shared memory: one writer, any number of readers in other processes, no lock.

A ring of slots, each guarded by a sequence lock and a checksum. The writer stamps a slot `begin`, fills
it, stamps it `end`, then publishes its number; a reader copies the slot and keeps the copy only if both
stamps and the CRC-32 agree. The checksum makes torn frames impossible to accept also on machines that
reorder stores (aarch64), where Python offers no memory barrier. The memory is anonymous (memfd) and
reached through /proc/<pid>/fd, so that it is gone with its last user however that one died; no name is
ever left under /dev/shm.

Layout, native byte order: header of 64 bytes (u32 magic, version, height, width, slots, 0; u64 latest),
then per slot 64 bytes (u64 begin, i64 t_ns, u64 end, u64 crc32) and height * width * 3 bytes RGB, each
slot padded to 64.
"""

from __future__ import annotations

import mmap
import os
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CameraError
from ..types import Frame, UInt8

MAGIC = 0x4652544D  # "MTRF"
VERSION = 1
SLOTS = 4
_HEADER = 64
_POLL_S = 0.001
_ATTEMPTS = 1000  # overtaken by the writer that often in a row: the ring is damaged
_BEGIN, _TIME, _END, _CRC = range(4)


def _stride(height: int, width: int) -> int:
    return _HEADER + -(-height * width * 3 // 64) * 64


def _checksum(seq: int, t_ns: int, pixels: UInt8) -> int:
    stamp = zlib.crc32(seq.to_bytes(8, "little") + t_ns.to_bytes(8, "little", signed=True))
    return zlib.crc32(pixels.data, stamp)


class _Mapping:
    """Views of one mapped ring. They alone hold the map: it goes with the last of them, in use or not."""

    def __init__(self, memory: mmap.mmap, height: int, width: int, slots: int) -> None:
        stride = _stride(height, width)
        words: NDArray[Any] = np.frombuffer(memory, dtype=np.uint64, count=_HEADER // 8)
        self.latest = words[3:4]
        self.stamps: list[NDArray[Any]] = []
        self.pixels: list[UInt8] = []
        for slot in range(slots):
            start = _HEADER + slot * stride
            self.stamps.append(np.frombuffer(memory, dtype=np.uint64, count=8, offset=start))
            flat = np.frombuffer(memory, dtype=np.uint8, count=height * width * 3, offset=start + _HEADER)
            self.pixels.append(flat.reshape(height, width, 3))


class FrameWriter:
    """The writing end: owns the memory. Not thread-safe: one thread writes one camera."""

    def __init__(self, role: str, height: int, width: int) -> None:
        """Create the ring for (height, width, 3) uint8 frames. Raises CameraError without shared memory."""
        size = _HEADER + SLOTS * _stride(height, width)
        try:
            self._fd = os.memfd_create(f"motorium-{role}", os.MFD_CLOEXEC)
            os.ftruncate(self._fd, size)
            memory = mmap.mmap(self._fd, size)
        except (OSError, AttributeError) as error:
            raise CameraError(
                f"cannot create {size} bytes of shared memory for camera {role!r}: {error}"
            ) from error
        header = np.frombuffer(memory, dtype=np.uint32, count=6)
        header[:] = (MAGIC, VERSION, height, width, SLOTS, 0)
        del header
        self._ring: _Mapping | None = _Mapping(memory, height, width, SLOTS)
        self._seq = 0
        self.path = f"/proc/{os.getpid()}/fd/{self._fd}"

    def write(self, image: UInt8, t_ns: int) -> int:
        """Publish one frame captured at `t_ns`; returns its sequence number, from 1."""
        ring = self._ring
        if ring is None:
            raise CameraError("the frame ring is closed")
        seq = self._seq + 1
        stamps, pixels = ring.stamps[seq % SLOTS], ring.pixels[seq % SLOTS]
        if image.shape != pixels.shape or image.dtype != np.uint8:
            raise CameraError(f"frame is {image.dtype} {image.shape}, the ring holds uint8 {pixels.shape}")
        stamps[_BEGIN] = seq
        pixels[:] = image
        stamps[_TIME] = t_ns
        stamps[_CRC] = _checksum(seq, t_ns, pixels)
        stamps[_END] = seq
        ring.latest[0] = seq
        self._seq = seq
        return seq

    def close(self) -> None:
        """Give the memory back; safe to call twice. Readers keep what they have mapped."""
        if self._ring is not None:
            self._ring = None
            os.close(self._fd)


class FrameReader:
    """The reading end of one ring."""

    def __init__(self, path: str) -> None:
        """Map the ring at `path`. Raises CameraError when it is absent, foreign or truncated."""
        self.path = path
        try:
            with Path(path).open("rb") as file:
                memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        except (OSError, ValueError) as error:
            raise CameraError(f"cannot map the frames at {path}: {error}") from error
        head = [int(v) for v in np.frombuffer(memory[:24].ljust(24, b"\0"), dtype=np.uint32)]
        magic, version, self.height, self.width, self._slots, _ = head
        if magic != MAGIC or version != VERSION:
            raise CameraError(f"{path} holds no motorium frames of version {VERSION}")
        if len(memory) < _HEADER + self._slots * _stride(self.height, self.width):
            raise CameraError(f"{path} is truncated")
        self._ring: _Mapping | None = _Mapping(memory, self.height, self.width, self._slots)

    def latest(self) -> Frame | None:
        """The newest whole frame, a copy; None before the first. Raises CameraError after `close`."""
        ring = self._ring
        if ring is None:
            raise CameraError("the camera is closed")
        for _ in range(_ATTEMPTS):
            seq = int(ring.latest[0])
            if seq == 0:
                return None
            stamps, pixels = ring.stamps[seq % self._slots], ring.pixels[seq % self._slots]
            if int(stamps[_END]) != seq:
                continue
            image = pixels.copy()
            t_ns, crc = int(stamps[_TIME].view(np.int64)), int(stamps[_CRC])
            if int(stamps[_BEGIN]) == seq and crc == _checksum(seq, t_ns, image):
                return Frame(image, t_ns, seq)
        raise CameraError("the shared frames are damaged: no slot passes its checksum")

    def close(self) -> None:
        """Unmap; safe to call twice."""
        self._ring = None


class SharedFrameCamera:
    """A camera of the simulated robot: the Camera protocol of `motorium.types` over a frame ring."""

    def __init__(self, role: str, reader: FrameReader, check: Callable[[], None] = lambda: None) -> None:
        """`check` raises when the writing process is gone; it is called before each read."""
        self.role = role
        self.path = reader.path
        self._reader = reader
        self._check = check

    def read_latest(self, timeout_s: float = 1.0) -> Frame:
        """The newest frame, (H, W, 3) uint8; waits for the first one.

        Raises:
            CameraError: no frame at all within `timeout_s`, or the camera is closed.
            SimulationError: the simulator has died.
        """
        return self.read_newer(0, timeout_s)

    def read_newer(self, seq: int, timeout_s: float = 1.0) -> Frame:
        """The newest frame whose sequence number is above `seq`; raises as `read_latest` does."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._check()
            frame = self._reader.latest()
            if frame is not None and frame.seq > seq:
                return frame
            if time.monotonic() >= deadline:
                raise CameraError(f"camera {self.role!r} delivered no new frame within {timeout_s:g} s")
            time.sleep(_POLL_S)

    def close(self) -> None:
        """Unmap the frames; safe to call twice."""
        self._reader.close()
