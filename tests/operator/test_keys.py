"""Which bytes of a terminal stop the arm, which are handed on as keys, and which are no key at all."""

from __future__ import annotations

import contextlib
import os
import pty
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from virtual_arm import VirtualArm, quick_robot
from waiting import wait

from motorium._core import Mode, Reason
from motorium.cli import _record_view
from motorium.operator.marks import RECORD_KEYS
from motorium.operator.operator import Operator
from motorium.operator.terminal import ADVICE, END, STOP_KEYS, Terminal
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robot]:
    folder = tmp_path_factory.mktemp("robot")
    path = Path(quick_robot(folder))
    path.write_text(
        path.read_text(encoding="utf-8").replace("[control]", "[control]\nestop_hold_s = 0.0"),
        encoding="utf-8",
    )
    with (
        VirtualArm(SPEC) as arm,
        Robot.open(str(path), port=arm.emulator.port, calibration="nominal") as opened,
    ):
        yield opened


@pytest.fixture
def well(robot: Robot) -> Iterator[Robot]:
    """The robot, not stopped; and so again afterwards."""
    yield robot
    if robot.control.reason is Reason.ESTOP:
        robot.reset_estop()
        robot.enable()
    robot.control.take_keys()


def some_ticks(robot: Robot) -> None:
    ticks = robot.control.stats().ticks
    assert wait(lambda: robot.control.stats().ticks > ticks + 3)


def sent(robot: Robot, *bursts: bytes) -> tuple[bool, bytes]:
    """Whether the arm was stopped by these bursts, and what was handed on."""
    reader, writer = os.pipe()
    number = robot.control.watch_estop(reader, STOP_KEYS, hand_on=True)
    for burst in bursts:
        os.write(writer, burst)
        some_ticks(robot)
    robot.control.unwatch_estop(number)
    os.close(reader)
    os.close(writer)
    some_ticks(robot)
    return robot.control.reason is Reason.ESTOP, bytes(byte for _, byte in robot.control.take_keys())


@pytest.mark.parametrize(
    ("bursts", "handed_on"),
    [
        ([b"rq\r"], b"rq\r"),
        ([b"\x1b[A"], b""),  # an arrow
        ([b"\x1bOP", b"d"], b"d"),  # F1, then a letter of its own
        ([b"\x1b[1;5C\x1b[3~r"], b"r"),  # Control and an arrow, Delete
        ([b"\x1b[[A"], b""),  # F1 on the console of Linux
        ([b"\x1bO5d", b"d"], b"d"),  # rxvt: Control and an arrow ends in a letter
        ([b"\x1b[", b"200~", b"q"], b"q"),  # came apart after the bracket
        (["é".encode()], "é".encode()),
    ],
)
def test_what_does_not_stop(well: Robot, bursts: list[bytes], handed_on: bytes) -> None:
    assert sent(well, *bursts) == (False, handed_on)


@pytest.mark.parametrize(
    ("bursts", "handed_on"),
    [
        ([b" "], b""),
        ([b"\x1b"], b""),
        ([b"q \x1b[A"], b"q"),
        ([b"\x1bd"], b""),  # Alt and a letter: in doubt a stop, and never the letter
        ([b"\x1b\x1b[A"], b""),
        ([b"\x1b[ r"], b"r"),  # a space inside a sequence is a space
        ([b"\x1b", b"[A"], b""),  # came apart after Escape
        ([b"\x1b[\x1b"], b""),
        ([b"x" * 255 + b" "], b"x" * 255),
    ],
)
def test_what_stops(well: Robot, bursts: list[bytes], handed_on: bytes) -> None:
    assert sent(well, *bursts) == (True, handed_on)


def test_a_sequence_without_an_end_swallows_no_later_key(well: Robot) -> None:
    reader, writer = os.pipe()
    number = well.control.watch_estop(reader, STOP_KEYS, hand_on=True)
    os.write(writer, b"\x1b[1")
    time.sleep(0.6)
    os.write(writer, b"2q")
    some_ticks(well)
    well.control.unwatch_estop(number)
    assert bytes(byte for _, byte in well.control.take_keys()) == b"2q"
    os.close(reader)
    os.close(writer)


