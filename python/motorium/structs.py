"""What the extension's structs need to be used like other Python values: printed by pprint, copied, sent, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from types import MethodType
from typing import Any


class StructCopy:
    """What a struct of the extension is once it was copied or has come out of a pickle: the same fields and values.

    Attributes:
        kind: name of the struct's class.
        fields: names of its fields, each of which is an attribute.
    """

    def __init__(self, kind: str, values: Mapping[str, Any]) -> None:
        self.kind, self.fields = kind, tuple(values)
        vars(self).update(values)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {name: _plain(getattr(self, name)) for name in self.fields}

    def __repr__(self) -> str:
        return f"{self.kind}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.fields)})"


class _AsDict:
    """`as_dict` of a struct, with lists for arrays; of the class the extension's own, which pybind11 looks for."""

    def __init__(self, with_arrays: Callable[[Any], dict[str, Any]]) -> None:
        self._with_arrays = with_arrays

    def __get__(self, struct: Any, kind: type[Any]) -> Callable[..., dict[str, Any]]:
        return self._with_arrays if struct is None else MethodType(self._listed, struct)

    def _listed(self, struct: Any) -> dict[str, Any]:
        """Return plain values for JSON, by the names of the fields."""
        return {name: _plain(value) for name, value in self._with_arrays(struct).items()}


def complete(kind: Any) -> None:
    """Give a struct of the extension, which has `fields`, `as_dict` and `__repr__`, what only Python can.

    Its methods are of a type that has no hash, which pprint asks for; its arrays are no values for JSON; and only C++
    can make one, so that copies and pickles are a `StructCopy`.
    """
    told = kind.__repr__
    kind.__repr__ = lambda struct: told(struct)  # noqa: PLW0108 - a function has a hash
    kind.__reduce__ = _reduced
    kind.as_dict = _AsDict(kind.as_dict)


def _reduced(struct: Any) -> tuple[Any, ...]:
    return StructCopy, (type(struct).__name__, {name: getattr(struct, name) for name in struct.fields})


def _plain(value: Any) -> Any:
    """Return lists for arrays, texts and numbers for enums, dicts for structs; anything else as it is."""
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    for convert in ("as_dict", "tolist"):
        if hasattr(value, convert):
            return getattr(value, convert)()
    return getattr(value, "text", value.value) if isinstance(value, Enum) else value  # "text": words of bits
