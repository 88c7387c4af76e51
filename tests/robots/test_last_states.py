"""An error of an arm carries the control ticks up to its fault; verbs print them."""

from __future__ import annotations

import json
import time

import click
import numpy as np
import pytest
from click.testing import CliRunner
from virtual_arm import VirtualArm, quick_robot

from motorium._core import Mode, TickEvents, Verdict
from motorium.cli._verb import Verb, json_option
from motorium.errors import BusError, MotoriumError
from motorium.robots.last_states import SHOWN
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
KEPT = 20
PERIOD_NS = 5_000_000
LATE_NS = 500_000_000  # on a busy machine


@pytest.fixture(scope="module")
def error(tmp_path_factory: pytest.TempPathFactory) -> MotoriumError:
    """Of an arm in motion whose servos vanish."""
    quick = quick_robot(tmp_path_factory.mktemp("robot"))
    with VirtualArm(SPEC) as arm:
        robot = Robot.open(quick, port=arm.emulator.port, calibration="nominal")
        with pytest.raises(BusError) as caught, robot:  # noqa: PT012
            robot.control.move_to([joint.home_rad for joint in SPEC.joints])
            time.sleep(0.3)
            arm.emulator.close()
            give_up = time.monotonic() + 5
            while time.monotonic() < give_up:
                robot.check()
                time.sleep(0.2)  # the fault is some ticks old when it is looked for
    return caught.value


def test_the_last_one_is_the_fault_and_the_others_lead_to_it(error):
    states = error.last_states
    assert len(states) == KEPT
    assert [state.mode for state in states].index(Mode.FAULT) == KEPT - 1
    assert states[-2].mode in {Mode.MOVING, Mode.HOLDING}
    assert states[-1].events & TickEvents.MODE_CHANGE
    assert all(isinstance(state.verdict, Verdict) for state in states)
    steps_ns = np.diff([state.t_ns for state in states])
    assert (steps_ns > 0).all()
    assert np.median(steps_ns) == PERIOD_NS


def test_they_tell_what_was_read_and_what_was_sent(error):
    assert error.joint_names == SPEC.joint_names
    for state in error.last_states:
        for name in ("position_rad", "velocity_rad_s", "effort", "setpoint_rad", "goal_rad"):
            assert getattr(state, name).shape == (6,)
        assert np.abs(state.goal_rad - state.setpoint_rad).max() < 0.1
        assert abs(state.state_t_ns - state.t_ns) < LATE_NS


def test_other_errors_carry_none():
    assert MotoriumError("of no arm").last_states == ()


def failing(error: MotoriumError) -> click.Command:
    @click.command(cls=Verb, name="run")
    @json_option
    def command(**_options: object) -> None:
        """Fail."""
        raise error

    return command


def test_a_verb_prints_the_last_ones_below_the_error(error):
    result = CliRunner().invoke(failing(error), [])
    assert result.exit_code == 2
    first, caption, header, *rows = result.stderr.rstrip("\n").split("\n")
    assert first.startswith("error: so101 has lost its port: ")
    assert caption == "last control ticks: measured > goal, rad"
    assert header.split() == ["ms", "mode", "gate", *SPEC.joint_names]
    assert len(rows) == SHOWN
    assert rows[-1].split()[:2] == ["0.0", "fault"]


def test_json_has_all_of_them_as_plain_values(error):
    told = json.loads(CliRunner().invoke(failing(error), ["--json"]).stdout)["error"]
    assert set(told) == {"kind", "message", "joints", "last_states"}
    assert len(told["last_states"]) == KEPT
    assert told["last_states"][-1]["mode"] == "fault"
    assert len(told["last_states"][0]["goal_rad"]) == len(told["joints"]) == 6
