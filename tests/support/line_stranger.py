"""The other end of a serial line, where anything may answer."""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy


@contextmanager
def stranger(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """Something on the other end of a serial line that answers each request with `answer(request)`."""
    near, far = os.openpty()
    tty.setraw(far)
    stopped, stop = os.pipe()

    def serve() -> None:
        while stopped not in select.select([near, stopped], [], [])[0]:
            os.write(near, answer(os.read(near, 4096)))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield os.ttyname(far)
    finally:
        os.close(stop)
        thread.join()
        for descriptor in (stopped, far, near):
            os.close(descriptor)


def must_give_a_value_or_none(raw: Any, address: int, size: int) -> None:
    """Whatever a stranger answers, reads through `raw` end in values of the right size or in none."""
    data = raw.read(1, address, size)
    assert data is None or len(data) == size
    many = raw.sync_read([1, 2], address, size)
    assert set(many) == {1, 2}
    assert all(value is None or len(value) == size for value in many.values())


def must_survive(open_bus: Callable[[str], Any], streams: list[bytes], address: int, size: int) -> None:
    """Whatever stream answers whichever request, `open_bus(port)` reads a value or none."""
    turn = iter(range(10**9))
    with stranger(lambda _request: streams[next(turn) % len(streams)]) as port:
        raw = open_bus(port)
        for _ in streams:
            must_give_a_value_or_none(raw, address, size)
        del raw


def streams_of(headers: list[bytes]) -> SearchStrategy[list[bytes]]:
    """Answers made of noise and of `headers`, which begin like packets."""
    piece = st.one_of(st.binary(max_size=40), st.sampled_from(headers))
    return st.lists(st.lists(piece, max_size=8).map(b"".join), min_size=1, max_size=4)
