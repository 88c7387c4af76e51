"""Where a robot's bus and cameras come from: real hardware, or a scheme such as `sim:` found by entry point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Protocol

from ..errors import BusError, MotoriumError, SpecError
from ..motors.ports import list_ports, permission_advice, shared_name
from ..types import Camera
from .calibration import Calibration

GROUP = "motorium.robots"
EXTRAS = {"sim": "sim"}
"""Schemes that ship with motorium, and the extra that installs what they need."""


class RobotBackend(Protocol):
    """What `Robot` needs to reach an arm."""

    @property
    def port(self) -> str:
        """Serial port of the servo bus."""
        ...

    @property
    def cameras(self) -> Mapping[str, Camera]:
        """Role -> camera."""
        ...

    @property
    def calibration(self) -> Calibration | None:
        """Of the arm behind this backend; None: exactly as its specification says."""
        ...

    @property
    def world(self) -> Any:
        """What surrounds the arm, when that can be asked; None for hardware."""
        ...

    def check(self) -> None:
        """Raise when the backend itself has died."""
        ...

    def close(self) -> None:
        """Give everything back; safe to call twice."""
        ...


@dataclass
class Hardware:
    """A servo bus on a serial port."""

    port: str
    calibration: Calibration | None
    cameras: Mapping[str, Camera] = field(default_factory=dict)
    world: None = None

    def check(self) -> None:
        """Do nothing: hardware has no process that could die."""

    def close(self) -> None:
        """Close nothing: the serial port belongs to the control thread, the cameras to the Robot."""


def split(name: str) -> tuple[str, str]:
    """Split "sim:so101" into ("sim", "so101"); the scheme is empty for hardware."""
    scheme, colon, robot = name.partition(":")
    return (scheme, robot) if colon else ("", name)


def open_scheme(scheme: str, robot: str, **options: Any) -> RobotBackend:
    """Open `robot` through the entry point named `scheme`. Raises SpecError, or what the backend raises."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if scheme not in found:
        extra = EXTRAS.get(scheme)
        hint = f'; install it: pip install "motorium[{extra}]"' if extra else ""
        known = ", ".join(f"{name}:" for name in sorted(found)) or "none"
        raise SpecError(f"no robot scheme {scheme + ':'!r}{hint}; installed: {known}")
    try:
        opener = found[scheme].load()
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(scheme, scheme)
        raise SpecError(
            f'{scheme}: needs the package {error.name!r}: pip install "motorium[{extra}]"'
        ) from error
    backend: RobotBackend = opener(robot, **options)
    return backend


def check_port(port: str | None, robot: str) -> str:
    """Return `port`. Raises BusError with the ports there are."""
    if port is not None:
        advice = permission_advice(port)
        if advice and "belongs to group" in advice:
            raise BusError(advice)
        meant = shared_name(port)
        if meant:
            raise BusError(
                f"{port} is the name of {len(meant)} adapters with one serial number, leading to whichever came "
                f"last: give one of these: {', '.join(meant)}"
            )
        return port
    ports = ", ".join(found.device for found in list_ports()) or "none"
    rest = f"ports on this machine: {ports}. A simulated arm is 'sim:{robot}'"
    raise BusError.with_remedy(
        f"{robot} needs a serial port,",
        program=f"such as port='/dev/ttyACM0'; {rest}",
        command=f"such as --port /dev/ttyACM0; {rest}",
    )


def close_all(cameras: Mapping[str, Camera], backend: RobotBackend | None) -> MotoriumError | None:
    """Close everything, whatever fails; return the first MotoriumError instead of raising it.

    Raises what else a camera of the user's own raises, once everything is closed.
    """
    problems: list[MotoriumError] = []
    strange: list[Exception] = []
    resources: list[Camera | RobotBackend] = [*cameras.values()]
    for resource in resources if backend is None else [*resources, backend]:
        try:
            resource.close()
        except MotoriumError as error:  # noqa: PERF203 - the next one must be closed too
            problems.append(error)
        except Exception as error:  # noqa: BLE001 - raised below
            strange.append(error)
    if strange:
        raise strange[0]
    return problems[0] if problems else None
