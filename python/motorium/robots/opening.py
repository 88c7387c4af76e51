"""Prepare an arm for torque: specification, connection and zeros from a robot's name, a free port, readings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from .. import _core
from ..errors import BusError
from ..logs import logger
from ..specs.composition import join_ports, split_ports
from ..specs.robot import RobotSpec
from . import backends, health
from .arm_calibrations import find_calibration, named_calibration
from .calibration import Calibration

_log = logger(__name__)

Connect = Callable[[], backends.RobotBackend]


def resolve(
    name: str,
    port: str | Mapping[str, str] | None,
    calibration: str | Path | Calibration | None,
    options: Mapping[str, Any],
) -> tuple[RobotSpec, Connect, Calibration | None]:
    """Find the specification, the way to connect, and the zeros. Arguments and errors as of `Robot.open`."""
    scheme, robot = backends.split(name)
    spec = RobotSpec.load(robot)
    if scheme:
        if port is not None:
            raise BusError(f"{name} brings its own port; port={port!r} belongs to hardware: {robot!r}")
        zeros = None if calibration is None else named_calibration(calibration, spec)
        return spec, partial(backends.open_scheme, scheme, robot, **options), zeros
    if options:
        first = sorted(options)[0]
        raise BusError(f"{robot} takes no option {first!r}; options belong to a scheme such as sim:")
    where = _checked_port(port, spec)
    zeros = find_calibration(calibration, where, spec)
    return spec, partial(backends.Hardware, where, zeros), zeros


class Holder(Protocol):
    """A robot that is open in this process."""

    spec: RobotSpec
    port: str
    entered: bool


def check_not_held(connect: Connect, holders: Iterable[Holder]) -> None:
    """Raise BusError when a robot that is open in this process holds the port; it names that robot."""
    if not isinstance(connect, partial) or connect.func is not backends.Hardware:
        return
    wanted = _devices(connect.args[0])
    for holder in holders:
        shared = wanted & _devices(holder.port)
        if shared:
            raise BusError(
                f"port {sorted(shared)[0]} is in use by this process ({os.getpid()}): {holder.spec.name} is open on "
                "it. Close that robot first, with its close(); motorium.close_all() closes all"
            )


def tell_of_twin(name: str, holders: Iterable[Holder]) -> None:
    """Warn that a robot of this name is already open, in case a notebook cell ran twice."""
    if any(holder.spec.name == name and not holder.entered for holder in holders):
        _log.warning("another %s is open in this process; motorium.close_all() closes every robot", name)


def wait_until_heard(control: _core.Robot, spec: RobotSpec, port: str) -> None:
    """Wait until every joint has answered once. Raises BusError, naming those that did not."""
    silent = health.named(spec, control.wait_until_heard())
    if silent:
        raise BusError(
            f"no reading from {', '.join(silent)} of {spec.name} on {port}: "
            f"check power and the cable before that joint"
        )


def _devices(port: str) -> set[str]:
    parts = (part.rpartition("=")[2] for part in port.split(","))
    return {os.path.realpath(part) for part in parts if part}


def _checked_port(port: str | Mapping[str, str] | None, spec: RobotSpec) -> str:
    if not spec.arms:
        return backends.check_port(
            port if port is None or isinstance(port, str) else join_ports(port), spec.name
        )
    for device in split_ports(port or "", spec):
        backends.check_port(device, spec.name)
    return join_ports(port or "")
