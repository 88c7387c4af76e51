"""Put into words what the core found: a joint that fails the check before torque, the cause of a fault."""

from __future__ import annotations

from collections.abc import Sequence

from .. import _core
from .._core import (
    BusCounters,
    Cause,
    CoreStats,
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
REMEDIES = {
    Cause.SUPPLY: "check the supply",
    Cause.HEAT: "let it cool",
    Cause.POSITION: "move it by hand, or calibrate the arm again",
    Cause.STALE: "check the cable from that joint on",
}
"""What to do about one joint."""
AFTER_REST = {
    Cause.PROTECTION: ". The arm went to its rest pose. Let it cool, check the supply, and",
    Cause.UNSUPERVISED: " (it was killed or stopped, or hangs): nothing would switch torque off if this program died, "
    "so the arm goes to its rest pose and torque goes off:",
    Cause.FROZEN: " (its process was stopped, as by Ctrl-Z, or the machine was overloaded): the supervisor switched "
    "the torque off:",
}
"""What such a cause has brought about, and what to do before the last remedy of all."""


def clauses(spec: RobotSpec, problems: Sequence[Problem]) -> str:
    """Return what is wrong in the core's words, which name the joints, and what to do about each joint."""
    config = _core.RobotConfig()
    config.name, config.joints = spec.name, robot_joints(spec)
    said = []
    for problem in problems:
        remedy = REMEDIES.get(problem.cause)
        said.append(_core.describe([problem], config) + (f" ({remedy})" if remedy else ""))
    return "; ".join(said)


def _of_whole(name: str, cause: Cause) -> str:
    """Return the core's words for a cause of the whole arm."""
    config = _core.RobotConfig()
    config.name = name
    return _core.describe([Problem(cause)], config)


def emergency_stop(name: str = "") -> SafetyError:
    """Say that the arm of this name was stopped at once, and how it may move again."""
    return SafetyError.with_remedy(
        f"{_of_whole(name, Cause.ESTOP)}: it stands still, then its torque goes off. Make sure that it may move, then",
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
    return SafetyError(f"{spec.name} failed its self-check, torque stays off: {clauses(spec, problems)}")


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
    cause, said = problems[0].cause, clauses(spec, problems)
    if cause == Cause.ESTOP:
        return emergency_stop(spec.name)
    if cause == Cause.UNPLUGGED:
        return unplugged(spec, port)
    if cause == Cause.JUMPED:
        return jumped(spec, problems)
    if cause in AFTER_REST:
        return SafetyError.with_remedy(said + AFTER_REST[cause], program=ANEW, command=AGAIN)
    if cause == Cause.SILENT:
        return BusError(
            f"{said}: check the power and the bus cable of the servos on {port} ({bus_counts(stats.bus)})"
        )
    if any(problem.cause == Cause.TORQUE_LOST for problem in problems):
        return BusError.with_remedy(f"{said} (servos on {port}):", program=ANEW, command=AGAIN)
    return SafetyError(said)


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


def unplugged(spec: RobotSpec, port: str) -> BusError:
    """Say that the port is gone, and how to go on."""
    return BusError.with_remedy(
        f"{_of_whole(spec.name, Cause.UNPLUGGED)}: {port} is gone, its cable or adapter was unplugged. "
        f"The servos keep their last goal: switch their power off, plug in again, then",
        program="robot.reconnect() and robot.enable(), or open the robot again",
        command=AGAIN,
    )


def jumped(spec: RobotSpec, problems: Sequence[Problem]) -> SafetyError:
    """Which readings jumped, by how much, and what to do before torque."""
    return SafetyError.with_remedy(
        f"{clauses(spec, problems)}. The servo restarted and lost its count, or the arm was moved while it "
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
    if problems[0].cause in {Cause.SUPPLY, Cause.HEAT, Cause.POSITION, Cause.SERVO_FAULT}:
        return _failed_self_check(spec, problems)
    if stats.reason is Reason.PARKING:
        return SafetyError.with_remedy(
            f"{spec.name} is on its way to rest, where its torque goes off:",
            program="hold it first (robot.hold()), or wait and enable it then",
            command=f"wait, then {AGAIN}",
        )
    text = f"{spec.name} got no torque, and all torque is off: {clauses(spec, problems)}"
    if problems[0].cause == Cause.SETTING:
        return SafetyError(text)
    return SafetyError(
        f"{text}. Check the cable before the first such joint, its power, and whether that servo reports a fault "
        f"(bus: {bus_counts(stats.bus)})"
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
        return unplugged(spec, port)
    if stats.torque_stuck:
        return BusError(f"{spec.name} did not confirm that its torque is off: switch its power off")
    if stats.reason is Reason.PARK_TIMED_OUT:
        missed = missed_joints(spec, stats)
        where = missed or f"it was silent, or still moving, after {spec.exit.park_timeout_s:.1f} s"
        return SafetyError(
            f"{spec.name} did not reach its rest pose: {where}. Is something in its way? Torque is off now"
        )
    return None
