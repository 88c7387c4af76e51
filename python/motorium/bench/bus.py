"""What a cycle of the servo bus costs, against other drivers and against the wire itself.

Six virtual servos answer on a pseudo-terminal. A cycle reads position, speed and load of all (motorium reads voltage,
temperature and status with them) and writes a goal to all.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import _core
from ..motors.emulated import emulate
from ..robots.bus import bus_config, open_joints
from ..runtime.priority import real_time
from ..specs.robot import RobotSpec
from ..specs.zero import JointZero
from .machine import machine
from .peers.servo_buses import ABSENT_ID, installed

BAUD = 1_000_000
BIT_US, BITS_PER_BYTE = 1e6 / BAUD, 10
PEER_HINT = "no peer: pip install 'motorium[bench]' brings {} kit; LeRobot is taken when it is installed"
CONTROL_PRIORITY = 60
"""Of the control thread (`LoopConfig`)."""
LOST_EVERY = 61
"""Replies; more than the plain reads that follow a broken Fast Sync Read, so that every loss meets a fast one."""


@dataclass(frozen=True)
class Contest:
    """What is measured of one protocol.

    Attributes:
        robot: whose chain it is.
        kit: whose kit is the peer.
        cycle_bytes: of the requests and replies of one cycle, for the chain and for each servo of it.
        peer_motor: of the whole chain of a peer, where one checks every servo's model; empty: the robot's own.
    """

    robot: str
    kit: str
    cycle_bytes: tuple[int, int]
    peer_motor: str = ""


CONTESTS = {
    # Request 8 + J, replies J * (6 + 10), sync write 8 + 3 J.
    "feetech": Contest("so101", "Feetech's", (8 + 8, 1 + 16 + 3)),
    # Fast Sync Read request 14 + J, one reply 8 + J * (4 + 10), sync write 14 + 5 J.
    "dynamixel": Contest("koch_follower", "ROBOTIS'", (14 + 8 + 14, 1 + 14 + 5), "xl330_m288"),
}
"""By protocol."""


@dataclass(frozen=True)
class Effort:
    """How long to measure: `rounds` in which every driver runs `cycles`, `losses` lost replies, `waits` for nobody."""

    rounds: int = 15
    cycles: int = 200
    losses: int = 15
    waits: int = 20


QUICK = Effort(rounds=3, cycles=50, losses=3)


def wire_limit_us(protocol: str, servos: int) -> float:
    """Return the wire time of one cycle at 1 Mbps, 8N1, without return delays, which nothing can beat."""
    chain, each = CONTESTS[protocol].cycle_bytes
    return (chain + each * servos) * BITS_PER_BYTE * BIT_US


class Ours:
    """motorium's driver of a robot on virtual servos."""

    def __init__(self, protocol: str) -> None:
        """Open the chain of the robot of `protocol`."""
        self.spec = RobotSpec.load(CONTESTS[protocol].robot)
        self.ids = [joint.id for joint in self.spec.joints]
        self.emulator = emulate(self.ids, self.spec.motor_names)
        zeros = [JointZero(joint.zero_ticks, joint.sign) for joint in self.spec.joints]
        config = bus_config(self.spec, zeros)
        config.health_period_s = 60.0  # one servo's slow values every 50 ms are no part of the cycle
        self.bus = open_joints(self.emulator.port, config)
        self.readings = _core.JointState()
        self.bus.read_state(self.readings)
        self._goal = _gated(self.spec, self.readings.position_rad)

    def cycle(self) -> _core.BusStatus:
        """Read everything, write every goal, and return the status of the read."""
        status = self.bus.read_state(self.readings)
        self.bus.write_goal(self._goal)
        return status


def _gated(spec: RobotSpec, position_rad: Any) -> _core.GatedGoal:
    """Return the measured position as a goal; only the gate can make one."""
    joints = len(spec.joints)
    gate = _core.SafetyGate(
        _core.LimitsConfig(
            lower_rad=[-7.0] * joints, upper_rad=[7.0] * joints, max_velocity_rad_s=[1.0] * joints,
            max_acceleration_rad_s2=[1.0] * joints, max_effort=[1.0] * joints, dt_s=0.005,
            max_state_age_s=1.0, max_command_age_s=1.0, trip_after=3,
        )
    )  # fmt: skip
    gate.arm(position_rad)
    return gate.apply(position_rad, position_rad, [0.0] * joints, 1, 1, 1)[0]


def _times_us(cycle: Callable[[], object], count: int) -> list[float]:
    """Wall time of each call."""
    times = []
    for _ in range(count):
        begin = time.perf_counter_ns()
        cycle()
        times.append((time.perf_counter_ns() - begin) * 1e-3)
    return times


