"""Put into words what the core found: a joint that fails the check before torque, the cause of a fault."""

from __future__ import annotations

from collections.abc import Sequence

from .. import _core
from .._core import (
    BusCounters,
    Cause,
    CoreStats,
    GateCauses,
    GuardBits,
    JointState,
    LatencyReport,
    LatencySetting,
    LoopStats,
    Problem,
    RealtimeStats,
    Reason,
)
from ..errors import BusError, MotoriumError, SafetyError
from ..specs.robot import RobotSpec
from ..specs.servo import MotorSpec
from .config import robot_joints

ANEW, AGAIN = "open the robot again", "give the command again"
"""The last remedy of all, in a program and in a shell."""


def emergency_stop() -> SafetyError:
    """Say that the arm was stopped at once, and how it may move again."""
    return SafetyError.with_remedy(
        "emergency stop: the arm stands still, then its torque goes off. Make sure that it may move, then",
        program="robot.reset_estop() and robot.enable(), or open the robot again",
        command=AGAIN,
    )


def self_check(spec: RobotSpec, reading: JointState) -> None:
    """Raise SafetyError, naming the joints, unless the arm may be given torque.

    Args:
        spec: the robot.
        reading: `robot.control.state()` with one entry per joint.
    """
    found = _core.self_check(
        robot_joints(spec),
        reading.position_rad,
        reading.voltage_v,
        reading.temperature_c,
        [int(bits) for bits in reading.status],
    )
    if found:
        raise _failed_self_check(spec, found)


def _failed_self_check(spec: RobotSpec, problems: Sequence[Problem]) -> SafetyError:
    found = "; ".join(_before_torque(spec, problem) for problem in problems)
    return SafetyError(f"{spec.name} failed its self-check, torque stays off: {found}")


def _before_torque(spec: RobotSpec, problem: Problem) -> str:
    """One clause: what is wrong with a joint, and what to do about it."""
    j = problem.joint or 0
    joint, motor, measured = spec.joints[j], MotorSpec.load(spec.motor_names[j]), problem.measured
    if problem.cause == Cause.SUPPLY:
        low, high = motor.min_supply_v, motor.max_supply_v
        return f"{joint.name} reports {measured:.1f} V ({low} to {high} V expected: check the supply)"
    if problem.cause == Cause.HEAT:
        return f"{joint.name} is at {measured:.0f} C (let it cool below {motor.hot_c:.0f} C)"
    if problem.cause == Cause.POSITION:
        return (
            f"{joint.name} is at {measured:.2f} rad, its range is {joint.lower_rad:.2f} to "
            f"{joint.upper_rad:.2f} (move it by hand, or calibrate the arm again)"
        )
    return f"{joint.name} reports {', '.join(motor.fault_names(problem.bits))}"


def named(spec: RobotSpec, problems: Sequence[Problem]) -> list[str]:
    """Return names of the joints that have one of these problems."""
    return [spec.joint_names[problem.joint] for problem in problems if problem.joint is not None]


def servo_faults(spec: RobotSpec, reading: JointState) -> dict[str, tuple[str, ...]]:
    """Return joint name -> names of the fault bits its servo reports, where there are any."""
    motors = [MotorSpec.load(name) for name in spec.motor_names]
    found = {
        name: motor.fault_names(int(bits))
        for name, motor, bits in zip(spec.joint_names, motors, reading.status, strict=False)
    }
    return {name: bits for name, bits in found.items() if bits}


def protection(spec: RobotSpec, stats: LoopStats) -> dict[str, tuple[str, ...]]:
    """Return joint name -> what the guard does or sees there; `stats` of the control thread."""
    found = {
        name: tuple(_core.words_of(bits))
        for name, bits in zip(spec.joint_names, stats.protection, strict=False)
    }
    return {name: words for name, words in found.items() if words}


