"""The likely cause of what is wrong on a servo bus, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .._core import LatencyReport, LatencySetting
from ..deprecated import TextEnum
from ..specs.servo import MotorSpec
from .ports import SerialPort, permission_advice
from .scan import BusScan, FoundServo

if TYPE_CHECKING:
    from ..specs.robot import RobotSpec

DISTURBED = 0.5
"""Share of bad reads from which a servo counts as disturbed."""
SUPPLY_TOLERANCE = 0.35
"""Of the nominal supply; a 12 V supply on a 7.4 V servo is 60 percent over."""
UDEV_FILE = "/etc/udev/rules.d/99-motorium.rules"


@dataclass(frozen=True)
class Expected:
    """A servo that should be there: joints of a robot, in the order of the cable."""

    joint: str
    id: int
    motor: str


def expected_servos(spec: RobotSpec) -> list[Expected]:
    """Return the servos that a robot of one arm should have, in joint order."""
    return [
        Expected(joint.name, joint.id, motor)
        for joint, motor in zip(spec.joints, spec.motor_names, strict=True)
    ]


class BusTrouble(TextEnum):
    """What is wrong on a servo bus, by short and stable texts."""

    PERMISSION = "permission"
    LATENCY_TIMER = "latency_timer"
    UDEV_RULE = "udev_rule"
    NO_POWER = "no_power"
    WRONG_BAUD = "wrong_baud"
    DUPLICATE_ID = "duplicate_id"
    NOISE = "noise"
    LOOSE_CABLE = "loose_cable"
    MISSING_SERVO = "missing_servo"
    STRAY_SERVO = "stray_servo"
    WRONG_MODEL = "wrong_model"
    WRONG_SUPPLY = "wrong_supply"
    HOT = "hot"
    MIXED_FIRMWARE = "mixed_firmware"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        cause: what.
        detail: what was seen.
        fix: what to do.
    """

    cause: BusTrouble
    detail: str
    fix: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "cause": str(self.cause)}


def udev_rule(port: SerialPort) -> str:
    """Return the rule that gives this adapter to its user, with a latency timer of 1 ms."""
    match = f'ATTRS{{serial}}=="{port.serial_number}"' if port.serial_number else 'SUBSYSTEMS=="usb"'
    return (
        f'SUBSYSTEM=="tty", {match}, MODE="0660", GROUP="dialout", TAG+="uaccess"\n'
        f'SUBSYSTEM=="usb-serial", {match}, ATTR{{latency_timer}}="1"'
    )


def rule_fix(port: SerialPort) -> str:
    """Return shell commands that install the rule."""
    quoted = udev_rule(port).replace("\n", "\\n")
    return f"printf '{quoted}\\n' | sudo tee {UDEV_FILE} && sudo udevadm control --reload && sudo udevadm trigger"


def diagnose_port(port: SerialPort) -> list[Finding]:
    """Return what keeps this user from using an adapter well, before anything is sent through it."""
    findings = []
    advice = permission_advice(port.tty)
    if advice:
        findings.append(
            Finding(BusTrouble.PERMISSION, f"{port.device} may not be opened by this user", advice)
        )
    if port.serial_number and port.device == port.tty:
        detail = f"{port.device} has no name that survives moving cables"
        findings.append(Finding(BusTrouble.UDEV_RULE, detail, rule_fix(port)))
    return findings


def diagnose_latency(port: SerialPort, latency: LatencyReport | None) -> list[Finding]:
    """Return what `BusScan.latency` says about the adapter."""
    if latency is None or latency.setting is not LatencySetting.REFUSED:
        return []
    timer = latency.timer_ms
    late = f"for {timer} ms" if timer > 0 else "for up to 16 ms"
    detail = f"{port.device} holds answers back {late} and refused the low-latency setting"
    return [Finding(BusTrouble.LATENCY_TIMER, detail, rule_fix(port))]


def diagnose(found: BusScan, expected: Sequence[Expected] = (), baud: int | None = None) -> list[Finding]:
    """Return what is wrong with the servos of a scan.

    Args:
        found: the scan.
        expected: who should be there, in the order of the cable; none: only what needs no expectation.
        baud: at which speed they should be.
    """
    if not found.servos:
        bauds = ", ".join(str(rate) for rate in found.bauds)
        detail = f"no servo answers on {found.port} (tried {bauds} baud)"
        fix = "switch the servos' own power on (USB does not feed them), then check the cable to the first servo"
        return [Finding(BusTrouble.NO_POWER, detail, fix)]
    findings = [*_disturbed(found.servos)]
    for servo in found.servos:
        findings += _health(servo)
    if baud is not None:
        findings += _speed(found.servos, baud)
    findings += _firmware(found.servos)
    return findings + list(_presence(found.servos, expected))


