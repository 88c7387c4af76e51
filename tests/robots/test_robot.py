"""Robot on virtual servos: connect, self-check, observe, move, and rest on every way out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from virtual_arm import VirtualArm, quick_robot

import motorium
from motorium._core import LatencySetting, Mode, ServoFault
from motorium.errors import BusError, CalibrationError, CameraError, SafetyError, SpecError
from motorium.robots import frames
from motorium.robots.health import latency_advice, self_check
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec
from motorium.types import Frame

SPEC = RobotSpec.load("so101")
REST = np.array([joint.rest_rad for joint in SPEC.joints])
HOME = np.array([joint.home_rad for joint in SPEC.joints])
QUICK = quick_robot(Path(tempfile.mkdtemp()))
SOURCES = str(Path(motorium.__file__).parents[1])


class FakeCamera:
    """Gives the frames it is told to."""

    def __init__(self, role: str, delay_s: float = 0.0) -> None:
        self.role = role
        self.delay_ns = int(delay_s * 1e9)
        self.seq = 0
        self.closed = False

    def read_latest(self, timeout_s: float = 1.0) -> Frame:  # noqa: ARG002
        self.seq += 1
        image = np.zeros((4, 6, 3), np.uint8)
        return Frame(image, time.monotonic_ns() - self.delay_ns, self.seq)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def arm() -> Iterator[VirtualArm]:
    with VirtualArm(SPEC) as virtual:
        yield virtual


def at_rest(arm: VirtualArm) -> bool:
    return not arm.torque.any() and bool(np.abs(arm.position_rad - REST).max() < 0.06)


def test_a_session_ends_at_rest(arm: VirtualArm) -> None:
    robot = Robot.open(QUICK, port=arm.emulator.port, calibration="nominal")
    assert not arm.torque.any()  # opening powers nothing
    with robot:
        assert arm.torque.all()
        robot.home()
        np.testing.assert_allclose(robot.position_rad, HOME, atol=0.03)
        robot.move_to({"gripper": 1.0})
        np.testing.assert_allclose(robot.position_rad[5], 1.0, atol=0.03)
        np.testing.assert_allclose(robot.position_rad[:5], HOME[:5], atol=0.03)
        status = robot.status()
        assert status.mode is Mode.HOLDING
        assert set(status.joints) == set(SPEC.joint_names)
    assert at_rest(arm)
    with pytest.raises(SafetyError, match="no longer open"):
        robot.observe("anything")


def test_an_exception_passes_through_and_the_arm_is_at_rest(arm: VirtualArm) -> None:
    with (  # noqa: PT012
        pytest.raises(ZeroDivisionError),
        Robot.open(QUICK, port=arm.emulator.port, calibration="nominal") as robot,
    ):
        robot.move_to({"elbow_flex": 1.2})
        _ = 1 / 0
    assert at_rest(arm)


def test_observation_has_one_time(arm: VirtualArm) -> None:
    cameras = {"front": FakeCamera("front"), "wrist": FakeCamera("wrist", delay_s=0.02)}
    with Robot.open(QUICK, port=arm.emulator.port, calibration="nominal", cameras=cameras) as robot:
        robot.control.move_to(HOME)
        time.sleep(0.6)  # in the middle of a motion the state of 20 ms ago is not the state of now
        seen = robot.observe("put it there")
        now = robot.position_rad
        assert seen.task == "put it there"
        assert set(seen.images) == {"front", "wrist"}
        assert seen.skew_ns["wrist"] == 0
        assert 0 < seen.skew_ns["front"] <= 50_000_000
        assert abs(seen.skew_ns["state"]) <= 5_000_000
        expected = robot.control.state_at(seen.t_ns)
        assert expected is not None
        np.testing.assert_allclose(robot.slot_map.gather(seen.state), expected.position_rad, atol=1e-4)
        assert np.abs(robot.slot_map.gather(seen.state) - now).max() > 0.004
    assert all(camera.closed for camera in cameras.values())


def test_an_old_frame_is_an_error(arm: VirtualArm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "FIRST_FRAMES_S", 0.1)
    cameras = {"front": FakeCamera("front", delay_s=2.0)}
    with (
        pytest.raises(CameraError, match="'front' is 2"),
        Robot.open(QUICK, port=arm.emulator.port, calibration="nominal", cameras=cameras) as robot,
    ):
        robot.observe("look")
    assert at_rest(arm)


def test_unplugged_robot_names_the_cause(arm: VirtualArm) -> None:
    began = 0.0
    with (  # noqa: PT012
        pytest.raises(BusError, match="is gone"),
        Robot.open(QUICK, port=arm.emulator.port, calibration="nominal") as robot,
    ):
        arm.emulator.close()
        began = time.monotonic()
        while time.monotonic() - began < 5:
            robot.check()
            time.sleep(0.01)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("voltage", "temperature", "status", "message"),
    [
        (30, 28, 0, "3.0 V"),
        (74, 70, 0, "70 C"),
        (74, 28, 1 << 2, "temperature"),
        (74, 28, 1 << 1, "angle sensor"),
    ],
)
def test_self_check_keeps_torque_off(voltage: int, temperature: int, status: int, message: str) -> None:
    arm = VirtualArm(SPEC)
    ticks = np.full(6, 2048)
    zero = np.zeros(6, int)
    odd = np.array([0, 0, 1, 0, 0, 0])
    arm.emulator.update(
        ticks,
        zero,
        zero,
        voltage_dv=74 + odd * (voltage - 74),
        temperature_c=28 + odd * (temperature - 28),
        status=odd * status,
    )
    with (
        pytest.raises(SafetyError, match=message) as caught,
        Robot.open(QUICK, port=arm.emulator.port, calibration="nominal"),
    ):
        pass
    assert "elbow_flex" in str(caught.value)
    assert not arm.torque.any()


def test_self_check_of_a_joint_beyond_its_range() -> None:
    reading = {
        "position_rad": REST + np.array([0, 0, 0, 0.1, 0, -0.5]),
        "voltage_v": np.full(6, 7.4),
        "temperature_c": np.full(6, 30.0),
        "status": np.array(
            [0, 0, 0, 0, 0, 1 << 5], np.uint8
        ),  # an overload passes: it ends with the next motion
    }
    with pytest.raises(SafetyError, match=r"gripper stands outside its range: -0\.67 rad, not") as caught:
        self_check(SPEC, SimpleNamespace(**reading))
    assert "wrist" not in str(caught.value)
    self_check(SPEC, SimpleNamespace(**{**reading, "position_rad": REST}))


def test_missing_servo_is_named() -> None:
    arm = VirtualArm(SPEC)
    arm.emulator.set_fault(ServoFault.DROP, 4)
    with (
        pytest.raises(BusError, match="4"),
        Robot.open(QUICK, port=arm.emulator.port, calibration="nominal"),
    ):
        pass
    assert not arm.torque.any()


@pytest.mark.parametrize(
    ("name", "arguments", "error", "message"),
    [
        ("so999", {"port": "p", "calibration": "nominal"}, SpecError, "known robots: .*so101"),
        ("so101", {}, BusError, "sim:so101"),
        ("so101", {"port": "/dev/null"}, CalibrationError, "no calibration"),
        ("so101", {"port": "/dev/null", "calibration": "nominal", "seed": 1}, BusError, "no option 'seed'"),
        ("sim:so101", {"port": "/dev/null"}, BusError, "brings its own port"),
    ],
)
def test_wrong_openings_say_what_to_do(
    name: str, arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Robot.open(name, **arguments)  # type: ignore[arg-type]


def test_unknown_scheme_lists_what_is_there() -> None:
    with pytest.raises(SpecError, match="no robot scheme 'moon:'"), Robot.open("moon:so101"):
        pass


def test_absent_port() -> None:
    with (
        pytest.raises(BusError, match="ttyNOPE"),
        Robot.open("so101", port="/dev/ttyNOPE", calibration="nominal"),
    ):
        pass


SCRIPT = """
import sys, time
from motorium.robots import frames
from motorium.robots.health import latency_advice, self_check
from motorium.robots.robot import Robot
with Robot.open(sys.argv[2], port=sys.argv[1], calibration="nominal") as robot:
    print("up", flush=True)
    robot.home()
    while True:
        robot.move_to({"shoulder_pan": 0.5})
        robot.move_to({"shoulder_pan": -0.5})
