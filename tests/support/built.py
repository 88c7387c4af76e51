"""Static libraries of the C++ core as the newest build under build/ has made them."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
OTHER = {"native-aarch64", "sanitize", "sanitize-python", "sanitize-fuzz", "core"}
"""Folders of builds for another processor, with instruments, or of the core alone."""


def built_libraries(*rooms: str) -> list[Path]:
    """Return the libraries of these rooms, in this order; empty where one of them was not built."""
    found = [path for path in ROOT.glob("build/**/libmotorium_wire.a") if not OTHER & set(path.parts)]
    newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
    libraries = [] if newest is None else [newest.with_name(f"libmotorium_{room}.a") for room in rooms]
    return libraries if all(library.is_file() for library in libraries) else []
