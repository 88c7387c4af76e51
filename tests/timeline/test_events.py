"""Marks: kept, found again, turned into columns."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motorium.errors import MotoriumError
from motorium.timeline.events import KINDS, Event, EventLog


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


def test_ticks_and_events_meet():
    log = EventLog([Event(1_050_000_000, "contact")])
    ticks = 1_000_000_000 + np.arange(5) * 33_333_333
    assert log.contact(ticks).tolist() == [False, False, True, True, True]
