"""`sim:` robots of several arms: one simulator and table per arm, their buses driven together.

The arms do not share a scene, so that nothing can be handed over, and no world judges the pair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from ..specs.composition import join_ports
from ..specs.robot import RobotSpec

if TYPE_CHECKING:
    from typing_extensions import Self

    from .shared_frames import SharedFrameCamera


class SimArm(Protocol):
    """The simulator of one arm: a `SimBackend`."""

    @property
    def port(self) -> str:
        """Where its servo bus is."""
        ...

    @property
    def cameras(self) -> Mapping[str, SharedFrameCamera]:
        """Role -> camera."""
        ...

    def check(self) -> None:
        """Raise SimulationError with its last words when it has died."""
        ...

    def close(self) -> None:
        """End it; safe to call twice."""
        ...


class SimPair:
    """A RobotBackend over one simulator per arm.

    Attributes:
        arms: side -> its simulator.
    """

    def __init__(self, spec: RobotSpec, arms: Mapping[str, SimArm]) -> None:
        """Of a pair and its simulators, side -> simulator."""
        self.arms: Mapping[str, SimArm] = dict(arms)
        self.port = join_ports({side: arm.port for side, arm in self.arms.items()})
        self.calibration = None
        self.world = None
        self.cameras: Mapping[str, SharedFrameCamera] = {
            camera.role: self._camera(camera.role) for camera in spec.cameras
        }

    def _camera(self, role: str) -> SharedFrameCamera:
        """`left_wrist` is the wrist camera of the left arm; a role without a side is seen by the first arm."""
        first = next(iter(self.arms))
        side, _, own = role.partition("_")
        arm, name = (self.arms[side], own) if side in self.arms else (self.arms[first], role)
        camera = arm.cameras[name]
        camera.role = role
        return camera

    def check(self) -> None:
        """Raise SimulationError with the last words of a simulator that has died."""
        for arm in self.arms.values():
            arm.check()

    def close(self) -> None:
        """End all simulators; safe to call twice."""
        for arm in self.arms.values():
            arm.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_pair(spec: RobotSpec, open_arm: Callable[..., SimArm], **options: Any) -> SimPair:
    """Start one simulator per arm, at the same time; `options` as for `open_arm`, the same for all.

    Raises SimulationError: one cannot start; none is left running then.
    """
    with ThreadPoolExecutor(len(spec.arms)) as pool:
        starting = {arm.side: pool.submit(open_arm, arm.spec.name, **options) for arm in spec.arms}
    failed = [error for future in starting.values() if (error := future.exception()) is not None]
    if failed:
        for future in starting.values():
            if future.exception() is None:
                future.result().close()
        raise failed[0]
    return SimPair(spec, {side: future.result() for side, future in starting.items()})