def explain_stop(spec: RobotSpec, port: str, problems: Sequence[Problem], stats: LoopStats) -> MotoriumError:
    """Return the error that stands for an arm in fault or brought to rest by itself, with what to do.

    Args:
        spec: the robot.
        port: where its servos are.
        problems: `robot.control.why_stopped()`, not empty.
        stats: of the control thread.
    """
    cause = problems[0].cause
    if cause in _STOPS:
        return _STOPS[cause]()
    if cause == Cause.PROTECTION:
        return _protected(spec, problems)
    if cause == Cause.UNPLUGGED:
        return unplugged(port)
    if cause == Cause.JUMPED:
        return jumped(spec, problems)
    if cause == Cause.SILENT:
        return BusError(
            f"the servos on {port} no longer answer: check their power and the bus cable ({bus_counts(stats.bus)})"
        )
    if any(problem.cause == Cause.TORQUE_LOST for problem in problems):
        text = f"servos on {port} have stopped on their own ({_reported(spec, problems)}):"
        return BusError.with_remedy(text, program=ANEW, command=AGAIN)
    return _tripped(spec, problems, stats)


def bus_counts(bus: BusCounters) -> str:
    """Return what went wrong on a bus so far, for a message: "12 time-outs, 0 bad checksums"."""
    always = [(bus.timeouts, "time-outs"), (bus.crc_errors, "bad checksums")]
    others = [
        (bus.length_errors, "replies of a wrong length"),
        (bus.wrong_id, "replies of another servo"),
        (bus.late_replies, "late replies"),
        (bus.io_errors, "errors of the port"),
        (bus.refusals, "refused requests"),
    ]
    return ", ".join(f"{count} {what}" for count, what in [*always, *(one for one in others if one[0])])


def gate_counts(stats: CoreStats) -> str:
    """Return what the safety gate did so far, for a message: "2 goals clamped, 20 refused"."""
    return f"{stats.clamped} goals clamped, {stats.refused} refused"


def _reported(spec: RobotSpec, problems: Sequence[Problem]) -> str:
    """What servos report of themselves, joint by joint."""
    return "; ".join(
        _before_torque(spec, problem)
        for problem in problems
        if problem.cause in {Cause.SERVO_FAULT, Cause.TORQUE_LOST}
    )


def _protected(spec: RobotSpec, problems: Sequence[Problem]) -> SafetyError:
    """Of an arm brought to rest to protect its servos."""
    seen = "; ".join(
        f"{spec.joint_names[problem.joint]} is {', '.join(_core.words_of(GuardBits(problem.bits)))} "
        f"({problem.measured:.0f} C, {problem.low:.1f} V)"
        for problem in problems
        if problem.joint is not None
    )
    return SafetyError.with_remedy(
        f"{spec.name} went to its rest pose to protect its servos{': ' + seen if seen else ''}. Let it cool, check the "
        f"supply, and",
        program=ANEW,
        command=AGAIN,
    )


def _tripped(spec: RobotSpec, problems: Sequence[Problem], stats: LoopStats) -> SafetyError:
    causes = _core.words_of(GateCauses(problems[0].bits))
    text = f"the safety gate tripped: {', '.join(causes) or stats.reason}"
    reported = _reported(spec, problems)
    if reported:
        text += f"; {reported}"
    silent = ", ".join(
        f"{spec.joint_names[problem.joint]} ({problem.measured:.1f} s)"
        for problem in problems
        if problem.cause == Cause.STALE and problem.joint is not None
    )
    if silent:
        text += f"; no reply from {silent}: check the cable from that joint on"
    return SafetyError(text)


def unplugged(port: str) -> BusError:
    """Say that the port is gone, and how to go on."""
    return BusError.with_remedy(
        f"port {port} is gone: the cable or the adapter was unplugged. The servos keep their last goal: switch "
        f"their power off, plug in again, then",
        program="robot.reconnect() and robot.enable(), or open the robot again",
        command=AGAIN,
    )


def _unsupervised() -> SafetyError:
    return SafetyError.with_remedy(
        "the supervisor is gone (it was killed or stopped, or hangs): nothing would switch torque off if this program "
        "died, so the arm goes to its rest pose and torque goes off:",
        program=ANEW,
        command=AGAIN,
    )


def _frozen() -> SafetyError:
    return SafetyError.with_remedy(
        "the control thread did not run for more than 0.3 s (its process was stopped, as by Ctrl-Z, or the machine "
        "was overloaded), so the supervisor switched the torque off:",
        program=ANEW,
        command=AGAIN,
    )


_STOPS = {Cause.ESTOP: emergency_stop, Cause.UNSUPERVISED: _unsupervised, Cause.FROZEN: _frozen}


