"""What the next release removes: structs read like dicts, enums compared with texts, old names. Each warns once.

Nothing here is used by motorium itself: its tests turn `OldAccessWarning` into an error.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from enum import Enum, IntFlag
from functools import wraps
from typing import Any, ClassVar, TypeVar, cast

from . import structs

Struct = TypeVar("Struct")
Function = TypeVar("Function", bound=Callable[..., Any])


class OldAccessWarning(DeprecationWarning):
    """A name or form was used that the next release of motorium will not have."""


def warn(text: str, *, level: int = 3) -> None:
    """Warn of an old form, at the line `level` frames above this one."""
    warnings.warn(text, OldAccessWarning, stacklevel=level)


class TextEnum(str, Enum):
    """Enumerate causes and states by the texts that files and `--json` use for them.

    Members are compared with members. `str()` and `value` give the text. Comparing with a text still works, with a
    warning, for one release.
    """

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(str(self.value), spec)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Enum) or not isinstance(other, str):
            return self is other
        warn(f"compare with {type(self).__name__}.{self.name}, not with the text {other!r}")
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        if isinstance(other, Enum) or not isinstance(other, str):
            return self is not other
        warn(f"compare with {type(self).__name__}.{self.name}, not with the text {other!r}")
        return str.__ne__(self, other)

    __hash__ = str.__hash__


class TextFlag(IntFlag):
    """Combine bits whose words, joined with commas, files and `--json` use.

    `text` and `str()` give the words. Comparing with them still works, with a warning, for one release.
    """

    _words: ClassVar[Mapping[int, str]]  # by bit; set by whoever makes the class

    @property
    def text(self) -> str:
        """The words of the bits that are set."""
        return ", ".join(word for bit, word in self._words.items() if self & bit)

    def __str__(self) -> str:
        return self.text

    def __format__(self, spec: str) -> str:
        return format(self.text, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str):
            return int.__eq__(self, other)
        warn(f"compare with a member of {type(self).__name__}, not with the text {other!r}")
        return self.text == other

    def __ne__(self, other: object) -> bool:
        if not isinstance(other, str):
            return int.__ne__(self, other)
        warn(f"compare with a member of {type(self).__name__}, not with the text {other!r}")
        return self.text != other

    __hash__ = int.__hash__


class _DictAccess:
    """How a struct with `as_dict` is read like the dict it used to be."""

    as_dict: Callable[..., dict[str, Any]]

    def _as_old(self) -> dict[str, Any]:
        kind = type(self).__name__
        warn(f"{kind} is no longer a dict: read its attributes, or call as_dict()", level=4)
        return type(self).as_dict(self)  # of a class: of a struct of the extension with arrays, as in 0.1.0

    def __getitem__(self, key: str) -> Any:
        return _DictAccess._as_old(self)[key]

    def __contains__(self, key: object) -> bool:
        return key in _DictAccess._as_old(self)

    def __iter__(self) -> Iterator[str]:
        return iter(_DictAccess._as_old(self))

    def keys(self) -> KeysView[str]:
        return _DictAccess._as_old(self).keys()

    def values(self) -> ValuesView[Any]:
        return _DictAccess._as_old(self).values()

    def items(self) -> ItemsView[str, Any]:
        return _DictAccess._as_old(self).items()

    def get(self, key: str, default: Any = None) -> Any:
        return _DictAccess._as_old(self).get(key, default)


DICT_ACCESS = ("__getitem__", "__contains__", "__iter__", "keys", "values", "items", "get")


def dict_access(kind: type[Struct]) -> type[Struct]:
    """Let a struct with `as_dict` be read like a dict, with a warning; for what used to be a dict."""
    for name in DICT_ACCESS:
        setattr(kind, name, vars(_DictAccess)[name])
    if "fields" in vars(kind):
        structs.complete(kind)  # a class of the extension
    return kind


dict_access(structs.StructCopy)


def renamed_keyword(**names: str) -> Callable[[Function], Function]:
    """Let a function be called with keywords of the release before: old=new, with a warning."""

    def decorate(function: Function) -> Function:
        @wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            for old, new in names.items():
                if old in options:
                    if new in options:
                        raise TypeError(f"{function.__name__}() got {new!r} and {old!r}, its old name")
                    warn(f"the argument {old} of {function.__name__}() is now called {new}")
                    options[new] = options.pop(old)
            return function(*args, **options)

        return cast("Function", call)

    return decorate


def old_names(module: str, names: Mapping[str, tuple[str, Callable[[], Any]]]) -> Callable[[str], Any]:
    """Make the `__getattr__` of a module whose public names were changed.

    Args:
        module: its dotted name, for messages.
        names: old name -> (new name, what makes the value).
    """

    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        new, value = names[name]
        warn(f"{module}.{name} is now called {new}")
        return value()

    return find


def renamed_methods(kind: type[Any], names: Mapping[str, str]) -> None:
    """Let methods of `kind` be called by the names of the release before: old -> new, with a warning."""

    def by_old_name(old: str, new: str) -> Callable[..., Any]:
        def call(self: Any, *args: Any, **options: Any) -> Any:
            warn(f"{kind.__name__}.{old} is now called {new}")
            return getattr(self, new)(*args, **options)

        return call

    for old, new in names.items():
        setattr(kind, old, by_old_name(old, new))


def service_bus_by_old_name(
    driver: type[Any], service_bus: type[Any], config: type[Any], family: str
) -> None:
    """Let `driver(port, baud, ...)`, which is made from a config today, give the raw registers it gave in 0.1.0.

    Args:
        driver: `FeetechBus` or `DynamixelBus`, a class of the extension.
        service_bus: what reads and writes raw registers today.
        config: what a driver is made from.
        family: of the servos.
    """
    make: Callable[..., Any] = driver.__new__

    def new(kind: type[Any], *args: Any, **options: Any) -> Any:
        if "config" in options or any(isinstance(one, config) for one in args):
            return make(kind)
        warn(f'{driver.__name__} drives joints now: registers are read by ServiceBus("{family}", ...)')
        return service_bus(family, *args, **options)

    driver.__new__ = staticmethod(new)  # type: ignore[assignment]  # of a class that C++ made
