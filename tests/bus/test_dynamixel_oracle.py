"""The vendor's own Python kit talks to the virtual Dynamixel servos: an opinion on the protocol that is not ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

sdk = pytest.importorskip("dynamixel_sdk", reason="comes with dynamixel-sdk")

PRESENT, GOAL, LED, MODE, TORQUE, VOLTAGE = 132, 116, 65, 11, 64, 144
ACCESS_ERROR, RANGE_ERROR = 7, 4
IDS = range(1, 7)


@pytest.fixture
def line(dynamixels):
    port = sdk.PortHandler(dynamixels.port)
    assert port.openPort()
    assert port.setBaudRate(1_000_000)
    yield port
    port.closePort()


@pytest.fixture
def kit(line) -> Callable[..., Any]:
    """Calls the kit, again when a loaded machine made it give up."""
    packets = sdk.PacketHandler(2.0)

    def call(name: str, *arguments: Any) -> Any:
        for _ in range(20):
            answer = getattr(packets, name)(line, *arguments)
            if answer[-2] == sdk.COMM_SUCCESS:
                return answer
        raise AssertionError(f"no answer to {name}: {answer}")

    return call


def again(call: Callable[[], int]) -> None:
    """Until it succeeds."""
    results = [call()]
    while results[-1] != sdk.COMM_SUCCESS and len(results) < 20:
        results.append(call())
    assert results[-1] == sdk.COMM_SUCCESS, results


def test_ping_tells_the_model(kit):
    assert [kit("ping", servo)[0] for servo in IDS] == [1060, 1060, 1200, 1200, 1200, 1200]


def test_broadcast_ping_finds_all(line):
    for _ in range(5):
        found, result = sdk.PacketHandler(2.0).broadcastPing(line)
        if result == sdk.COMM_SUCCESS and len(found) == 6:
            break
    assert found == {servo: [1060 if servo < 3 else 1200, 50] for servo in IDS}


def test_an_absent_servo_times_out(line):
    _, result, _ = sdk.PacketHandler(2.0).ping(line, 42)
    assert result != sdk.COMM_SUCCESS


def test_write_and_read_back(kit, dynamixels):
    assert kit("write1ByteTxRx", 2, LED, 1) == (sdk.COMM_SUCCESS, 0)
    assert kit("read1ByteTxRx", 2, LED) == (1, sdk.COMM_SUCCESS, 0)
    assert kit("write4ByteTxRx", 2, GOAL, 1234) == (sdk.COMM_SUCCESS, 0)
    assert dynamixels.goals().goal_position_ticks[1] == 1234


def test_errors_are_those_of_the_manual(kit):
    assert kit("write2ByteTxRx", 1, 0, 5)[1] == ACCESS_ERROR  # read-only
    assert kit("write1ByteTxRx", 1, TORQUE, 1)[1] == 0
    assert kit("write1ByteTxRx", 1, MODE, 4)[1] == ACCESS_ERROR  # EEPROM is locked under torque
    assert kit("write1ByteTxRx", 1, TORQUE, 2)[1] == RANGE_ERROR


def test_reg_write_waits_for_action(kit, dynamixels, line):
    assert kit("regWriteTxRx", 3, GOAL, 4, list((777).to_bytes(4, "little"))) == (sdk.COMM_SUCCESS, 0)
    assert dynamixels.goals().goal_position_ticks[2] == 2048
    assert sdk.PacketHandler(2.0).action(line, sdk.BROADCAST_ID) == sdk.COMM_SUCCESS
    kit("ping", 3)
    assert dynamixels.goals().goal_position_ticks[2] == 777


def test_reboot_loses_ram(kit):
    kit("write1ByteTxRx", 4, LED, 1)
    assert kit("reboot", 4) == (sdk.COMM_SUCCESS, 0)
    assert kit("read1ByteTxRx", 4, LED)[0] == 0


def test_clear_brings_turns_back_into_one(kit, dynamixels):
    kit("write1ByteTxRx", 5, MODE, 4)
    dynamixels.update([2048] * 4 + [9000, 2048], [0] * 6, [0] * 6)
    assert kit("read4ByteTxRx", 5, PRESENT)[0] == 9000
    assert kit("clearMultiTurn", 5) == (sdk.COMM_SUCCESS, 0)
    assert kit("read4ByteTxRx", 5, PRESENT)[0] == 9000 - 8192


@pytest.mark.parametrize("method", ["txRxPacket", "fastSyncRead"])
def test_sync_write_then_sync_read(line, dynamixels, method):
    packets = sdk.PacketHandler(2.0)
    goals = {servo: 300 * servo for servo in IDS}
    write = sdk.GroupSyncWrite(line, packets, GOAL, 4)
    for servo, goal in goals.items():
        assert write.addParam(servo, list(goal.to_bytes(4, "little")))
    assert write.txPacket() == sdk.COMM_SUCCESS
    read = sdk.GroupSyncRead(line, packets, GOAL, 4)
    for servo in goals:
        assert read.addParam(servo)
    again(getattr(read, method))
    assert {servo: read.getData(servo, GOAL, 4) for servo in goals} == goals
    assert list(dynamixels.goals().goal_position_ticks) == list(goals.values())


@pytest.mark.parametrize("method", ["txRxPacket", "fastBulkRead"])
def test_bulk_write_then_bulk_read(line, method):
    packets = sdk.PacketHandler(2.0)
    write = sdk.GroupBulkWrite(line, packets)
    assert write.addParam(1, GOAL, 4, list((1500).to_bytes(4, "little")))
    assert write.addParam(2, LED, 1, [1])
    assert write.txPacket() == sdk.COMM_SUCCESS
    read = sdk.GroupBulkRead(line, packets)
    for servo, address, size in ((1, GOAL, 4), (2, LED, 1), (3, VOLTAGE, 2)):
        assert read.addParam(servo, address, size)
    again(getattr(read, method))
    assert read.getData(1, GOAL, 4) == 1500
    assert read.getData(2, LED, 1) == 1
    assert read.getData(3, VOLTAGE, 2) == 74


def test_data_that_looks_like_a_header_arrives(kit, dynamixels):
    kit("write4ByteTxRx", 1, 108, 0)
    dynamixels.poke(1, 108, b"\xff\xff\xfd\x00\xff\xff\xfd\xfd")
    data, _, _ = kit("readTxRx", 1, 108, 8)
    assert bytes(data) == b"\xff\xff\xfd\x00\xff\xff\xfd\xfd"