"""


@pytest.mark.parametrize(
    ("numbers", "wait_s"),
    [
        ([signal.SIGINT], 0.0),
        ([signal.SIGINT, signal.SIGINT, signal.SIGINT], 0.7),
        ([signal.SIGTERM, signal.SIGINT], 1.2),
        ([signal.SIGHUP], 1.4),
    ],
)
def test_signals_at_any_moment_leave_the_arm_at_rest(
    arm: VirtualArm, numbers: list[signal.Signals], wait_s: float
) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, arm.emulator.port, QUICK],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCES},
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "up\n"
    time.sleep(wait_s)
    for number in numbers:
        program.send_signal(number)
        time.sleep(0.2)
    _, errors = program.communicate(timeout=20)
    if numbers[0] == signal.SIGINT:
        assert "KeyboardInterrupt" in errors
    else:
        assert program.returncode == 128 + numbers[0]
    assert at_rest(arm)


def test_interpreter_exit_without_close_parks(arm: VirtualArm) -> None:
    script = SCRIPT.partition("with")[0] + (
        "robot = Robot.open(sys.argv[2], port=sys.argv[1], calibration='nominal')\n"
        "robot.__enter__()\nrobot.move_to({'elbow_flex': 1.3})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, arm.emulator.port, QUICK],
        env={**os.environ, "PYTHONPATH": SOURCES},
        timeout=30,
        check=False,
    )
    assert done.returncode == 0
    assert at_rest(arm)


def latency(setting: LatencySetting, timer_ms: int) -> SimpleNamespace:
    return SimpleNamespace(setting=setting, timer_ms=timer_ms)


def test_an_adapter_that_holds_bytes_back_is_named() -> None:
    advice = latency_advice("/dev/ttyUSB0", latency(LatencySetting.REFUSED, 16))
    assert "for 16 ms" in advice
    assert "latency_timer" in advice
    assert latency_advice("/dev/ttyUSB0", latency(LatencySetting.LOW, 1)) == ""
    assert latency_advice("/dev/ttyTHS1", latency(LatencySetting.NOT_APPLICABLE, -1)) == ""


def test_a_port_without_an_adapter_has_nothing_to_set(arm: VirtualArm) -> None:
    with Robot.open("so101", port=arm.emulator.port, calibration="nominal") as robot:
        found = robot.status().control.latency
    assert found.as_dict() == {"setting": "not_applicable", "timer_ms": -1}