def _race(contenders: Mapping[str, Callable[[], object]], effort: Effort) -> dict[str, list[float]]:
    """Median microseconds per cycle and round, contenders in turn."""
    medians: dict[str, list[float]] = {name: [] for name in contenders}
    for cycle in contenders.values():
        _times_us(cycle, 20)
    names = list(contenders)
    for number in range(effort.rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            medians[name].append(statistics.median(_times_us(contenders[name], effort.cycles)))
    return medians


def _cpu_share(wait: Callable[[], object], count: int) -> float:
    """Share of a processor that this thread used while it waited."""
    wait()
    wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
    for _ in range(count):
        wait()
    return (time.thread_time_ns() - cpu) / (time.perf_counter_ns() - wall)


def _waiting(ours: Ours, protocol: str, count: int) -> float:
    """CPU share of our driver while it waits for a servo that is not there."""
    emulator = emulate(ours.ids[:1], ours.spec.motor_names[:1])
    raw = _core.ServiceBus(protocol, emulator.port, BAUD, 20_000)
    return _cpu_share(lambda: raw.ping(ABSENT_ID), count)


def _lost_reply_us(ours: Ours, servo: int, normal_us: float, losses: int) -> float:
    """Return what a tick costs in which one servo's reply is lost, beyond a normal one; the median."""
    ours.emulator.set_fault(_core.ServoFault.DROP, servo_id=servo, period=LOST_EVERY)
    costs: list[float] = []
    while len(costs) < losses:
        before = ours.emulator.stats().faults
        begin = time.perf_counter_ns()
        ours.cycle()
        took_us = (time.perf_counter_ns() - begin) * 1e-3
        if ours.emulator.stats().faults > before:  # not one that this computer was late for
            costs.append(took_us - normal_us)
    ours.emulator.set_fault(_core.ServoFault.NONE)
    return statistics.median(costs)


def _on_the_wire(ours: Ours, protocol: str, effort: Effort) -> dict[str, Any]:
    """Cycles back to back while every byte takes its time at 1 Mbps."""
    ours.emulator.set_wire(BAUD)
    with real_time(CONTROL_PRIORITY):
        _times_us(ours.cycle, 100)
        wire_us = statistics.median(_times_us(ours.cycle, effort.rounds * effort.cycles // 2))
        ends = (ours.ids[0], ours.ids[-1])
        lost_us = max(_lost_reply_us(ours, servo, wire_us, effort.losses) for servo in ends)
    limit_us = wire_limit_us(protocol, len(ours.ids))
    return {
        "wire_us": round(wire_us, 1),
        "wire_limit_us": round(limit_us, 1),
        "vs_wire_limit": round(wire_us / limit_us, 4),
        "lost_reply_us": round(lost_us, 1),
    }


def measure_protocol(protocol: str, effort: Effort) -> dict[str, Any]:
    """Return the figures of one protocol; see `measure`."""
    ours = Ours(protocol)
    emulators: list[_core.ServoEmulator] = []

    def port_of() -> str:
        emulators.append(emulate(ours.ids, _peer_motors(ours, protocol)))
        return emulators[-1].port

    with contextlib.ExitStack() as stack:
        peers = stack.enter_context(installed(protocol, port_of, ours.ids))
        medians = _race({"motorium": ours.cycle, **{peer.name: peer.cycle for peer in peers}}, effort)
        waits = {peer.name: _cpu_share(peer.wait, 5) for peer in peers}
    figures = _against(medians, waits, protocol)
    figures["cpu_share_waiting"] = round(_waiting(ours, protocol, effort.waits), 4)
    return {**figures, **_on_the_wire(ours, protocol, effort)}


def _peer_motors(ours: Ours, protocol: str) -> Sequence[str]:
    """LeRobot checks every servo's model; one model on the whole chain suits all peers."""
    motor = CONTESTS[protocol].peer_motor
    return [motor] * len(ours.ids) if motor else ours.spec.motor_names


def _against(
    medians: Mapping[str, Sequence[float]], waits: Mapping[str, float], protocol: str
) -> dict[str, Any]:
    own = medians["motorium"]
    others = {
        name: {
            "cycle_us": round(statistics.median(times), 1),
            "vs_peer": round(statistics.median(a / b for a, b in zip(own, times, strict=True)), 4),
            "cpu_share_waiting": round(waits[name], 4),
        }
        for name, times in medians.items()
        if name != "motorium"
    }
    first = next(iter(others), None)
    return {
        "cycle_us": round(statistics.median(own), 1),
        "peer_cycle_us": others[first]["cycle_us"] if first else None,
        "vs_peer": others[first]["vs_peer"] if first else None,
        "peer": first,
        "peers": others,
        "note": None if first else PEER_HINT.format(CONTESTS[protocol].kit),
    }


def measure(effort: Effort | None = None) -> dict[str, Any]:
    """Measure both protocols; returns JSON values.

    Returns:
        `protocols`: by name `cycle_us` and `peer_cycle_us`, median wall microseconds of a cycle without wire time;
        `vs_peer`, their ratio within each round, median: below 1 is faster; `peer`, who that is, `peers`, all that
        were found, `note`, what is missing. `cpu_share_waiting`: of one processor, while a servo does not answer.
        `wire_us`: a cycle with the wire at 1 Mbps, `wire_limit_us`: its bytes alone. `lost_reply_us`: what a tick
        costs more in which the first or the last servo's reply is lost. `machine`.
    """
    effort = effort or Effort()
    return {
        "protocols": {protocol: measure_protocol(protocol, effort) for protocol in CONTESTS},
        "machine": machine(threads=1),
    }
