"""The virtual servo behaves as an STS3215 does at its registers."""

from __future__ import annotations

import os
import select
import time

import numpy as np
import pytest
import serial

from motorium import _core
from motorium._core import ServoFault

TORQUE, GOAL, LOCK, PRESENT = 40, 42, 55, 56


class Client:
    """Bytes on the wire, written and judged by hand; it shares no code with the driver."""

    def __init__(self, port: str) -> None:
        self.line = serial.Serial(port, 1_000_000, timeout=0)

    def send(self, servo_id: int, instruction: int, *parameters: int) -> None:
        body = [servo_id, len(parameters) + 2, instruction, *parameters]
        self.line.write(bytes([0xFF, 0xFF, *body, ~sum(body) & 0xFF]))

    def receive(self, n: int) -> bytes:
        data = b""
        while len(data) < n and select.select([self.line.fileno()], [], [], 5)[0]:
            data += self.line.read(n - len(data))
        return data

    def silence(self) -> bool:
        """Nothing is on its way: a later ping is answered first."""
        self.send(1, 1)
        return self.receive(6) == b"\xff\xff\x01\x02\x00\xfc"

    def read(self, servo_id: int, address: int, size: int) -> bytes:
        self.send(servo_id, 2, address, size)
        answer = self.receive(6 + size)
        assert answer[:5] == bytes([0xFF, 0xFF, servo_id, size + 2, 0])
        assert sum(answer[2:]) & 0xFF == 0xFF
        return answer[5:-1]

    def write(self, servo_id: int, address: int, *data: int) -> None:
        self.send(servo_id, 3, address, *data)
        assert self.receive(6)[2:5] == bytes([servo_id, 2, 0])


@pytest.fixture
def client(emulator):
    client = Client(emulator.port)
    yield client
    client.line.close()


def test_factory_registers(client):
    assert client.read(3, 3, 2) == b"\x09\x03"  # model 777
    assert client.read(3, 5, 1) == b"\x03"
    assert client.read(3, 9, 4) == b"\x00\x00\xff\x0f"
    assert client.read(3, 48, 2) == b"\xe8\x03"
    assert client.read(3, LOCK, 1) == b"\x01"


def test_present_block_as_sent(emulator, client):
    emulator.update([2048, 1] * 3, [-5] * 6, [-300] * 6, [75] * 6, [33] * 6, [-2] * 6, [1] * 6, [0] * 6)
    block = client.read(1, PRESENT, 15)
    assert block == bytes([0x00, 0x08, 0x05, 0x80, 0x2C, 0x05, 75, 33, 0, 0, 1, 0, 0, 0x02, 0x80])


def test_sync_read_answers_in_the_order_asked(client):
    client.send(0xFE, 0x82, 5, 1, 4, 99, 2, 6)
    answers = client.receive(21)
    assert [answers[i + 2] for i in (0, 7, 14)] == [4, 2, 6]
    assert client.silence()


def test_sync_write_reaches_each_servo(emulator, client):
    client.send(0xFE, 0x83, GOAL, 2, 1, 0x00, 0x04, 6, 0xFF, 0x0F)
    assert client.silence()
    np.testing.assert_array_equal(emulator.goals().goal_position_ticks, [1024, 2048, 2048, 2048, 2048, 4095])


def test_broadcasts_are_not_acknowledged_but_a_ping_is(emulator, client):
    client.send(0xFE, 3, TORQUE, 1)
    assert client.silence()
    assert emulator.goals().torque_enable.all()
    client.send(0xFE, 1)
    assert [client.receive(6)[2] for _ in range(6)] == [1, 2, 3, 4, 5, 6]


def test_reg_write_waits_for_action(emulator, client):
    client.send(1, 4, GOAL, 0x00, 0x01)
    client.receive(6)
    assert emulator.goals().goal_position_ticks[0] == 2048
    client.send(0xFE, 5)
    assert client.silence()
    assert emulator.goals().goal_position_ticks[0] == 256


def test_eeprom_keeps_what_was_written_with_the_lock_open(emulator, client):
    client.write(1, 21, 5)
    assert client.read(1, 21, 1) == b"\x05"
    emulator.power_cycle()
    assert client.read(1, 21, 1) == b"\x20"
    client.write(1, LOCK, 0)
    client.write(1, 21, 5)
    client.write(1, 41, 99)
    emulator.power_cycle()
    assert client.read(1, 21, 1) == b"\x05"
    assert client.read(1, 41, 1) == b"\x00"
    assert client.read(1, LOCK, 1) == b"\x01"


def test_present_values_and_model_are_read_only(client):
    for address in (3, PRESENT, 65, 70):
        before = client.read(1, address, 1)
        client.write(1, address, before[0] ^ 0xFF)
        assert client.read(1, address, 1) == before


def test_a_changed_id_is_answered_to(client):
    client.write(2, 5, 77)
    assert client.read(77, 5, 1) == b"\x4d"
    client.send(2, 1)
    assert client.silence()


def test_response_level_zero_answers_reads_alone(client):
    client.write(1, 8, 0)
    client.send(1, 3, 41, 7)
    assert client.silence()
    assert client.read(1, 41, 1) == b"\x07"


def test_reset_restores_the_factory_but_keeps_the_id(client):
    client.write(4, LOCK, 0)
    client.write(4, 21, 1)
    client.send(4, 6)
    client.receive(6)
    assert client.read(4, 21, 1) == b"\x20"
    assert client.read(4, 5, 1) == b"\x04"


