"""Marks: kept, found again, read from a pedal with their own times."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import wait

from motorium.errors import MotoriumError
from motorium.timeline.events import KINDS, Event, EventLog
from motorium.timeline.pedal import EV_KEY, INPUT_EVENT, KEY_A, KEY_B, KEY_C, Pedal


def test_contact_lasts_from_its_mark_to_the_release():
    log = EventLog([Event(30, "release"), Event(10, "contact"), Event(50, "contact")])
    assert log.contact([0, 9, 10, 29, 30, 49, 50, 99]).tolist() == [0, 0, 1, 1, 0, 0, 1, 1]


def test_subtasks_are_numbered_in_order_of_time():
    log = EventLog([Event(20, "subtask", text="lift"), Event(10, "subtask", text="grasp")])
    index, names = log.subtasks([5, 10, 15, 20, 25])
    assert index.tolist() == [0, 1, 1, 2, 2]
    assert names == ["", "grasp", "lift"]
    assert EventLog().subtasks([1, 2])[0].tolist() == [0, 0]


EVENTS = st.builds(
    Event, st.integers(0, 1 << 62), st.sampled_from(KINDS), st.text(max_size=20), st.text(max_size=99)
)


@settings(max_examples=6, deadline=None)
@given(events=st.lists(EVENTS, max_size=20))
def test_a_log_comes_back_as_it_was(tmp_path_factory, events):
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    log = EventLog(events)
    log.save(path)
    assert EventLog.load(path).events == log.events


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "5", '{"t_ns": 1}', '{"t_ns": 1.5, "kind": "mark"}', '{"t_ns": true, "kind": "mark"}',
     '{"t_ns": -1, "kind": "mark"}', '{"t_ns": 1, "kind": "dance"}', '{"t_ns": 1, "kind": "mark", "x": 1}',
     '{"t_ns": 1, "kind": "mark", "text": 5}', "[" * 100_000],
)  # fmt: skip
def test_a_strange_line_is_named(tmp_path, line):
    path = tmp_path / "events.jsonl"
    path.write_text('{"t_ns": 1, "kind": "mark"}\n' + line + "\n")
    with pytest.raises(MotoriumError, match=r"events\.jsonl:2"):
        EventLog.load(path)


def test_a_recorder_takes_each_event_once_while_others_add():
    log, taken = EventLog(), []
    adders = [
        threading.Thread(target=lambda k=k: [log.add(Event(k * 1000 + i, "mark")) for i in range(200)])
        for k in range(4)
    ]
    for adder in adders:
        adder.start()
    while any(adder.is_alive() for adder in adders):
        taken += log.take()
    taken += log.take()
    assert sorted(e.t_ns for e in taken) == sorted(k * 1000 + i for k in range(4) for i in range(200))


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
        assert [e.kind for e in pedal.log.events] == ["contact", "release", "subtask"]
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


def test_ticks_and_events_meet():
    log = EventLog([Event(1_050_000_000, "contact")])
    ticks = 1_000_000_000 + np.arange(5) * 33_333_333
    assert log.contact(ticks).tolist() == [False, False, True, True, True]