def _disturbed(servos: Sequence[FoundServo]) -> Iterator[Finding]:
    bad = [servo for servo in servos if servo.disturbed >= DISTURBED]
    if bad and len(bad) == len(servos) > 1:
        detail = "most answers of all servos are damaged"
        yield Finding(
            BusTrouble.NOISE, detail, "check the adapter, its ground wire and the supply; shorten the cable"
        )
        return
    for servo in bad:
        detail = f"answers of id {servo.id} are damaged or arrive twice, those of others do not"
        fix = (
            f"two servos have id {servo.id}: unplug all but one of them and give it another id with "
            "`motorium setup-motors`, then the next"
        )
        yield Finding(BusTrouble.DUPLICATE_ID, detail, fix)


def _health(servo: FoundServo) -> Iterator[Finding]:
    if not servo.model:
        return
    motor = MotorSpec.load(servo.model)
    if servo.voltage_v is not None:
        volts, nominal = servo.voltage_v, motor.supply_v
        inside = motor.min_supply_v <= volts <= motor.max_supply_v
        if not inside or abs(volts - nominal) > SUPPLY_TOLERANCE * nominal:
            low = volts < nominal
            fix = (
                "use a stronger supply and check its plug and cable"
                if low
                else f"check the label of the servo: its {nominal:g} V variant does not tolerate {volts:g} V"
            )
            detail = f"id {servo.id} ({motor.model}) reports {volts:g} V; {nominal:g} V is usual"
            yield Finding(BusTrouble.WRONG_SUPPLY, detail, fix)
    if servo.temperature_c is not None and servo.temperature_c > motor.hot_c:
        detail = f"id {servo.id} ({motor.model}) is at {servo.temperature_c:g} C"
        yield Finding(BusTrouble.HOT, detail, f"let it cool below {motor.hot_c:g} C")


def _speed(servos: Sequence[FoundServo], baud: int) -> Iterator[Finding]:
    for servo in servos:
        if servo.baud != baud:
            detail = f"id {servo.id} listens at {servo.baud} baud, not {baud}"
            yield Finding(
                BusTrouble.WRONG_BAUD, detail, f"set its speed to {baud} baud: motorium setup-motors"
            )


def _firmware(servos: Sequence[FoundServo]) -> Iterator[Finding]:
    """Servos of one model with different firmware: no reason to refuse, a reason to look when one behaves oddly."""
    for model in sorted({servo.model for servo in servos if servo.model and servo.firmware}):
        versions: dict[str, list[int]] = {}
        for servo in servos:
            if servo.model == model and servo.firmware:
                versions.setdefault(servo.firmware, []).append(servo.id)
        if len(versions) > 1:
            each = "; ".join(
                f"{version} on id {', '.join(map(str, ids))}" for version, ids in versions.items()
            )
            detail = f"{model} servos have different firmware: {each}"
            yield Finding(
                BusTrouble.MIXED_FIRMWARE,
                detail,
                "this may be fine; update the odd ones if they behave differently",
            )


def _presence(servos: Sequence[FoundServo], expected: Sequence[Expected]) -> Iterator[Finding]:
    here = {servo.id: servo for servo in servos}
    missing = [entry for entry in expected if entry.id not in here]
    for entry in expected:
        servo = here.get(entry.id)
        if servo is None or servo.model_number is None:
            continue
        motor = MotorSpec.load(entry.motor)
        if servo.model_number != motor.model_number:
            detail = (
                f"{entry.joint} (id {entry.id}) is a {servo.model or servo.model_number}, not a {motor.model}"
            )
            yield Finding(
                BusTrouble.WRONG_MODEL,
                detail,
                "is this the right robot, or the leader instead of the follower?",
            )
    tail = list(expected[len(expected) - len(missing) :]) if missing else []
    if missing and missing == tail and len(missing) < len(expected):
        last = expected[len(expected) - len(missing) - 1]
        silent = ", ".join(entry.joint for entry in missing)
        detail = f"everything after {last.joint} (id {last.id}) is silent: {silent}"
        fix = f"reseat the cable from {last.joint} to {missing[0].joint} at both ends"
        yield Finding(BusTrouble.LOOSE_CABLE, detail, fix)
    else:
        for entry in missing:
            detail = f"{entry.joint} (id {entry.id}) does not answer, but servos after it do"
            yield Finding(
                BusTrouble.MISSING_SERVO,
                detail,
                "it has another id, or is broken: scan with it alone on the bus",
            )
    known = {entry.id for entry in expected}
    for servo in servos:
        if expected and servo.id not in known:
            detail = f"id {servo.id} answers but belongs to no joint"
            yield Finding(
                BusTrouble.STRAY_SERVO,
                detail,
                "a new servo keeps its factory id 1 until `motorium setup-motors` gives it its own",
            )
