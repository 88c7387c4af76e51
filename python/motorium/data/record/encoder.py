"""Encode videos in a separate process of low priority: one thread per camera.

Started as `python -m motorium.data.record.encoder`.

Frames come through shared memory (a memfd given by number), words through pipes, one line each:

    open {"streams": [{"path", "height", "width", "offset"}], "slots", "fps", "codec"}     a new episode
    f STREAM SLOT      encode the frame in that slot            r STREAM      encode the last frame again
    end                close all, make them plain and durable   quit
    (answers)          s STREAM SLOT: the slot is free          done {...}    error {...}    failed TEXT (at once)

When the other end disappears it closes what it has, so that the fragments on disk are as long as they can be.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import mmap
import os
import queue
import sys
import threading
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ... import rooted
from ...types import UInt8
from ..format.stats import STATS_EVERY, PictureStats
from ..format.video import CODECS, FRAGMENTS, HELD, remux

NICE = 10


class Stream:
    """One camera's frames into one file, in a thread."""

    def __init__(
        self, number: int, spec: Mapping[str, Any], memory: mmap.mmap, options: Mapping[str, Any]
    ) -> None:
        self.number, self.path = number, Path(spec["path"])
        self.height, self.width, self.offset = int(spec["height"]), int(spec["width"]), int(spec["offset"])
        self.words: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self.stats = PictureStats()
        self.frames = 0
        self.error = ""
        self._memory, self._fps, self._codec = memory, int(options["fps"]), str(options["codec"])
        self._thread = threading.Thread(target=self._run, name=f"stream {number}")
        self._thread.start()

    def close(self) -> None:
        """End the file and wait for it."""
        self.words.put(("end", 0))
        self._thread.join()

    def _frame(self, slot: int) -> UInt8:
        size = self.height * self.width * 3
        start = self.offset + slot * size
        return np.frombuffer(self._memory, np.uint8, size, start).reshape(self.height, self.width, 3)

    def _run(self) -> None:
        try:
            self._encode()
        except Exception as error:  # noqa: BLE001 - told to the other end, which decides
            self.error = f"{type(error).__name__}: {error}"
            say_failed(
                f"camera {self.number}: {self.error}"
            )  # at once: the rows to come would have no pictures
            while self.words.get()[0] != "end":
                pass

    def _encode(self) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        last: av.VideoFrame | None = None
        # One for all frames: a fresh one sets its tables up for each, which takes longer than the conversion.
        converter = VideoReformatter()
        rooted.reserve(self.path.parent, self.path)
        with av.open(str(self.path), "w", format="mp4", options=FRAGMENTS) as out:
            stream = out.add_stream(
                CODECS[self._codec].encoder, rate=self._fps, options=CODECS[self._codec].options
            )
            stream.width, stream.height, stream.pix_fmt = self.width, self.height, "yuv420p"
            stream.time_base = stream.codec_context.time_base = Fraction(1, self._fps)
            stream.codec_context.thread_count = 1
            while True:
                word, slot = self.words.get()
                if word == "end":
                    break
                if word == "f":
                    image = self._frame(slot)
                    if self.frames % STATS_EVERY == 0:
                        self.stats.add(image)
                    shared = av.VideoFrame.from_numpy_buffer(image, format="rgb24")
                    last = converter.reformat(shared, format="yuv420p")
                    say(f"s {self.number} {slot}")
                if last is None:
                    raise ValueError("the first frame cannot repeat another")
                last.pts, last.time_base, last.pict_type = self.frames, Fraction(1, self._fps), 0
                out.mux(stream.encode(last))
                self.frames += 1
                if self.frames % self._fps == 0:
                    to_disk(self.path)
            out.mux(stream.encode(None))


def to_disk(path: Path) -> None:
    """Make what another handle has written durable."""
    with path.open("rb") as file:
        os.fdatasync(file.fileno())


_voice = threading.Lock()


def say(line: str) -> None:
    """Write one line to the other end; nobody may be there any more."""
    with _voice, contextlib.suppress(BrokenPipeError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def say_failed(why: str) -> None:
    """Tell what went wrong, on one line."""
    say("failed " + " ".join(why.split()))


def hold(folder: Path) -> BinaryIO:
    """Keep a folder until the file is closed: who recovers it waits for an encoder that outlives its recorder."""
    file = rooted.create(folder, folder / HELD)
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def finish(streams: list[Stream], trouble: str = "") -> None:
    """Close all, put plain mp4 files beside the fragments, and answer; `trouble` kept the episode from beginning."""
    for stream in streams:
        stream.close()
    bad = [trouble] if trouble else [f"camera {s.number}: {s.error}" for s in streams if s.error]
    if bad:
        say("error " + json.dumps("; ".join(bad)))
        return
    try:
        for s in streams:
            target = s.path.with_suffix(".mp4")
            rooted.reserve(target.parent, target)
            remux(s.path, target, s.frames, s._fps)  # noqa: SLF001
    except Exception as error:  # noqa: BLE001 - told to the other end, which decides
        say("error " + json.dumps(str(error)))
        return
    say("done " + json.dumps([{"frames": s.frames, "stats": s.stats.result()} for s in streams]))


def main() -> None:
    """Serve until `quit` or the end of the input."""
    os.nice(NICE)
    import av  # noqa: F401 - now, and not when the first frame is waiting

    fd, size = int(sys.argv[1]), int(sys.argv[2])
    memory = mmap.mmap(fd, size, prot=mmap.PROT_READ)
    streams: list[Stream] = []
    held: BinaryIO | None = None
    trouble = ""
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word in {"f", "r"} and streams:
            number, *slot = rest.split()
            streams[int(number)].words.put((word, int(slot[0]) if slot else 0))
        elif word == "open":
            try:
                options, trouble = json.loads(rest), ""
                held = hold(Path(options["streams"][0]["path"]).parent)
                streams = [Stream(i, spec, memory, options) for i, spec in enumerate(options["streams"])]
            except Exception as error:  # noqa: BLE001 - told to the other end, which decides
                trouble = f"{type(error).__name__}: {error}"
                say_failed(trouble)
        elif word == "end":
            finish(streams, trouble)
            streams, held = [], None
        elif word == "quit":
            break
    for stream in streams:
        stream.close()
    del held


if __name__ == "__main__":
    main()
