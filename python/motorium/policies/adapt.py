"""Make a policy of an object that lacks something of one: a minimal class, or one written for 0.1.0."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from ..errors import BindingError
from ..specs.robot import RobotSpec
from ..types import ActionChunk, Float32, Observation
from .base import Policy, PolicyInfo

_METHODS = ("bind", "check_task", "picture_distances", "seed", "warm_up")


def as_policy(policy: Any) -> Policy:
    """Return `policy`, with whatever it lacks filled in.

    A class of 0.1.0 has no `info` but `rows` and `dt_s`, and perhaps `execution_horizon`, `max_delay`, `guidance`; they
    are read now and, since its `bind` could set them, when it is bound. A DeprecationWarning says so.

    Raises:
        BindingError: it has no `infer`, or neither `info` nor `rows` and `dt_s` nor a `bind` that could set them.
    """
    if isinstance(policy, _Adapted):
        return policy
    if not callable(getattr(policy, "infer", None)):
        raise BindingError(f"{type(policy).__name__} is not a policy: it has no method infer")
    info = getattr(policy, "info", None)
    if not isinstance(info, PolicyInfo):
        return _of_0_1_0(policy)
    if all(callable(getattr(policy, name, None)) for name in _METHODS):
        whole: Policy = policy
        return whole
    return _Adapted(policy, info)


def _of_0_1_0(policy: Any) -> Policy:
    late = callable(getattr(policy, "bind", None)) and bool(_missing(policy))
    adapted = _Adapted(policy, None if late else _info_of_0_1_0(policy))
    warnings.warn(
        f"{type(policy).__name__} has no `info`: give it a motorium.PolicyInfo with rows, dt_s, execution_horizon and "
        "max_delay",
        DeprecationWarning,
        stacklevel=_frames_to_caller(),
    )
    return adapted


def _missing(policy: Any) -> list[str]:
    return [name for name in ("rows", "dt_s") if not hasattr(policy, name)]


def _info_of_0_1_0(policy: Any) -> PolicyInfo:
    kind = type(policy).__name__
    missing = _missing(policy)
    if missing:
        raise BindingError(
            f"{kind} is not a policy: give it `info`, a motorium.PolicyInfo (it lacks {missing})"
        )
    try:
        rows = int(policy.rows)
        return PolicyInfo(
            rows=rows,
            dt_s=float(policy.dt_s),
            execution_horizon=int(getattr(policy, "execution_horizon", max(1, rows // 2))),
            max_delay=int(getattr(policy, "max_delay", max(0, rows - 1))),
            guidance=str(getattr(policy, "guidance", "none")),
            name=kind,
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise BindingError(
            f"{kind} says rows, dt_s and what else it has of them in numbers: {error}"
        ) from error


def _frames_to_caller() -> int:
    """How far up the first frame outside this package is: the default filter shows a warning of `__main__` alone."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").startswith("motorium."):
        frame, level = frame.f_back, level + 1
    return level


class _Adapted(Policy):
    """An object with `infer`; methods that it has are its own, the others are those of `Policy`."""

    def __init__(self, own: Any, info: PolicyInfo | None) -> None:
        self._own, self._info = own, info

    @property
    def info(self) -> PolicyInfo:  # type: ignore[override]
        """What its own says; of a class of 0.1.0 whose `bind` says it, BindingError before that."""
        return self._info or _info_of_0_1_0(self._own)

    def infer(
        self, obs: Observation, *, committed: Float32 | None, previous: Float32 | None = None
    ) -> ActionChunk:
        """Call its own; `previous` only where there is one, as not every class takes it."""
        more = {} if previous is None else {"previous": previous}
        chunk: ActionChunk = self._own.infer(obs, committed=committed, **more)
        return chunk

    def bind(self, robot: RobotSpec) -> None:
        """Call its own, and read what it says of itself now; without one match `info` with `robot`."""
        own = getattr(self._own, "bind", None)
        if own is None:
            super().bind(robot)
            return
        own(robot)
        info = getattr(self._own, "info", None)
        self._info = info if isinstance(info, PolicyInfo) else _info_of_0_1_0(self._own)

    def check_task(self, task: str) -> tuple[str, ...]:
        """Call its own, or compare with `info.words`."""
        own = getattr(self._own, "check_task", None)
        return tuple(super().check_task(task) if own is None else own(task))

    def picture_distances(self) -> dict[str, float]:
        """Call its own, if there is one."""
        own = getattr(self._own, "picture_distances", None)
        return super().picture_distances() if own is None else dict(own())

    def seed(self, seed: int | None) -> None:
        """Call its own, if there is one."""
        own = getattr(self._own, "seed", None)
        if own is not None:
            own(seed)

    def warm_up(self) -> None:
        """Call its own, if there is one."""
        own = getattr(self._own, "warm_up", None)
        if own is not None:
            own()
