"""A thread for each camera: it waits for frames so that nobody else has to, and opens a lost camera again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..errors import CameraError
from ..types import Frame, UInt8
from ..units import NS_PER_S

FIRST_RETRY_S, LAST_RETRY_S = 0.2, 2.0


@dataclass(frozen=True)
class Shot:
    """What a source delivers.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        t_ns: capture time on CLOCK_MONOTONIC; None when the source does not know it.
        depth: (H, W) uint16 in `depth_unit_m`, 0 where unknown; None without a depth camera.
        depth_unit_m: metres per count of `depth`.
    """

    image: UInt8
    t_ns: int | None = None
    depth: Any = None
    depth_unit_m: float = 0.0


@dataclass(frozen=True)
class DepthFrame(Frame):
    """A frame with depth: (H, W) uint16 counts of `depth_unit_m` metres, 0 where unknown."""

    depth: Any = None
    depth_unit_m: float = 0.0


class Source(Protocol):
    """An open camera, used by one thread. `grab` may wait; it raises CameraError when the camera is lost."""

    def grab(self) -> Shot:
        """The next frame."""
        ...

    def close(self) -> None:
        """Release the device; safe to call twice."""
        ...


class CameraThread:
    """The Camera protocol over any source, with age policy and reopening.

    Attributes:
        role: what the camera is for, such as "front".
    """

    def __init__(self, role: str, opener: Callable[[], Source], *, max_age_s: float = 0.5) -> None:
        """Start the thread; the camera is opened there.

        Args:
            role: what the camera is for.
            opener: opens the source, also again after a loss; raises CameraError.
            max_age_s: a frame older than this is not handed out.
        """
        self.role = role
        self.max_age_s = max_age_s
        self._opener = opener
        self._news = threading.Condition()
        self._frame: Frame | None = None
        self._error = ""
        self._counts = {"frames": 0, "opened": 0, "lost": 0, "backward_times": 0}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera-{role}", daemon=True)
        self._thread.start()

    def read_latest(self, timeout_s: float = 1.0) -> Frame:
        """The newest frame; waits up to `timeout_s` for one that is not older than `max_age_s`.

        Raises CameraError with the last reason of loss.
        """
        return self._wait(0, timeout_s)

    def read_newer(self, seq: int, timeout_s: float = 1.0) -> Frame:
        """The newest frame whose number is above `seq`; raises as `read_latest` does."""
        return self._wait(seq, timeout_s)

    def stats(self) -> dict[str, Any]:
        """Plain values for JSON: frames, opened, lost, age_s, error."""
        with self._news:
            age_s = None if self._frame is None else _age_s(self._frame)
            return {**self._counts, "age_s": age_s, "error": self._error}

    def close(self) -> None:
        """End the thread and release the device; safe to call twice."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(5.0)

    def _wait(self, seq: int, timeout_s: float) -> Frame:
        deadline = time.monotonic() + timeout_s
        with self._news:
            while True:
                if self._stop.is_set():
                    raise CameraError(f"camera {self.role!r} is closed")
                frame = self._frame
                if frame is not None and frame.seq > seq and _age_s(frame) <= self.max_age_s:
                    return frame
                left = deadline - time.monotonic()
                if left <= 0:
                    raise CameraError(self._complaint(frame, timeout_s))
                self._news.wait(left)

    def _complaint(self, frame: Frame | None, timeout_s: float) -> str:
        last = "none yet" if frame is None else f"the last is {_age_s(frame):.2f} s old"
        cause = f": {self._error}" if self._error else ": check its cable and the load of the machine"
        return f"camera {self.role!r} delivered no fresh frame within {timeout_s:g} s ({last}){cause}"

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while not self._stop.is_set():
            try:
                source = self._opener()
            except CameraError as error:
                self._note_loss(str(error))
                self._stop.wait(retry_s)
                retry_s = min(2 * retry_s, LAST_RETRY_S)
                continue
            if self._read_until_lost(source):
                retry_s = FIRST_RETRY_S
            self._stop.wait(retry_s)
            retry_s = min(2 * retry_s, LAST_RETRY_S)

    def _read_until_lost(self, source: Source) -> bool:
        """Whether any frame came."""
        self._counts["opened"] += 1
        came = False
        try:
            while not self._stop.is_set():
                self._publish(source.grab())
                came = True
        except CameraError as error:
            self._counts["lost"] += 1
            self._note_loss(str(error))
        finally:
            source.close()
        return came

    def _publish(self, shot: Shot) -> None:
        now_ns = time.monotonic_ns()
        _check_image(shot.image, self.role)
        with self._news:
            before = self._frame
            t_ns = now_ns if shot.t_ns is None else min(shot.t_ns, now_ns)
            if before is not None and t_ns <= before.t_ns:
                self._counts["backward_times"] += 1
                t_ns = max(now_ns, before.t_ns + 1)
            seq = 1 if before is None else before.seq + 1
            if shot.depth is None:
                self._frame = Frame(shot.image, t_ns, seq)
            else:
                self._frame = DepthFrame(shot.image, t_ns, seq, shot.depth, shot.depth_unit_m)
            self._counts["frames"] += 1
            self._error = ""
            self._news.notify_all()

    def _note_loss(self, reason: str) -> None:
        with self._news:
            self._error = reason


def _age_s(frame: Frame) -> float:
    return (time.monotonic_ns() - frame.t_ns) / NS_PER_S


def _check_image(image: UInt8, role: str) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise CameraError(f"camera {role!r} delivered {image.dtype} {image.shape}, not (H, W, 3) uint8")