def test_inputs_come_and_go_without_end(well: Robot) -> None:
    """Four at a time; what is watched no longer may say, and lose, what it likes."""
    for _ in range(6):
        pipes = [os.pipe() for _ in range(4)]
        numbers = [well.control.watch_estop(reader) for reader, _ in pipes]
        assert len(set(numbers)) == 4
        with pytest.raises(ValueError, match="at most 4"):
            well.watch_estop(pipes[0][0])
        for number in numbers:
            well.control.unwatch_estop(number)
            well.control.unwatch_estop(number)
        for reader, writer in pipes:
            os.write(writer, b"!")
            os.close(writer)
            os.close(reader)
    well.control.unwatch_estop(99)
    some_ticks(well)
    assert well.control.reason is not Reason.ESTOP
    reader, writer = os.pipe()
    well.watch_estop(reader)
    os.close(writer)
    assert wait(lambda: well.control.reason is Reason.ESTOP, 1.0)
    well.control.unwatch_estop(0)
    os.close(reader)


def test_a_terminal_is_taken_and_given_back(well: Robot) -> None:
    keyboard, terminal = pty.openpty()
    before, said = termios.tcgetattr(terminal), []
    begin_ns = time.monotonic_ns()
    with Terminal(terminal, say=said.append) as owner:
        os.write(keyboard, b" \x1b\n")  # before it was said that they count
        with owner.watching(well) as watched:
            assert watched
            assert said == [ADVICE]
            assert not termios.tcgetattr(terminal)[3] & (termios.ICANON | termios.ECHO)
            os.write(keyboard, b"ab\r")
            assert wait(
                lambda: len(pressed := owner.presses()) == 3 and [p.key for p in pressed] == ["a", "b", END]
            )
            assert owner.presses() == []
            os.write(keyboard, b"\n")
            assert wait(lambda: [p.key for p in owner.presses()] == [END])
            assert not owner.stopped
        os.write(keyboard, b"\x1b")  # it is being parked
        assert wait(lambda: owner.stopped, 1.0)
        owner.unwatch()
    assert termios.tcgetattr(terminal) == before
    assert time.monotonic_ns() > begin_ns
    os.close(keyboard)
    os.close(terminal)


def test_presses_carry_the_time_at_which_the_control_thread_read_them(well: Robot) -> None:
    keyboard, terminal = pty.openpty()
    with Terminal(terminal) as owner, owner.watching(well):
        begin_ns = time.monotonic_ns()
        os.write(keyboard, b"n")
        some_ticks(well)
        end_ns = time.monotonic_ns()
        time.sleep(0.05)
        (press,) = owner.presses()
        assert begin_ns <= press.t_ns <= end_ns
        owner.unwatch()
    os.close(keyboard)
    os.close(terminal)


def test_another_reader_of_the_terminal_does_not_hold_the_control_thread_up(well: Robot) -> None:
    """`input()` in the main thread may take a key between the look and the read; the tick goes on."""
    keyboard, terminal = pty.openpty()
    with Terminal(terminal) as owner, owner.watching(well):
        missed = well.control.stats().missed
        for _ in range(20):
            os.write(keyboard, b"x")
            os.set_blocking(terminal, False)
            with contextlib.suppress(BlockingIOError):
                os.read(terminal, 1)
            some_ticks(well)
        assert well.control.stats().missed - missed < 40
        assert well.control.mode is Mode.HOLDING
        owner.unwatch()
    os.close(keyboard)
    os.close(terminal)


def test_letters_of_a_recording_decide_and_mark(
    well: Robot, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keyboard, terminal = pty.openpty()
    sampler: Any = SimpleNamespace(rows=5, rate_hz=20.0, writer=SimpleNamespace(rows=5, dropped={}))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    requests: list[str] = []

    def answered(watcher: _record_view.Silent) -> bool:
        request = watcher.watches(sampler)
        requests.extend([request] if request else [])
        return len(requests) == 4

    with Operator(terminal, keys=RECORD_KEYS) as operator, operator.watching(well):
        watcher, log = _record_view.watch(operator, silent=False), operator.log
        os.write(keyboard, b"rd\rxq")
        assert wait(lambda: answered(watcher))
        before_ns = time.monotonic_ns()
        os.write(keyboard, b"cnc")
        assert wait(lambda: answered(watcher) and len(log.events) == 3)
        operator.terminal.unwatch()
    os.close(keyboard)
    os.close(terminal)
    assert requests == ["redo", "discard", "keep", "quit"]
    assert [str(e.kind) for e in log.events] == ["contact", "subtask", "release"]
    assert all(before_ns < e.t_ns < time.monotonic_ns() for e in log.events)
    assert "5 rows, 20.0 Hz" in capsys.readouterr().out
