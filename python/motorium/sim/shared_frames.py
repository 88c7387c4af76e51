"""Camera frames in shared memory: one writer, any number of readers in other processes, no lock.

The ring itself is C++ (`csrc/include/motorium/shared_frames.hpp`: layout, checks of a stranger's memory, and why
no torn frame is ever taken). Here is where its memory comes from: anonymous (memfd), reached through
/proc/<pid>/fd, so that it is gone with its last user however that one died and no name is left under /dev/shm;
and sealed, so that nobody can shrink it under a reader.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .. import _core
from ..errors import CameraError
from ..types import Frame, UInt8

NO_PROC = "the simulator passes its frames through /proc, which is not mounted: mount -t proc proc /proc"
SLOTS = 4
_POLL_S = 0.001
# linux/fcntl.h; the names came to the module with Python 3.8, but not on every build.
_ADD_SEALS, _GET_SEALS, _SEAL_SEAL, _SEAL_SHRINK, _SEAL_GROW = 1033, 1034, 1, 2, 4


class _Openings:
    """Whether others have a file open or mapped, asked of the kernel: a write lease is granted to a lone opener only.

    Openings end with their process, however it ends. Where the kernel knows no leases, others count as there.
    """

    def __init__(self, path: str) -> None:
        self._fd: int | None = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            second = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            knows = self._taken()
            os.close(second)
            knows = knows and not self._taken()
        except OSError:
            knows = False
        if not knows:
            self.close()

    def others(self) -> bool:
        return self._fd is None or self._taken()

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _taken(self) -> bool:
        assert self._fd is not None
        # Who opens the file while the lease is held waits for some microseconds, and this process is told: by a signal
        # that does nothing by default. To be said each time: a lease that ends takes it back (Linux, fs/locks.c,
        # lease_modify), and the next opener would end this process by SIGIO.
        fcntl.fcntl(self._fd, fcntl.F_SETSIG, signal.SIGURG)
        try:
            fcntl.fcntl(self._fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except BlockingIOError:
            return True
        fcntl.fcntl(self._fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False


class FrameWriter:
    """The writing end: owns the memory. Not thread-safe: one thread writes one camera."""

    def __init__(self, role: str, height: int, width: int) -> None:
        """Create the ring for (height, width, 3) uint8 frames. Raises CameraError without shared memory."""
        try:
            size = _core.frame_ring_bytes(height, width, 3, SLOTS)
            self._fd = os.memfd_create(f"motorium-{role}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            os.ftruncate(self._fd, size)
            fcntl.fcntl(self._fd, _ADD_SEALS, _SEAL_SHRINK | _SEAL_GROW | _SEAL_SEAL)
            memory = mmap.mmap(self._fd, size)
        except (OSError, AttributeError, ValueError) as error:
            raise CameraError(
                f"cannot share frames of {height} x {width}, camera {role!r}: {error}"
            ) from error
        self._ring: _core.FrameWriter | None = _core.FrameWriter(memory, height, width, 3, SLOTS)
        self._shape = (height, width, 3)
        self.path = f"/proc/{os.getpid()}/fd/{self._fd}"
        try:
            self._openings = _Openings(self.path)
        except FileNotFoundError as error:
            os.close(self._fd)
            raise CameraError(NO_PROC) from error

    def is_read(self) -> bool:
        """Return whether somebody has the ring mapped; true also where the kernel cannot tell."""
        return self._openings.others()

    def write(self, image: UInt8, t_ns: int) -> int:
        """Publish one frame captured at `t_ns`; returns its sequence number, from 1."""
        if self._ring is None:
            raise CameraError("the frame ring is closed")
        if image.shape != self._shape or image.dtype != np.uint8:
            raise CameraError(f"frame is {image.dtype} {image.shape}, the ring holds uint8 {self._shape}")
        return self._ring.write(image, t_ns)

    def close(self) -> None:
        """Give the memory back; safe to call twice. Readers keep what they have mapped."""
        if self._ring is not None:
            self._ring = None
            self._openings.close()
            os.close(self._fd)


class FrameReader:
    """The reading end of one ring."""

    def __init__(self, path: str) -> None:
        """Map the ring at `path`. Raises CameraError when it is absent, foreign, truncated or not sealed."""
        self.path = path
        try:
            with Path(path).open("rb") as file:
                memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
                self._ring: _core.FrameReader | None = _core.FrameReader(memory)
                sealed = fcntl.fcntl(file.fileno(), _GET_SEALS) & _SEAL_SHRINK
        except FileNotFoundError as error:
            if not Path("/proc/self").exists():
                raise CameraError(NO_PROC) from error
            raise CameraError(f"cannot map the frames at {path}: the simulator is gone") from error
        except (OSError, ValueError) as error:
            raise CameraError(f"cannot map the frames at {path}: {error}") from error
        if not sealed:
            raise CameraError(f"cannot map the frames at {path}: their memory could shrink while it is read")
        self.height, self.width, _ = self._ring.shape

    def latest(self) -> Frame | None:
        """Return the newest whole frame, a copy; None before the first. Raises CameraError after `close`."""
        if self._ring is None:
            raise CameraError("the camera is closed")
        try:
            newest = self._ring.latest()
        except ValueError as error:
            raise CameraError(str(error)) from error
        return None if newest is None else Frame(*newest)

    def close(self) -> None:
        """Unmap; safe to call twice."""
        self._ring = None


class SharedFrameCamera:
    """A camera of the simulated robot: the Camera protocol of `motorium.types` over a frame ring."""

    def __init__(
        self, role: str, reader: FrameReader | str, check: Callable[[], None] = lambda: None
    ) -> None:
        """Read from a ring, or map one by its path at the first read: until then its writer need not render.

        `check` raises when the writing process is gone; it is called before each read.
        """
        self.role = role
        self.path = reader if isinstance(reader, str) else reader.path
        self._reader = None if isinstance(reader, str) else reader
        self._opened_ns = 0
        self._closed = False
        self._check = check

    def read_latest(self, timeout_s: float = 1.0) -> Frame:
        """Return the newest frame, (H, W, 3) uint8; waits for the first one.

        Raises:
            CameraError: no frame at all within `timeout_s`, or the camera is closed.
            SimulationError: the simulator has died.
        """
        return self.read_newer(0, timeout_s)

    def read_newer(self, seq: int, timeout_s: float = 1.0) -> Frame:
        """Return the newest frame whose sequence number is above `seq`; raises as `read_latest` does."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._check()
            frame = self._mapped().latest()
            # What a writer without readers left there may be hours old.
            if frame is not None and frame.seq > seq and frame.t_ns >= self._opened_ns:
                return frame
            if time.monotonic() >= deadline:
                raise CameraError(f"camera {self.role!r} delivered no new frame within {timeout_s:g} s")
            time.sleep(_POLL_S)

    def _mapped(self) -> FrameReader:
        if self._reader is None:
            if self._closed:
                raise CameraError("the camera is closed")
            self._opened_ns = time.monotonic_ns()
            self._reader = FrameReader(self.path)
        return self._reader

    def close(self) -> None:
        """Unmap the frames; safe to call twice."""
        self._closed = True
        if self._reader is not None:
            self._reader.close()