def jumped(spec: RobotSpec, problems: Sequence[Problem]) -> SafetyError:
    """Which readings jumped, by how much, and what to do before torque."""
    moved = [
        f"{spec.joint_names[problem.joint]} by {problem.measured:+.2f} rad"
        for problem in problems
        if problem.cause == Cause.JUMPED and problem.joint is not None
    ]
    return SafetyError.with_remedy(
        f"readings jumped: {', '.join(moved)}. The servo restarted and lost its count, or the arm was moved while it "
        "was not read. Torque stays off: compare the joint with its reading, calibrate again if "
        "they differ, then",
        program="robot.control.accept_position() and robot.enable()",
        command=AGAIN,
    )


def latency_advice(port: str, latency: LatencyReport) -> str:
    """Return what to do about a USB adapter that delays bytes; empty when it does not."""
    if latency.setting is not LatencySetting.REFUSED:
        return ""
    late = f" for {latency.timer_ms} ms" if latency.timer_ms > 0 else ""
    return (
        f"the adapter on {port} holds replies back{late} and refused the low-latency setting: write 1 to "
        f"/sys/bus/usb-serial/devices/<tty>/latency_timer, with a udev rule to make it permanent"
    )


def realtime_advice(granted: RealtimeStats) -> str:
    """Return what the system refused the control thread, and how to grant it; empty when all was granted.

    Args:
        granted: `robot.control.stats().realtime`.
    """
    refused = []
    if not granted.fifo:
        refused.append("real-time priority (/etc/security/limits.conf: '@dialout - rtprio 80')")
    if not granted.memory_locked:
        refused.append("memory locked in RAM (limits.conf: '@dialout - memlock 65536')")
    if granted.cpu >= 0 and not granted.pinned:
        refused.append(f"processor {granted.cpu} (does it exist, and do taskset and cgroup allow it?)")
    if not refused:
        return ""
    return f"the control thread runs without {', without '.join(refused)}; log in again after changing it"


def no_torque(spec: RobotSpec, problems: Sequence[Problem], stats: LoopStats) -> SafetyError:
    """Say why an arm was not given torque, as `robot.control.power_up` told it, and what to do; `stats` after that."""
    first = problems[0]
    if first.cause in {Cause.SUPPLY, Cause.HEAT, Cause.POSITION, Cause.SERVO_FAULT}:
        return _failed_self_check(spec, problems)
    if stats.reason is Reason.PARKING:
        return SafetyError(
            f"{spec.name} is on its way to rest, where its torque goes off: hold it first (robot.hold()), or wait and "
            "enable it then"
        )
    if first.cause == Cause.SETTING:
        return SafetyError(f"{spec.name} got no torque, and all torque is off: {first.note}")
    failures = int(stats.torque_failures)
    joints = (
        ", ".join(named(spec, problems)) or f"a servo that answers otherwise ({failures} attempts failed)"
    )
    return SafetyError(
        f"{spec.name} got no torque, and all torque is off: no confirmation from {joints}. Check the cable before "
        f"the first of them, its power, and whether that servo reports a fault (bus: {bus_counts(stats.bus)})"
    )


def missed_joints(spec: RobotSpec, stats: LoopStats) -> str:
    """Name the joints that the last motion did not bring to their goals, with both angles, for a message."""
    arrival, care = stats.arrival, protection(spec, stats)
    return ", ".join(
        f"{name} at {arrival.position_rad[j]:.2f} rad, goal {arrival.target_rad[j]:.2f}"
        + (f" ({', '.join(care[name])})" if name in care else "")
        for j, name in enumerate(spec.joint_names)
        if int(arrival.missed) >> j & 1
    )


def rest_problem(spec: RobotSpec, port: str, stats: LoopStats) -> MotoriumError | None:
    """Return what kept the arm from coming to rest as declared; None when nothing did."""
    if stats.reason is Reason.BUS_CLOSED:
        return unplugged(port)
    if stats.torque_stuck:
        return BusError(f"{spec.name} did not confirm that its torque is off: switch its power off")
    if stats.reason is Reason.PARK_TIMED_OUT:
        missed = missed_joints(spec, stats)
        where = missed or f"it was silent, or still moving, after {spec.exit.park_timeout_s:.1f} s"
        return SafetyError(
            f"{spec.name} did not reach its rest pose: {where}. Is something in its way? Torque is off now"
        )
    return None
