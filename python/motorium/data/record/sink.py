"""Hand frames to the video encoder without waiting; count those dropped."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from ...children import python_module
from ...errors import DataError
from ...types import UInt8
from ..format.passing import as_data_error
from ..format.schema import Feature
from ..format.stats import Stats

SLOTS = 24
"""Frames of each camera that may wait for the encoder: 0.8 s at 30 per second."""
FINISH_S = 60.0
"""Until the encoder must have closed an episode."""
FRAGMENT = ".frag"


class VideoSink:
    """An encoder process for the cameras of one dataset. Episodes follow each other: `open`, `put` ..., `finish`."""

    def __init__(self, videos: Sequence[Feature], fps: int, codec: str, slots: int = SLOTS) -> None:
        """Start the process; without cameras there is none. Raises DataError when it cannot be started."""
        self._videos, self._fps, self._codec, self._slots = tuple(videos), fps, codec, slots
        self._sizes = [feature.size for feature in self._videos]
        self._offsets = [slots * sum(self._sizes[:i]) for i in range(len(self._sizes))]
        self._free: list[deque[int]] = []
        self._answers: deque[str] = deque()
        self._answered = threading.Event()
        self.dropped: dict[str, int] = {}
        self._stuck = False
        self._failure = ""
        self._process: subprocess.Popen[bytes] | None = None
        if self._videos:
            with as_data_error("the video encoder could not be started"):
                self._start()

    def _start(self) -> None:
        size = self._slots * sum(self._sizes)
        fd = os.memfd_create("motorium-frames")
        try:
            os.ftruncate(fd, size)
            self._memory = np.frombuffer(mmap.mmap(fd, size), np.uint8)
            self._process = subprocess.Popen(
                python_module("motorium.data.record.encoder", str(fd), str(size)),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[fd], start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(fd)
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)
        assert self._process.stdout is not None
        threading.Thread(
            target=self._listen, args=(self._process.stdout,), name="encoder answers", daemon=True
        ).start()

    @property
    def pid(self) -> int:
        """Process id of the encoder; 0 without cameras."""
        return self._process.pid if self._process else 0

    def open(self, folder: Path) -> None:
        """Begin an episode whose fragments go to `folder`. Raises DataError when the encoder is gone."""
        self._free = [deque(range(self._slots)) for _ in self._videos]
        self.dropped = {feature.key: 0 for feature in self._videos}
        self._answers.clear()
        self._answered.clear()
        self._failure = ""
        streams = [
            {
                "path": str(folder / video_name(i, FRAGMENT)),
                "height": f.shape[0],
                "width": f.shape[1],
                "offset": offset,
            }
            for i, (f, offset) in enumerate(zip(self._videos, self._offsets, strict=True))
        ]
        if streams:
            self._say("open " + json.dumps({"streams": streams, "fps": self._fps, "codec": self._codec}))

    def check(self, stream: int, image: UInt8 | None) -> None:
        """Raise DataError when a picture has another size than declared."""
        feature = self._videos[stream]
        if image is not None and (image.shape != feature.shape or image.dtype != np.uint8):
            raise DataError(
                f"{feature.key} delivered {image.dtype} {list(image.shape)}, declared is {list(feature.shape)}"
            )

    def put(self, stream: int, image: UInt8, patience_s: float = 0.0) -> bool:
        """Hand over a camera's frame; False when the queue was full and the previous frame is repeated.

        Waits `patience_s` for a place: 0 for who records, long for who converts.

        Raises DataError when the image has another size than declared, or the encoder is gone.
        """
        self.check(stream, image)
        if self._failure:
            raise DataError(f"the video encoder failed: {self._failure}")
        feature = self._videos[stream]
        free = self._free[stream]
        give_up = time.monotonic() + patience_s
        while not free and time.monotonic() < give_up and not self._answered.is_set():
            time.sleep(0.001)
        if not free:
            self.dropped[feature.key] += 1
            self._say(f"r {stream}")
            return False
        slot = free.popleft()
        start = self._offsets[stream] + slot * self._sizes[stream]
        self._memory[start : start + self._sizes[stream]] = image.reshape(-1)
        self._say(f"f {stream} {slot}")
        return True

    def repeat(self, stream: int) -> None:
        """Encode the frame before once more: the camera has no new one."""
        self._say(f"r {stream}")

    def finish(self) -> list[tuple[int, Stats]]:
        """Close the episode, with plain durable files beside the fragments; (frames, statistics) of each camera.

        Raises DataError when the encoder failed or died.
        """
        if self._process is None:
            return []
        self._say("end")
        if not self._answered.wait(FINISH_S):
            self._stuck = True
            raise DataError(f"the video encoder did not finish the episode within {FINISH_S:.0f} s")
        word, _, rest = (self._answers.popleft() if self._answers else "gone").partition(" ")
        if word == "error":
            raise DataError(f"the video encoder failed: {json.loads(rest)}")
        if word != "done":
            raise DataError("the video encoder has died")
        return [(int(part["frames"]), part["stats"]) for part in json.loads(rest)]

    def close(self) -> None:
        """End the process; safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(0 if self._stuck else FINISH_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _died(self) -> DataError:
        assert self._process is not None
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return DataError("the video encoder no longer answers")
        if code == -signal.SIGKILL:
            why = "was killed (when memory runs out, by the kernel: see dmesg)"
        else:
            why = f"has died, by signal {-code}" if code < 0 else f"has ended with {code}"
        return DataError(f"the video encoder {why}")

    def _say(self, line: str) -> None:
        if self._process is None or self._process.stdin is None:
            return
        try:
            os.write(self._process.stdin.fileno(), line.encode() + b"\n")
        except BlockingIOError as error:
            self._stuck = True
            raise DataError("the video encoder accepts no more commands: it was stopped") from error
        except OSError as error:
            raise self._died() from error

    def _listen(self, answers: IO[bytes]) -> None:
        for raw in answers:
            line = raw.decode(errors="replace")
            if not line.endswith("\n"):  # it died in the middle of a word
                break
            if line.startswith("s "):
                _, stream, slot = line.split()
                self._free[int(stream)].append(int(slot))
            elif line.startswith("failed "):
                self._failure = line.removeprefix("failed ").strip()
            else:
                self._answers.append(line.strip())
                self._answered.set()
        self._answered.set()


def video_name(stream: int, suffix: str = ".mp4") -> str:
    """Return the name of a camera's file in the staging folder."""
    return f"video-{stream}{suffix}"
