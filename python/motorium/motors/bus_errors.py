"""Errors of the core's buses as errors of motorium."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .. import _core
from ..errors import BusError


@contextmanager
def bus_errors() -> Iterator[None]:
    """Turn the core's bus errors, raised while a bus is opened or set up, into `motorium.errors.BusError`."""
    try:
        yield
    except _core.BusError as error:
        raise BusError(str(error)) from error
