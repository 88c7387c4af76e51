"""Whatever a camera's driver raises or delivers, the camera is tried again and the cause is told in its own words."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from motorium.cameras import thread as threads
from motorium.cameras.thread import CameraThread, Shot
from motorium.errors import CameraError

GREY = np.full((48, 64, 3), 90, np.uint8)


class Driver:
    """Delivers what `shots` makes, a picture a millisecond; anything that is no Shot is raised."""

    def __init__(self, shots: Iterator[Shot | Exception], *, closing: Exception | None = None) -> None:
        self._shots, self._closing = shots, closing

    def grab(self) -> Shot:
        time.sleep(0.001)
        shot = next(self._shots)
        if isinstance(shot, Exception):
            raise shot
        return shot

    def close(self) -> None:
        if self._closing is not None:
            raise self._closing


def pictures(value: int = 0) -> Iterator[Shot]:
    """Good ones, each another."""
    return (Shot(np.full_like(GREY, (value + n) % 256)) for n in itertools.count())


@pytest.fixture
def watch(monkeypatch) -> Iterator[Callable[..., CameraThread]]:
    monkeypatch.setattr(threads, "FIRST_RETRY_S", 0.001)
    opened: list[CameraThread] = []

    def make(opener: Callable[[], Driver], max_age_s: float = 5.0) -> CameraThread:
        opened.append(CameraThread("front", opener, max_age_s=max_age_s))
        return opened[-1]

    yield make
    for camera in opened:
        camera.close()
        assert not camera._thread.is_alive()


def wait_for(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.002)


RAISED = {
    "lost": (CameraError("device with serial A1 is gone"), r"none yet\): device with serial A1 is gone"),
    "system": (OSError(19, "No such device"), r"OSError: \[Errno 19\] No such device"),
    "value": (ValueError("cannot convert float NaN to integer"), "ValueError: cannot convert float NaN"),
    "silent": (RuntimeError(), "RuntimeError$"),
    "native": (MemoryError("std::bad_alloc"), r"MemoryError: std::bad_alloc"),
}


@pytest.mark.parametrize("kind", RAISED)
def test_anything_a_source_raises_is_a_loss_with_its_own_text(watch, kind):
    raised, told = RAISED[kind]
    camera = watch(lambda: Driver(iter([raised])))
    with pytest.raises(CameraError, match=told):
        camera.read_latest(0.05)
    assert camera.stats().lost >= 1


@pytest.mark.parametrize("kind", RAISED)
def test_it_is_opened_again(watch, kind):
    turns = iter([iter([Shot(GREY), RAISED[kind][0]]), pictures()])
    camera = watch(lambda: Driver(next(turns), closing=OSError("device is busy")))
    assert camera.read_newer(3, 5.0).seq > 3
    assert camera.stats().opened == 2
    assert camera.stats().error == ""


def test_an_opener_may_raise_anything_too(watch):
    def away() -> Driver:
        raise FileNotFoundError(2, "No such file or directory", "/sys/class/video4linux/video2/name")

    tries = iter([True, True, False])
    camera = watch(lambda: away() if next(tries) else Driver(pictures()))
    assert camera.read_latest(5.0).image.shape == GREY.shape
    with pytest.raises(CameraError, match=r"none yet\): FileNotFoundError: .*video2/name"):
        watch(away).read_latest(0.05)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (np.zeros((0, 0, 3), np.uint8), r"uint8 \(0, 0, 3\)"),
        (np.zeros((48, 64), np.uint8), r"uint8 \(48, 64\)"),
        (np.zeros((48, 64, 3), np.float32), "float32"),
        (None, "NoneType, not a picture"),
        (np.zeros((24, 32, 3), np.uint8), "delivers 32x24, it began with 64x48"),
    ],
)
def test_a_picture_that_is_none_is_a_loss(watch, bad, told):
    turns = iter([iter([Shot(GREY), Shot(bad)])])

    def opener() -> Driver:
        for turn in turns:
            return Driver(turn)
        raise CameraError("not a second time")

    camera = watch(opener)
    seen: set[str] = set()
    wait_for(lambda: bool(seen.add(camera.stats().error) or camera.stats().lost))
    camera.close()
    assert camera.stats().frames == 1
    with pytest.raises(CameraError, match=told):
        threads._check_image(bad, "front", GREY.shape)


def test_times_ahead_and_backwards_are_counted_and_never_handed_out(watch):
    def shots() -> Iterator[Shot]:
        for n in itertools.count():
            offset_ns = 3_000_000_000 if n % 3 == 1 else -50_000_000 if n % 3 == 2 else 0
            yield Shot(np.full_like(GREY, n % 256), time.monotonic_ns() + offset_ns)

    camera = watch(lambda: Driver(shots()))
    times = [camera.read_newer(seq, 5.0).t_ns for seq in range(12)]
    assert times == sorted(times)
    assert times[-1] <= time.monotonic_ns()
    assert camera.stats().future_times >= 3
    assert camera.stats().backward_times >= 3


def test_a_frame_that_comes_again_unchanged_is_no_new_one(watch):
    stamp_ns = time.monotonic_ns()
    camera = watch(lambda: Driver(itertools.repeat(Shot(GREY, stamp_ns))), max_age_s=0.05)
    wait_for(lambda: camera.stats().repeated > 0)
    assert camera.stats().frames == 1
    with pytest.raises(CameraError, match="keeps delivering the same frame"):
        camera.read_newer(1, 0.1)
    wait_for(lambda: camera.stats().opened > 1)


def test_a_clock_that_stands_still_is_told_from_a_picture_that_does(watch):
    stamp_ns = time.monotonic_ns()
    camera = watch(lambda: Driver(Shot(shot.image, stamp_ns) for shot in pictures()))
    assert camera.read_newer(5, 5.0).t_ns > stamp_ns


def test_frames_that_say_they_are_old_are_not_blamed_on_the_cable(watch):
    camera = watch(
        lambda: Driver(Shot(s.image, time.monotonic_ns() - 10**10) for s in pictures()), max_age_s=0.5
    )
    wait_for(lambda: camera.stats().frames > 1)
    with pytest.raises(CameraError, match="time stamps say that they are old"):
        camera.read_latest(0.05)