def test_homing_offset_moves_what_is_shown_and_what_is_asked(emulator, client):
    client.write(1, 31, 0x64, 0x08)  # -100: sign is bit 11
    emulator.update([1000] * 6, [0] * 6, [0] * 6)
    assert int.from_bytes(client.read(1, PRESENT, 2), "little") == 1100
    client.write(1, GOAL, *(1200).to_bytes(2, "little"))
    assert emulator.goals().goal_position_ticks[0] == 1100


def test_calibration_byte_makes_here_the_middle(emulator, client):
    emulator.update([1000] * 6, [0] * 6, [0] * 6)
    client.write(1, TORQUE, 128)
    assert int.from_bytes(client.read(1, PRESENT, 2), "little") == 2048
    assert not emulator.goals().torque_enable[0]
    emulator.update([1010] * 6, [0] * 6, [0] * 6)
    assert int.from_bytes(client.read(1, PRESENT, 2), "little") == 2058


def test_the_servo_keeps_its_goal_inside_its_own_range(emulator, client):
    client.write(1, 9, *(1000).to_bytes(2, "little"), *(3000).to_bytes(2, "little"))
    for asked, kept in ((500, 1000), (2000, 2000), (4000, 3000)):
        client.write(1, GOAL, *asked.to_bytes(2, "little"))
        assert emulator.goals().goal_position_ticks[0] == kept


def test_status_byte_reports_faults_in_every_reply(emulator, client):
    emulator.update([0] * 6, [0] * 6, [0] * 6, status=[0, 0x20, 0, 0, 0, 0])
    client.send(2, 1)
    assert client.receive(6)[4] == 0x20


def test_bad_requests_are_passed_over(emulator, client):
    client.line.write(b"\xff\xff\x01\x02\x01\xfa")  # checksum
    client.line.write(b"\x00\xff\xff\xff")
    client.send(1, 2, 250, 10)  # beyond the table
    client.send(1, 2, 56)  # no size
    client.send(1, 3, 41)  # no data
    client.send(1, 0x7E)  # no such instruction
    client.send(0xFE, 0x82, 56)
    client.send(0xFE, 0x83, 42, 2, 1, 0)  # half a row
    assert client.silence()
    assert emulator.stats().bad_checksums >= 1


def test_a_client_may_come_and_go(emulator):
    for _ in range(5):
        client = Client(emulator.port)
        assert client.silence()
        client.line.close()


def test_replies_nobody_reads_are_lost_not_waited_for(emulator):
    deaf = os.open(emulator.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    ping = bytes([0xFF, 0xFF, 1, 2, 1, 0xFB])
    deadline = time.monotonic() + 20
    while not emulator.stats().dropped_bytes:
        assert time.monotonic() < deadline
        select.select([], [deaf], [], 1)
        os.write(deaf, ping * 16)
    os.close(deaf)
    assert emulator.goals().goal_position_ticks[0] == 2048


def test_waiting_costs_no_processor_time(emulator):
    client = Client(emulator.port)
    assert client.silence()
    client.line.close()  # a terminal without a client must not be polled in circles
    start, used = time.perf_counter(), time.process_time()
    select.select([], [], [], 0.4)
    assert time.process_time() - used < 0.2 * (time.perf_counter() - start)


@pytest.mark.parametrize("ids", [[], [1, 1], [253]])
def test_impossible_ids_are_refused(ids):
    with pytest.raises(ValueError, match=r"id"):
        _core.ServoEmulator(ids)


def test_arrays_of_another_length_are_refused(emulator):
    with pytest.raises(ValueError, match=r"\(6,\)"):
        emulator.update([0] * 5, [0] * 6, [0] * 6)


def test_unknown_faults_and_servos_are_refused(emulator):
    with pytest.raises(ValueError, match=r"no ServoFault is called 'gremlin'; known: none, drop"):
        emulator.set_fault("gremlin")
    with pytest.raises(ValueError, match=r"no servo has id 9"):
        emulator.set_fault(ServoFault.DROP, 9)


def test_closing_twice_is_harmless(emulator):
    emulator.close()
    emulator.close()
    assert len(emulator.registers(1)) == 256


@pytest.mark.parametrize(
    ("pokes", "encoder", "shown", "goal", "driven"),
    [
        (
            {9: (1360, 2), 11: (2500, 2)},
            3100,
            3100,
            3100,
            2500,
        ),  # clamped, and the register reads back as written
        ({9: (0, 2), 11: (0, 2)}, 2048, 2048, 5000, 5000),  # no limits: goals in other turns
        ({30: (2, 1)}, 3000, 1500, 1600, 3200),  # a count is worth two
        ({31: (500, 2)}, 3000, 2500, 2600, 3100),
        ({18: (0x8D, 1)}, 3000, 1096, 1000, 3096),  # counts and drives backwards
        ({18: (0x0D, 1)}, 3000, 3000, 3100, 2900),  # drives backwards alone: away from its goal
        ({18: (0x1C, 1)}, 5000, 5000, 2000, 2000),  # shows turns
    ],
)
def test_an_sts_servo_does_with_its_memory_what_a_real_one_does(
    emulator, pokes, encoder, shown, goal, driven
):
    for address, (value, size) in pokes.items():
        emulator.poke(2, address, value.to_bytes(size, "little"))
    emulator.update([2048, encoder, 2048, 2048, 2048, 2048], [0] * 6, [0] * 6)
    emulator.poke(2, 42, goal.to_bytes(2, "little"))
    assert int.from_bytes(emulator.registers(2)[56:58], "little") == shown
    assert int.from_bytes(emulator.registers(2)[42:44], "little") == goal
    assert emulator.goals().goal_position_ticks[1] == driven
