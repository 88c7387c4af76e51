"""Giving servos their ids and their speed, one after the other, as they come from the factory.

A new servo has id 1, so two of them on one bus answer over each other: each is connected without other new ones. Servos
that have their id and speed may stay connected, which makes a set-up that was broken off go on where it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .. import _core
from ..errors import BusError, SpecError
from ..specs.servo import MotorSpec, Register
from ..specs.servo_family import FAMILIES
from .bauds import FACTORY_ID, baud_code
from .bus_errors import bus_errors
from .diagnosis import DISTURBED, Expected
from .scan import ALL_IDS, BusScan, FoundServo, Link, scan

PATIENCE_S, SLOW_PATIENCE_S = 0.006, 0.02
"""How long an answer may take beyond wire time; longer on an adapter that refused to give up its 16 ms timer."""
ATTEMPTS = 3
LOOKS_AGAIN = 4
"""At a servo whose answers were disturbed, before it counts as two."""


@dataclass(frozen=True)
class Survey:
    """Who is on the bus, sorted.

    Attributes:
        done: joint -> its servo, with the right id, speed and model.
        new: servos that belong to no joint yet; one of id 1 is new while other joints have no servo.
    """

    done: dict[str, FoundServo]
    new: tuple[FoundServo, ...]


class ServoSetUp:
    """The servos of one arm while they get their ids.

    Attributes:
        finished: joints whose servo was set up by this object; they need not stay connected.
    """

    def __init__(self, port: str, expected: Sequence[Expected], baud: int) -> None:
        """Know the joints of an arm and the speed of its bus; touches nothing.

        Raises SpecError: the motors speak no protocol whose ids can be given here, or cannot have that speed.
        """
        self.port, self.expected, self.baud = port, tuple(expected), baud
        self.protocol = MotorSpec.load(self.expected[0].motor).protocol
        self.finished: set[str] = set()
        baud_code(self.protocol, baud)
        self._patience_s: float | None = None
        self._rest = [rate for rate in FAMILIES[self.protocol].baud_codes if rate != baud]

    def scan(self) -> BusScan:
        """Ask every id at every speed that these servos can have; about ten seconds. Raises BusError."""
        return self._scan(ALL_IDS)

    def look(self) -> Survey:
        """Look for the ids of this arm and of new servos at every speed, then, without a new servo, for all ids."""
        survey = self.glance()
        return survey if survey.new or not self.pending(survey) else self.sort(self.scan().servos)

    def glance(self) -> Survey:
        """Ask the ids of this arm and of new servos alone, at every speed. Raises BusError."""
        likely = {FACTORY_ID, *(entry.id for entry in self.expected)}
        return self.sort(self._scan(sorted(likely)).servos)

    def sort(self, servos: Iterable[FoundServo]) -> Survey:
        """Tell the servos that are set up from those that are new."""
        by_id = {entry.id: entry for entry in self.expected}
        done: dict[str, FoundServo] = {}
        new = []
        for servo in servos:
            entry = by_id.get(servo.id)
            if entry is not None and self._is_right(servo, entry):
                done[entry.joint] = servo
            else:
                new.append(servo)
        first = by_id.get(FACTORY_ID)
        others = {entry.joint for entry in self.expected if entry is not first}
        if first is not None and first.joint in done and not others <= {*done, *self.finished}:
            new.append(done.pop(first.joint))  # it may be new: it has the id that every new one has
        return Survey(done, tuple(new))

    def pending(self, survey: Survey) -> list[Expected]:
        """Return joints without a servo, the one with the factory id last, so that it can stay connected."""
        left = [entry for entry in self.expected if entry.joint not in {*survey.done, *self.finished}]
        return sorted(left, key=lambda entry: -entry.id)

    def choose(self, survey: Survey, joint: str | None = None) -> tuple[Expected, FoundServo]:
        """Return the joint that is next and the servo for it.

        Args:
            survey: who is there.
            joint: its name; None: by the servo's id if it has the one of a joint, else the next in `pending`.

        Raises:
            SpecError: no such joint. BusError: no new servo, more than one, another model, or an id in use.
        """
        servo = self._only_new(survey, joint)
        entry = self._entry(joint) if joint is not None else self._next(survey, servo)
        holder = survey.done.get(entry.joint)
        if holder is not None and holder != servo:
            raise BusError(
                f"id {entry.id} is in use: a servo at {holder.baud} baud already has it, as {entry.joint}. Unplug "
                "that one first, or name another joint"
            )
        motor = MotorSpec.load(entry.motor)
        if servo.model_number != motor.model_number:
            raise BusError(
                f"{entry.joint} needs a {motor.model} (model {motor.model_number}), connected is "
                f"{servo.model or 'an unknown servo'} (model {servo.model_number}): is it the servo of another "
                "joint? If the arm is built with it, declare it in a robot TOML of your own"
            )
        return entry, servo

    def give(self, entry: Expected, servo: FoundServo) -> FoundServo:
        """Give a servo the id of `entry` and the speed of the bus, and read both back.

        Interrupted at any point it leaves a servo that `look` finds and that can be given the same again.

        Raises BusError: it has torque, does not confirm, or another one answers over it.
        """
        motor = MotorSpec.load(entry.motor)
        with bus_errors():
            link = _open(self.protocol, self.port, servo.baud)
            self._must_be_off(link, servo, motor)
            _put(link, servo.id, motor, "lock", 0)
            if servo.id != entry.id:
                _put(link, servo.id, motor, "id", entry.id, answers_as=entry.id)
            code = baud_code(self.protocol, self.baud)
            if servo.baud != self.baud:
                link.configure(entry.id, *_bytes(motor, "baud_rate", code))
            del link
            link = _open(self.protocol, self.port, self.baud)
            _expect(link, entry.id, motor, "id", entry.id)
            _expect(link, entry.id, motor, "baud_rate", code)
            _put(link, entry.id, motor, "lock", 1)
            del link
        found = self._settled(entry, servo)
        self.finished.add(entry.joint)
        return found

    def _settled(self, entry: Expected, servo: FoundServo) -> FoundServo:
        """Return the servo as it answers now; two that have been given the same id never answer cleanly."""
        found = self._clean_look(entry.id, self.baud)
        if found is None:
            raise BusError(
                f"{entry.joint}: answers of id {entry.id} have been damaged since it was set: two connected servos "
                f"had id {servo.id}, and both now have {entry.id}. Connect one of them alone"
            )
        return found

    def _clean_look(self, servo: int, baud: int) -> FoundServo | None:
        """Return the servo as read undisturbed: a busy machine disturbs some reads, a second servo disturbs all."""
        for _ in range(LOOKS_AGAIN):
            found = self._scan_once([servo], [baud], SLOW_PATIENCE_S).servos
            if found and found[0].disturbed < DISTURBED:
                return found[0]
        return None

    def _scan(self, ids: Iterable[int], bauds: Sequence[int] | None = None) -> BusScan:
        found = self._scan_once(ids, (self.baud, *self._rest) if bauds is None else bauds, self._patience())
        servos = [
            servo if servo.disturbed < DISTURBED else self._clean_look(servo.id, servo.baud) or servo
            for servo in found.servos
        ]
        return replace(found, servos=tuple(servos))

    def _scan_once(self, ids: Iterable[int], bauds: Sequence[int], patience_s: float) -> BusScan:
        return scan(
            self.port,
            protocols=[self.protocol],
            bauds=bauds,
            ids=ids,
            patience_s=patience_s,
            stop_after=lambda _found: False,
        )

    def _patience(self) -> float:
        if self._patience_s is None:
            with bus_errors():
                slow = (
                    _open(self.protocol, self.port, self.baud).latency().setting
                    is _core.LatencySetting.REFUSED
                )
            self._patience_s = SLOW_PATIENCE_S if slow else PATIENCE_S
        return self._patience_s

    def _is_right(self, servo: FoundServo, entry: Expected) -> bool:
        number = MotorSpec.load(entry.motor).model_number
        return servo.baud == self.baud and servo.model_number == number and servo.disturbed < DISTURBED

    def _only_new(self, survey: Survey, joint: str | None) -> FoundServo:
        present = list(survey.new)
        if not present and joint is not None and len(survey.done) == 1:
            present = list(
                survey.done.values()
            )  # one that is set up for another joint, and meant for this one
        if not present:
            raise BusError(
                f"no new servo answers on {self.port}: check its cable and the supply of the servos"
            )
        doubled = [servo for servo in present if servo.disturbed >= DISTURBED]
        if doubled:
            raise BusError(
                f"answers of id {doubled[0].id} at {doubled[0].baud} baud are damaged: several servos with this id "
                "are connected, as new ones all have id 1. Connect one new servo at a time"
            )
        if len(present) > 1:
            each = ", ".join(f"id {servo.id} at {servo.baud} baud" for servo in present)
            raise BusError(
                f"{len(present)} servos without a joint are connected ({each}): connect one at a time"
            )
        return present[0]

    def _next(self, survey: Survey, servo: FoundServo) -> Expected:
        left = self.pending(survey)
        named = [entry for entry in left if entry.id == servo.id != FACTORY_ID]
        if not left:
            raise BusError(
                f"every joint has its servo; id {servo.id} at {servo.baud} baud belongs to none: unplug it"
            )
        return named[0] if named else left[0]

    def _entry(self, joint: str) -> Expected:
        for entry in self.expected:
            if entry.joint == joint:
                return entry
        raise SpecError(f"no joint {joint!r}; valid: {', '.join(entry.joint for entry in self.expected)}")

    def _must_be_off(self, link: Link, servo: FoundServo, motor: MotorSpec) -> None:
        register = motor.register("torque_enable")
        data = _read(link, servo.id, register)
        if data is None or register.decode(data) != 0:
            state = "does not answer" if data is None else "has torque"
            raise BusError(f"servo {servo.id} {state}: switch its power off and on again, then continue")


def _open(protocol: str, port: str, baud: int) -> Link:
    return Link(protocol, port, baud, round(SLOW_PATIENCE_S * 1e6))


def _bytes(motor: MotorSpec, name: str, value: int) -> tuple[int, bytes]:
    register = motor.register(name)
    return register.address, register.encode(value)


def _read(link: Link, servo: int, register: Register) -> bytes | None:
    for _ in range(ATTEMPTS):
        data = link.read(servo, register.address, register.size)
        if data is not None:
            return data
    return None


def _put(
    link: Link, servo: int, motor: MotorSpec, name: str, value: int, *, answers_as: int | None = None
) -> None:
    """Write one register where the motor has it, and read it back from the id that answers then."""
    if name not in motor.registers:  # not all servos have a lock
        return
    address, data = _bytes(motor, name, value)
    now = servo if answers_as is None else answers_as
    for _ in range(ATTEMPTS):
        link.configure(servo, address, data)
        if _read(link, now, motor.register(name)) == data:
            return
    raise BusError(f"servo {servo} did not confirm {name} = {value}; connect it alone and run this again")


def _expect(link: Link, servo: int, motor: MotorSpec, name: str, value: int) -> None:
    register = motor.register(name)
    data = _read(link, servo, register)
    if data is None or register.decode(data) != value:
        shown = "nothing" if data is None else str(register.decode(data))
        raise BusError(
            f"servo {servo} shows {shown} as {name}, not {value}; connect it alone and run this again"
        )
