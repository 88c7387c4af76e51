"""Parts of the network by the names that `--freeze` takes."""

from __future__ import annotations

PARTS = (
    "soft-prompt", "text", "vision", "readout", "prefix", "expert", "scene", "state", "action", "out", "slot",
)  # fmt: skip
"""`prefix` and `expert` are the two streams of all layers; the rest are named as the checkpoint's tensors begin."""


def part_of(name: str) -> str:
    """Return the part that a tensor belongs to, by its name."""
    first, *rest = name.split(".")
    return rest[1] if first == "layers" else first.replace("_", "-")
