"""The Koch arms in the simulated world, over their own protocol: Robot, and the vendor's kit as a stranger."""

from __future__ import annotations

import numpy as np
import pytest
from virtual_arm import quick_robot

from motorium.robots.robot import Robot
from motorium.sim.backend import open_backend
from motorium.specs.servo import MotorSpec

MOVE_TIMEOUT_S = 60.0
"""A busy machine simulates slower than real time."""


def test_follower_goes_home_and_comes_to_rest_over_protocol_2(tmp_path, wait_until):
    def is_at(pose):
        return wait_until(lambda: np.allclose(robot.position_rad, pose, atol=0.05))

    with Robot.open(f"sim:{quick_robot(tmp_path, 'koch_follower')}", seed=2) as robot:
        assert robot.spec.bus.protocol == "dynamixel"
        rest = [joint.rest_rad for joint in robot.spec.joints]
        assert is_at(rest)
        robot.home(timeout_s=MOVE_TIMEOUT_S)
        home = [joint.home_rad for joint in robot.spec.joints]
        assert is_at(home), "it arrives within more than that, and settles"
        joints = robot.status().joints
        supplies = [MotorSpec.load(name).supply_v for name in robot.spec.motor_names]
        assert [joint.voltage_v for joint in joints.values()] == pytest.approx(supplies, abs=1.0)
        assert all(joint.faults == () for joint in joints.values())
        observation = robot.observe("put the red cube in the tray")
        assert set(observation.images) == {"front", "wrist"}
        control = robot.control
    del control


@pytest.mark.nightly
def test_leader_is_limp_but_for_the_spring_of_its_trigger():
    with Robot.open("sim:koch_leader", seed=3) as robot:
        gripper = robot.spec.joint_names.index("gripper")
        passive = [joint.passive for joint in robot.spec.joints]
        assert passive == [i != gripper for i in range(6)]
        upper = robot.spec.joints[gripper].upper_rad
        assert robot.position_rad[gripper] == pytest.approx(upper, abs=0.1)
        assert np.isfinite(robot.position_rad).all()


def test_vendor_kit_drives_the_simulated_follower(wait_until):
    sdk = pytest.importorskip("dynamixel_sdk", reason="comes with dynamixel-sdk")
    with open_backend("koch_follower", seed=0) as arm:
        port, packets = sdk.PortHandler(arm.port), sdk.PacketHandler(2.0)
        assert port.openPort()
        assert port.setBaudRate(1_000_000)

        def call(name: str, *arguments: int) -> int:
            for _ in range(20):
                answer = getattr(packets, name)(port, *arguments)
                if answer[-2] == sdk.COMM_SUCCESS:
                    return int(answer[0])
            raise AssertionError(f"no answer to {name}: {answer}")

        assert [call("ping", servo) for servo in range(1, 7)] == [1060] * 2 + [1200] * 4
        start = call("read4ByteTxRx", 1, 132)
        call("write1ByteTxRx", 1, 64, 1)
        call("write4ByteTxRx", 1, 116, start + 250)
        assert wait_until(lambda: abs(call("read4ByteTxRx", 1, 132) - start - 250) <= 8)
        call("write1ByteTxRx", 1, 64, 0)
        port.closePort()
