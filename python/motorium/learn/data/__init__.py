"""Recorded episodes as one table for training: numbers in memory, pictures from a cache of decoded frames."""

from .recordings import CacheSpec, Recordings
from .source import SourceSpec, TableSpec

__all__ = ["CacheSpec", "Recordings", "SourceSpec", "TableSpec"]
