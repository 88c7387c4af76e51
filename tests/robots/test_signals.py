"""Signals while arms are open: one guard per process, the program's own handlers chained, whoever opens or closes."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from virtual_arm import VirtualArm, quick_robot
from waiting import wait

import motorium
from motorium.errors import SafetyError
from motorium.robots.robot import Robot
from motorium.robots.signals import GUARD, SIGNALS
from motorium.specs.robot import RobotSpec
from motorium.teleop.leader import open_leader
from motorium.types import Frame

SPEC = RobotSpec.load("so101")
QUICK = quick_robot(Path(tempfile.mkdtemp()))
SOURCES = str(Path(motorium.__file__).parents[1])


@pytest.fixture(autouse=True)
def handlers() -> Iterator[list[object]]:
    """What the program had before; it must have it again afterwards."""
    before = [signal.getsignal(number) for number in (*SIGNALS, signal.SIGTTOU)]
    yield before
    assert [signal.getsignal(number) for number in (*SIGNALS, signal.SIGTTOU)] == before
    assert GUARD.arms == []


@pytest.fixture
def arm() -> Iterator[VirtualArm]:
    with VirtualArm(SPEC) as virtual:
        yield virtual


def light() -> Robot:
    """A robot that comes to rest at once: a leader has no torque."""
    return open_leader("sim:so101_leader")


def send(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.01)


@pytest.fixture
def own_handler() -> Iterator[Callable[[int], list[int]]]:
    restore: dict[int, object] = {}

    def install(number: int) -> list[int]:
        called: list[int] = []
        restore[number] = signal.signal(number, lambda which, _frame: called.append(which))
        return called

    yield install
    for number, handler in restore.items():
        signal.signal(number, handler)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_handler_of_the_program_is_called_and_decides(
    number: int, own_handler: Callable[[int], list[int]]
) -> None:
    called = own_handler(number)
    mine = signal.getsignal(number)
    with light():
        send(number)
        assert called == [number]
    assert signal.getsignal(number) is mine
    signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)


def test_during_the_park_the_programs_handler_waits_and_is_called_once(
    arm: VirtualArm, own_handler: Callable[[int], list[int]]
) -> None:
    called = own_handler(signal.SIGTERM)
    limp_when_called: list[bool] = []
    signal.signal(
        signal.SIGTERM, lambda *_: (called.append(15), limp_when_called.append(not arm.torque.any()))
    )
    with Robot.open(QUICK, port=arm.emulator.port, calibration="nominal") as robot:
        robot.move_to({"elbow_flex": 1.2})
        for delay_s in (0.1, 0.2):
            threading.Timer(delay_s, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert called == [15]
    assert limp_when_called == [True]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_a_handler_set_while_the_arm_is_open_stays_and_cannot_break_the_park(arm: VirtualArm) -> None:
    def leave(_number: int, _frame: object) -> None:
        raise RuntimeError("told to leave")

    with (  # noqa: PT012
        pytest.raises(RuntimeError, match="told to leave"),
        Robot.open(QUICK, port=arm.emulator.port, calibration="nominal") as robot,
    ):
        signal.signal(signal.SIGTERM, leave)
        robot.move_to({"elbow_flex": 1.2})
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert not arm.torque.any()
    assert signal.getsignal(signal.SIGTERM) is leave
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_asyncio_hears_its_signals(handlers: list[object]) -> None:
    del handlers

    async def serve() -> str:
        told = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
        with light():
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(told.wait(), 5.0)
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        return "told"

    assert asyncio.run(serve()) == "told"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_the_last_arm_gives_the_handlers_back_in_any_order(order: tuple[int, ...]) -> None:
    robots = [light() for _ in order]
    for robot in robots:
        robot.__enter__()
    for at in order:
        assert len(GUARD.arms) > 0
        with pytest.raises(SystemExit) as caught:
            send(signal.SIGTERM)
        assert caught.value.code == 128 + signal.SIGTERM
        robots[at].close()
        robots[at].close()  # again is nothing
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)


def test_closed_by_another_thread_ctrl_c_works_and_handlers_come_back() -> None:
    robot = light().__enter__()
    failed: list[BaseException] = []

    def close() -> None:
        try:
            robot.close()
        except BaseException as error:  # noqa: BLE001 - told by the assertion
            failed.append(error)

    thread = threading.Thread(target=close)
    thread.start()
    thread.join()
    assert failed == []
    with pytest.raises(KeyboardInterrupt):  # Python lets only the main thread give handlers back: now
        send(signal.SIGINT)


def test_two_threads_that_close_at_once_both_find_it_at_rest(arm: VirtualArm) -> None:
    robot = Robot.open(QUICK, port=arm.emulator.port, calibration="nominal").__enter__()
    robot.move_to({"elbow_flex": 1.2})
    limp: list[bool] = []

    def close() -> None:
        robot.close()
        limp.append(not arm.torque.any())

    threads = [threading.Thread(target=close) for _ in range(2)]
    for thread in threads:
        thread.start()
    close()
    for thread in threads:
        thread.join()
    assert limp == [True] * 3
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)


class BrokenCamera:
    role = "front"

    def read_latest(self, timeout_s: float = 1.0) -> Frame:  # noqa: ARG002
        return Frame(np.zeros((2, 2, 3), np.uint8), time.monotonic_ns(), 1)

    def close(self) -> None:
        raise OSError("unplugged")


def test_what_fails_while_closing_leaves_nothing_taken(arm: VirtualArm) -> None:
    with (
        pytest.raises(OSError, match="unplugged"),
        Robot.open(QUICK, port=arm.emulator.port, calibration="nominal", cameras={"front": BrokenCamera()}),
    ):
        pass
    assert not arm.torque.any()


def test_a_fork_has_the_handlers_of_before_and_cannot_close_its_parents_arm(arm: VirtualArm) -> None:
    # What other tests left is not the child's to collect: libraries with threads do not outlive a fork.
    gc.collect()
    gc.freeze()
    with Robot.open(QUICK, port=arm.emulator.port, calibration="nominal") as robot:
        child = os.fork()
        if child == 0:
            ours = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL and not GUARD.arms
            # In the child a thread of its own may have the place of the parent's control thread.
            thread = threading.Thread(target=time.sleep, args=(0.01,))
            thread.start()
            thread.join()
            robot.close()
            del robot
            gc.collect()
            os._exit(0 if ours else 1)
        gc.unfreeze()
        assert os.waitpid(child, 0)[1] == 0
        assert arm.torque.all()
        robot.move_to({"elbow_flex": 1.3})


REQUESTS: list[Callable[[Robot], object]] = [
    Robot.enable,
    Robot.estop,
    Robot.reset_estop,
    Robot.status,
    Robot.reconnect,
    Robot.home,
    lambda robot: robot.control.hold(),
]
"""What a fork may ask of an arm that another process drives."""


def refusal(request: Callable[[Robot], object], robot: Robot) -> str:
    """Why the arm does not do it; empty where it does."""
    try:
        request(robot)
    except SafetyError as error:
        return str(error)
    return ""


def test_a_fork_is_told_that_the_arm_is_not_its_own(arm: VirtualArm) -> None:
    with Robot.open(QUICK, port=arm.emulator.port, calibration="nominal") as robot:
        owner, child = os.getpid(), os.fork()
        if child == 0:
            told = [refusal(request, robot) for request in REQUESTS]
            os._exit(0 if all(f"so101 belongs to process {owner}" in text for text in told) else 1)
        assert os.waitpid(child, 0)[1] == 0
        robot.move_to({"elbow_flex": 1.3})


PROGRAM = """
import os, signal, sys, threading, time
from motorium.robots.robot import Robot
def use(port):
    with Robot.open(sys.argv[1], port=port, calibration="nominal") as robot:
        robot.move_to({"elbow_flex": 1.2})
        print("up", flush=True)
        while True:
            robot.move_to({"shoulder_pan": 0.3})
            robot.move_to({"shoulder_pan": -0.3})
