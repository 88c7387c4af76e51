"""config.json of checkpoints that other projects wrote: bounded, with nulls treated as missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from ..containers import LARGEST_CONFIG
from ..errors import CheckpointError
from ..foreign import read_text
from . import schema

T = TypeVar("T")


def read_json(path: Path) -> Any:
    """Return a JSON document of bounded size, without null members. Raises CheckpointError."""
    try:
        text = read_text(path, LARGEST_CONFIG, error=CheckpointError, inside=path.parent)
        return _without_nulls(schema.parse_json(text))
    except schema.SchemaError as error:
        raise CheckpointError(f"{path}: {error}") from error


def build(cls: type[T], document: object, where: Path) -> T:
    """Fill a dataclass from a document, checking types and bounds. Raises CheckpointError."""
    try:
        return schema.build(cls, document)
    except (schema.SchemaError, CheckpointError) as error:
        raise CheckpointError(f"{where}: {error}") from error


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return value
