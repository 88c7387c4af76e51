"""The vendor's own Python kit talks to the virtual servos: an opinion on the protocol that is not ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

sdk = pytest.importorskip("scservo_sdk", reason="comes with ftservo-python-sdk")

GOAL, PRESENT, ACCELERATION = 42, 56, 41


@pytest.fixture
def kit(emulator):
    port = sdk.PortHandler(emulator.port)
    assert port.openPort()
    assert port.setBaudRate(1_000_000)
    yield sdk.sms_sts(port)
    port.closePort()


def patiently(call: Callable[..., Any], *arguments: Any) -> Any:
    """The kit gives up after a few milliseconds; on a loaded machine it is asked again."""
    for _ in range(20):
        answer = call(*arguments)
        result = answer if isinstance(answer, int) else answer[-2]
        if result == sdk.COMM_SUCCESS:
            return answer
    raise AssertionError(f"no answer: {answer}")


def test_ping_tells_the_model(kit):
    for servo in range(1, 7):
        assert patiently(kit.ping, servo) == (777, sdk.COMM_SUCCESS, 0)


def test_an_absent_servo_times_out(kit):
    _, result, _ = kit.ping(42)
    assert result != sdk.COMM_SUCCESS


def test_write_and_read_back(kit, emulator):
    assert patiently(kit.write1ByteTxRx, 2, ACCELERATION, 77) == (sdk.COMM_SUCCESS, 0)
    assert patiently(kit.read1ByteTxRx, 2, ACCELERATION) == (77, sdk.COMM_SUCCESS, 0)
    assert patiently(kit.write2ByteTxRx, 2, GOAL, 1234) == (sdk.COMM_SUCCESS, 0)
    assert emulator.goals().goal_position_ticks[1] == 1234


def test_present_position(kit, emulator):
    ticks = [1000, 2000, 3000, 4000, 0, 4095]
    emulator.update(ticks, [0] * 6, [0] * 6)
    assert [patiently(kit.read2ByteTxRx, servo, PRESENT)[0] for servo in range(1, 7)] == ticks


def test_sync_write_then_sync_read(kit, emulator):
    write = sdk.GroupSyncWrite(kit, GOAL, 2)
    goals = {1: 300, 2: 600, 3: 900, 4: 1200, 5: 1500, 6: 1800}
    for servo, goal in goals.items():
        assert write.addParam(servo, [goal & 0xFF, goal >> 8])
    assert write.txPacket() == sdk.COMM_SUCCESS
    read = sdk.GroupSyncRead(kit, GOAL, 2)
    for servo in goals:
        assert read.addParam(servo)
    assert patiently(read.txRxPacket) == sdk.COMM_SUCCESS
    assert {servo: read.getData(servo, GOAL, 2) for servo in goals} == goals
    assert list(emulator.goals().goal_position_ticks) == list(goals.values())
