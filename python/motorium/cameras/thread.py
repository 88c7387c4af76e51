"""One thread per camera: waits for frames so that nobody else must, and reopens a lost camera."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from ..deprecated import dict_access
from ..errors import CameraError
from ..types import Frame, UInt8
from ..units import NS_PER_S

FIRST_RETRY_S, LAST_RETRY_S = 0.2, 2.0
FROZEN = "its driver keeps delivering the same frame, with the same time stamp"


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
    """An open camera, used by one thread. `grab` may wait; whatever it raises means that the camera is lost."""

    def grab(self) -> Shot:
        """Return the next frame."""
        ...

    def close(self) -> None:
        """Release the device; safe to call twice."""
        ...


@dict_access
@dataclass(frozen=True)
class CameraStats:
    """What the thread of one camera has counted.

    Attributes:
        frames: frames taken.
        opened, lost: how often the camera was opened, and lost.
        backward_times, future_times: frames whose time is before the last one's, or still to come.
        repeated: frames that came again unchanged.
        age_s: of the newest frame; None before the first.
        error: why the camera was lost last; empty: it was not.
    """

    frames: int
    opened: int
    lost: int
    backward_times: int
    future_times: int
    repeated: int
    age_s: float | None
    error: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


class CameraThread:
    """The Camera protocol over any source, with age policy and reopening.

    Attributes:
        role: what the camera is for, such as "front".
    """

    def __init__(self, role: str, opener: Callable[[], Source], *, max_age_s: float = 0.5) -> None:
        """Start the thread; the camera is opened there.

        Args:
            role: what the camera is for.
            opener: opens the source, also again after a loss; whatever it raises means that it could not.
            max_age_s: a frame older than this is not handed out.
        """
        self.role = role
        self.max_age_s = max_age_s
        self._opener = opener
        self._news = threading.Condition()
        self._frame: Frame | None = None
        self._stamp_ns: int | None = None  # the newest frame's own time, as the source gave it
        self._arrived_ns = 0
        self._error = ""
        self._counts = {
            "frames": 0, "opened": 0, "lost": 0, "backward_times": 0, "future_times": 0, "repeated": 0
        }  # fmt: skip
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera-{role}", daemon=True)
        self._thread.start()

    def read_latest(self, timeout_s: float = 1.0) -> Frame:
        """Return the newest frame; waits up to `timeout_s` for one that is not older than `max_age_s`.

        Raises CameraError with the last reason of loss.
        """
        return self._wait(0, timeout_s)

    def read_newer(self, seq: int, timeout_s: float = 1.0) -> Frame:
        """Return the newest frame whose number is above `seq`; raises as `read_latest` does."""
        return self._wait(seq, timeout_s)

    def stats(self) -> CameraStats:
        """Return what the thread has counted, and how old its newest frame is."""
        with self._news:
            age_s = None if self._frame is None else _age_s(self._frame)
            return CameraStats(**self._counts, age_s=age_s, error=self._error)

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
        return f"camera {self.role!r} delivered no fresh frame within {timeout_s:g} s ({last}): {self._cause(frame)}"

    def _cause(self, frame: Frame | None) -> str:
        if self._error:
            return self._error
        since_s = (time.monotonic_ns() - self._arrived_ns) / NS_PER_S
        if frame is not None and since_s <= self.max_age_s < _age_s(frame):
            return (
                "frames arrive, but their own time stamps say that they are old: the driver delays them, or its "
                "clock is wrong"
            )
        return "check its cable and the machine's load"

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while not self._stop.is_set():
            if self._open_and_read():
                retry_s = FIRST_RETRY_S
            self._stop.wait(retry_s)
            retry_s = min(2 * retry_s, LAST_RETRY_S)

    def _open_and_read(self) -> bool:
        """Whether any frame came before the camera was lost."""
        try:
            source = self._opener()
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the camera is tried again
            self._note_loss(_reason(error))
            return False
        self._counts["opened"] += 1
        before = self._counts["frames"]
        try:
            while not self._stop.is_set():
                self._publish(source.grab())
        except Exception as error:  # noqa: BLE001 - likewise
            self._counts["lost"] += 1
            self._note_loss(_reason(error))
        finally:
            self._release(source)
        return self._counts["frames"] > before

    def _release(self, source: Source) -> None:
        try:
            source.close()
        except Exception as error:  # noqa: BLE001 - a device that is gone cannot always be closed
            if not self._error:
                self._note_loss(f"closing it failed: {_reason(error)}")

    def _publish(self, shot: Shot) -> None:
        now_ns = time.monotonic_ns()
        before = self._frame
        _check_image(shot.image, self.role, None if before is None else before.image.shape)
        with self._news:
            if self._repeats(shot):
                self._counts["repeated"] += 1
                self._error = FROZEN
                if now_ns - self._arrived_ns > self.max_age_s * NS_PER_S:
                    raise CameraError(FROZEN)  # opening it again may help
                return
            t_ns = self._time_of(shot, now_ns)
            seq = 1 if before is None else before.seq + 1
            if shot.depth is None:
                self._frame = Frame(shot.image, t_ns, seq)
            else:
                self._frame = DepthFrame(shot.image, t_ns, seq, shot.depth, shot.depth_unit_m)
            self._stamp_ns, self._arrived_ns = shot.t_ns, now_ns
            self._counts["frames"] += 1
            self._error = ""
            self._news.notify_all()

    def _repeats(self, shot: Shot) -> bool:
        """Tell a frozen camera: it sends the same picture with the same time stamp again."""
        if self._frame is None or shot.t_ns is None or shot.t_ns != self._stamp_ns:
            return False
        return bool(np.array_equal(shot.image, self._frame.image))

    def _time_of(self, shot: Shot, now_ns: int) -> int:
        """Return the source's own time where it can be true, else when the frame arrived."""
        t_ns = now_ns if shot.t_ns is None else shot.t_ns
        if t_ns > now_ns:
            self._counts["future_times"] += 1
            t_ns = now_ns
        if self._frame is not None and t_ns <= self._frame.t_ns:
            self._counts["backward_times"] += 1
            t_ns = max(now_ns, self._frame.t_ns + 1)
        return t_ns

    def _note_loss(self, reason: str) -> None:
        with self._news:
            self._error = reason


def _age_s(frame: Frame) -> float:
    return (time.monotonic_ns() - frame.t_ns) / NS_PER_S


def _reason(error: Exception) -> str:
    """Put an exception into words: of a stranger's its class too, for its text alone may say little."""
    if isinstance(error, CameraError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _check_image(image: UInt8, role: str, usual: tuple[int, ...] | None) -> None:
    if not isinstance(image, np.ndarray):
        raise CameraError(f"camera {role!r} delivered {type(image).__name__}, not a picture")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise CameraError(f"camera {role!r} delivered {image.dtype} {image.shape}, not (H, W, 3) uint8")
    if usual is not None and image.shape != usual:
        raise CameraError(
            f"camera {role!r} delivers {image.shape[1]}x{image.shape[0]}, it began with {usual[1]}x{usual[0]}: "
            f"its mode was changed; close and open it again to accept that"
        )
