"""Recorded episodes as one table for training: numbers in memory, pictures from a cache of decoded frames."""

from .recordings import Recordings
from .source import SourceSpec, TableSpec

__all__ = ["Recordings", "SourceSpec", "TableSpec"]
