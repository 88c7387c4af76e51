"""The mode table of the control core, every event in every state."""

from __future__ import annotations

import itertools
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from cpp_program import build


def names(text: str) -> list[str]:
    """Return the words of `text`, in the order of the C++ enum."""
    return text.split()


STATES = names("idle released holding running moving parking fault fault_off stopped stopped_off")
EVENTS = names(
    "enabled move hold park protect lose_supervisor release fault torque_refused estop reset_estop accept_position"
    " reconnected arrived unplanned unreachable followed plan_ended underflow stream_lost"
)
ACTIONS = names(
    "new_epoch start_park rearm drop_slew drop_enable come_to_rest freeze_setpoint freeze_goal torque_off"
    " forget_torque"
)
REASONS = names(
    "none underflow bus_errors bus_closed gate_tripped parking park_timed_out protection frozen estop position_jump"
    " unplanned unsupervised"
)
MOVE_ENDS = names(
    "none arrived missed unplanned cancelled held bus_errors parked protection released estop fault"
)

# The state after each event, one column for each of STATES; "." where the event means nothing.
NEXT = """
enabled         holding     holding     .         .        .        .        .         holding     .           .
move            .           .           moving    moving   moving   .        .         .           .           .
hold            .           .           holding   holding  holding  .        .         .           .           .
park            released    released    parking   parking  parking  parking  parking   released    .           .
protect         .           .           parking   parking  parking  .        .         .           .           .
lose_supervisor released    released    parking   parking  parking  parking  parking   released    .           .
release         released    released    released  released released released released  released    stopped_off stopped_off
fault           fault_off   fault_off   fault     fault    fault    fault    fault     fault_off   .           .
torque_refused  .           .           .         .        .        .        fault_off .           stopped_off .
estop           stopped_off stopped_off stopped   stopped  stopped  stopped  stopped   stopped_off .           .
reset_estop     .           .           .         .        .        .        .         .           .           released
accept_position .           .           .         .        .        .        .         released    .           .
reconnected     released    released    released  released released released released  released    stopped_off stopped_off
arrived         .           .           .         .        holding  .        .         .           .           .
unplanned       .           .           .         .        holding  released .         .           .           .
unreachable     .           .           holding   holding  holding  released .         .           .           .
followed        .           .           running   running  .        .        .         .           .           .
plan_ended      .           .           holding   holding  .        .        .         .           .           .
underflow       .           .           holding   holding  .        .        .         .           .           .
stream_lost     .           .           .         holding  .        .        .         .           .           .
"""  # noqa: E501

Step = tuple[str, frozenset[str]]


class Table:
    """What the program printed, with names for numbers."""

    def __init__(self, lines: list[str]) -> None:
        self.steps: dict[tuple[str, str], Step | None] = {}
        self.ends: dict[tuple[str, str], str] = {}
        self.torque: set[str] = set()
        self.estop: set[str] = set()
        self.reasons: dict[str, set[str]] = defaultdict(set)
        for kind, *words in (line.split() for line in lines):
            n = [int(word) for word in words]
            if kind == "step":
                actions = frozenset(a for i, a in enumerate(ACTIONS) if n[5] >> i & 1)
                self.steps[EVENTS[n[0]], STATES[n[1]]] = (STATES[n[3]], actions) if n[2] else None
            elif kind == "end":
                self.ends[EVENTS[n[0]], REASONS[n[1]]] = MOVE_ENDS[n[2]]
            elif kind == "state":
                self.torque |= {STATES[n[0]]} if n[2] else set()
                self.estop |= {STATES[n[0]]} if n[3] else set()
            else:
                self.reasons[STATES[n[0]]].add(REASONS[n[1]])

    def taken(self) -> list[tuple[str, str, str, frozenset[str]]]:
        """Return event, state before, state after and actions of all that mean something."""
        return [(event, before, *step) for (event, before), step in self.steps.items() if step]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    source = Path(__file__).parent / "cpp/mode_table_dump.cpp"
    program = build(tmp_path_factory.mktemp("table") / "dump", source, "-O0")
    done = subprocess.run([program], capture_output=True, text=True, check=True, timeout=60)
    return Table(done.stdout.splitlines())


def test_every_event_in_every_state(table: Table) -> None:
    expected = {}
    for line in NEXT.strip().splitlines():
        event, *after = line.split()
        expected |= {(event, before): name for before, name in zip(STATES, after, strict=True)}
    found = {key: step[0] if step else "." for key, step in table.steps.items()}
    assert found == expected
    assert set(found) == set(itertools.product(EVENTS, STATES))


def test_torque_comes_from_enabling_alone(table: Table) -> None:
    for event, before, after, actions in table.taken():
        if before not in table.torque and after in table.torque:
            assert event == "enabled"
        if before in table.torque and after not in table.torque:
            known_off = event in {"torque_refused", "reconnected"}
            assert known_off or "torque_off" in actions, (event, before)


def test_an_emergency_stop_is_latched(table: Table) -> None:
    left = {
        (event, before)
        for event, before, after, _ in table.taken()
        if {before} <= table.estop and after not in table.estop
    }
    assert left == {("reset_estop", "stopped_off")}
    for before in set(STATES) - table.estop:
        step = table.steps["estop", before]
        assert step is not None
        assert step[0] in table.estop
        assert {"freeze_goal", "new_epoch", "drop_slew", "drop_enable"} <= step[1]


def test_what_stops_an_arm_voids_plans_and_slews(table: Table) -> None:
    for event, before, _, actions in table.taken():
        if event in {"hold", "release", "fault", "estop", "reconnected"}:
            assert {"new_epoch", "drop_slew"} <= actions, (event, before)
        if event in {"park", "protect", "lose_supervisor"} and before in table.torque - {"parking"}:
            assert {"new_epoch", "start_park"} <= actions, (event, before)
            assert ("rearm" in actions) == (before == "fault")


def test_a_move_ends_with_a_word(table: Table) -> None:
    for event, before, after, _ in table.taken():
        if before == "moving" and after != "moving":
            assert "none" not in {table.ends[event, reason] for reason in REASONS}, event
    assert table.ends["hold", "bus_errors"] == "bus_errors"
    assert table.ends["hold", "unplanned"] == "unplanned"
    assert table.ends["hold", "none"] == "held"
    assert table.ends["protect", "protection"] == "protection"
    assert table.ends["lose_supervisor", "unsupervised"] == "parked"


def test_every_reason_that_a_state_can_have(table: Table) -> None:
    faults = {"bus_errors", "bus_closed", "gate_tripped", "frozen", "position_jump"}
    assert dict(table.reasons) == {
        "idle": {"none"},
        "released": {"none", "park_timed_out", "protection", "unsupervised"},
        "holding": {"none", "underflow", "bus_errors", "unplanned"},
        "running": {"none"},
        "moving": {"none"},
        "parking": {"parking", "protection", "unsupervised"},
        "fault": faults,
        "fault_off": faults,
        "stopped": {"estop"},
        "stopped_off": {"estop"},
    }