"""


def start(program: str, *arms: VirtualArm) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, QUICK, *(arm.emulator.port for arm in arms)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCES},
    )


def ended(process: subprocess.Popen[str], arms: int) -> int:
    """Wait until `arms` arms are up, send SIGTERM, wait for the end."""
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(arms)] == ["up\n"] * arms
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    return process.returncode


def at_rest(arm: VirtualArm) -> bool:
    rest = np.array([joint.rest_rad for joint in SPEC.joints])
    return not arm.torque.any() and bool(np.abs(arm.position_rad - rest).max() < 0.06)


def test_an_arm_of_a_worker_thread_is_parked_by_sigterm(arm: VirtualArm) -> None:
    """Python takes no handler there, so the core brings it to rest; then the signal kills, as it always did."""
    program = (
        PROGRAM + "t = threading.Thread(target=use, args=sys.argv[2:], daemon=True)\nt.start()\nt.join()\n"
    )
    assert ended(start(program, arm), 1) == -signal.SIGTERM
    assert at_rest(arm)


def test_arms_of_the_main_thread_and_of_a_worker_are_both_parked(arm: VirtualArm) -> None:
    program = PROGRAM + "threading.Thread(target=use, args=sys.argv[3:]).start()\nuse(sys.argv[2])\n"
    with VirtualArm(SPEC) as second:
        assert ended(start(program, arm, second), 2) == 128 + signal.SIGTERM
        assert at_rest(arm)
        assert at_rest(second)


def test_ctrl_c_while_it_starts_never_ends_in_motion() -> None:
    """The arm lies there limp, away from its rest pose; whenever the key comes, it stays there and is let go."""
    begin = np.array([joint.rest_rad for joint in SPEC.joints]) + np.array([0.6, 0.4, -0.5, 0.0, 0.3, 0.2])
    with VirtualArm(SPEC, start_rad=begin) as arm:
        opening = partial(Robot.open, QUICK, port=arm.emulator.port, calibration="nominal")
        takes_s = 0.0
        for _ in range(2):  # the first time pays for what happens once
            start = time.monotonic()
            robot = opening().__enter__()
            takes_s = time.monotonic() - start
            robot.close()
        interrupted = 0
        for share in np.linspace(0.0, 0.8, 8):
            arm.position_rad = begin.copy()
            time.sleep(0.02)  # the virtual arm shows it
            robot, opened = opening(), False
            with suppress(KeyboardInterrupt):
                threading.Timer(share * takes_s, os.kill, (os.getpid(), signal.SIGINT)).start()
                robot.__enter__()
                opened = True
                time.sleep(5.0)
            if opened:
                robot.close()
                continue
            interrupted += 1
            assert wait(lambda: not arm.torque.any(), 5.0)
            np.testing.assert_allclose(arm.position_rad, begin, atol=0.02)
        assert interrupted >= 3


def test_a_handler_outside_python_is_left_alone_and_opening_says_so(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """As in a program that embeds Python; here the C handler of `faulthandler`."""
    with (tmp_path / "dumped").open("w") as file:
        faulthandler.register(signal.SIGHUP, file=file)
        with light():
            send(signal.SIGHUP)
        faulthandler.unregister(signal.SIGHUP)
    assert "test_signals.py" in (tmp_path / "dumped").read_text()
    assert "motorium.close_all()" in caplog.text


def test_ignored_signals_stay_ignored(handlers: list[object]) -> None:
    del handlers
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with light():
        send(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
