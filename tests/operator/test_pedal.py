"""Foot pedals: marks with the time of the press, a dead-man switch, and a pedal that an operator has."""

from __future__ import annotations

import os
import time

import pytest
from waiting import wait

from motorium.errors import MotoriumError
from motorium.operator.operator import Operator
from motorium.operator.pedal import EV_KEY, INPUT_EVENT, KEY_A, KEY_B, KEY_C, Pedal


def packed(code: int, value: int) -> bytes:
    return INPUT_EVENT.pack(0, 0, EV_KEY, code, value) + INPUT_EVENT.pack(0, 0, 0, 0, 0)


def test_a_pedal_marks_contact_release_and_subtasks():
    read, write = os.pipe()
    with Pedal(read) as pedal:
        before = time.monotonic_ns()
        data = packed(KEY_A, 1) + packed(KEY_A, 2) + packed(KEY_A, 0) + packed(KEY_B, 1) + packed(KEY_B, 0)
        for at in range(0, len(data), 7):  # in pieces that split events
            os.write(write, data[at : at + 7])
        assert wait(lambda: len(pedal.log.events) == 3, timeout_s=5.0)
        assert [str(e.kind) for e in pedal.log.events] == ["contact", "release", "subtask"]
        assert all(before <= e.t_ns <= time.monotonic_ns() for e in pedal.log.events)
    os.close(write)


def test_a_pedal_is_a_dead_man_switch_that_fails_safe():
    read, write = os.pipe()
    with Pedal(read) as pedal:
        assert not pedal.held()
        os.write(write, packed(KEY_C, 1))
        assert wait(pedal.held, timeout_s=5.0)
        os.close(write)  # the plug is out while the foot is down
        assert wait(lambda: pedal.lost, timeout_s=5.0)
        assert not pedal.held()


def test_an_absent_pedal_says_what_to_do(tmp_path):
    with pytest.raises(MotoriumError, match="group input"):
        Pedal(tmp_path / "event7")


def test_an_operator_lets_the_arm_move_only_while_the_pedal_is_held():
    read, write = os.pipe()
    with Operator(-1, pedal=read) as operator:
        assert not operator.engaged()
        os.write(write, packed(KEY_B, 1) + packed(KEY_B, 0) + packed(KEY_C, 1))
        assert wait(operator.engaged, timeout_s=5.0)
        assert [str(event.kind) for event in operator.log.events] == ["subtask"]
        os.write(write, packed(KEY_C, 0))
        assert wait(lambda: not operator.engaged(), timeout_s=5.0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(read)
    os.close(write)


def test_an_operator_without_terminal_or_pedal_presses_nothing():
    with Operator(-1) as operator:
        assert operator.engaged()
        assert not operator.ended()
        assert not operator.stopped()
        assert operator.request() is None
