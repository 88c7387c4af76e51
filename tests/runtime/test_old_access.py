"""What 0.1.0 gave as dicts, texts and other names is used the old way for one release, and warns."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest

from motorium import _core
from motorium._core import (
    ControlConfig,
    ControlCore,
    GateCauses,
    JointState,
    Mode,
    PushStatus,
    Reason,
    WatchedBy,
)  # fmt: skip
from motorium.deprecated import OldAccessWarning, renamed_keyword
from motorium.robots.config import robot_config
from motorium.robots.status import JointStatus, PlanningStatus
from motorium.specs.robot import RobotSpec

OLD_STATS = [
    "mode", "reason", "torque", "ticks", "streaming", "streams", "streams_lost", "underflows", "fallbacks",
    "estop", "estops", "chunks", "stitches", "late_chunks", "expired_chunks", "malformed_chunks",
    "seam_jump_max_rad", "handover_jump_max_rad", "joins", "clamped", "clamped_position",
    "clamped_velocity", "clamped_acceleration", "clamped_effort", "refused", "trips", "gate_causes",
    "back_offs", "protection", "jumped_joints", "approaches", "approach_joint", "approach_rad",
    "moves_done", "arrival", "seams",
]  # fmt: skip
"""Keys of `ControlCore.stats()` in 0.1.0, in order."""


LIMITS = {
    "lower_rad": [-1.0, -1.0], "rest_rad": [0.0, 0.0],
    **{name: [1.0, 1.0] for name in ("upper_rad", "max_velocity_rad_s", "max_acceleration_rad_s2", "max_effort")},
}  # fmt: skip


@pytest.fixture
def core() -> ControlCore:
    made = ControlCore(ControlConfig(**LIMITS))
    made.tick(1, [0.1, 0.2], [0.0, 0.0], [0.0, 0.0], 1)
    return made


def test_statistics_are_read_like_the_dict_they_were(core):
    stats = core.stats()
    with pytest.warns(OldAccessWarning, match="CoreStats is no longer a dict"):
        old: dict[str, Any] = dict(stats)
    assert list(old) == OLD_STATS
    assert json.loads(json.dumps(old)) == old, "plain values, as in 0.1.0"
    assert type(old["mode"]) is type(old["reason"]) is str
    assert type(old["gate_causes"]) is int
    assert old["protection"] == [0, 0]
    with pytest.warns(OldAccessWarning):
        assert stats["arrival"]["target_rad"] == [0.0, 0.0]
    with pytest.warns(OldAccessWarning):
        assert "ticks" in stats
    with pytest.warns(OldAccessWarning):
        assert stats.get("nothing", 3) == 3
    with pytest.warns(OldAccessWarning), pytest.raises(KeyError, match="nothing"):
        stats["nothing"]
    with pytest.warns(OldAccessWarning):
        assert {**stats} == stats.as_dict()


def test_the_warning_names_the_line_that_has_to_change(core):
    with pytest.warns(OldAccessWarning) as caught:
        core.stats()["ticks"]
    assert [warning.filename for warning in caught] == [__file__]


def test_a_struct_cannot_be_changed_and_shows_its_fields(core):
    stats = core.stats()
    with pytest.raises(AttributeError):
        stats.ticks = 3
    assert "mode=<Mode.IDLE: 'idle'>" in repr(stats)
    for name in stats.fields:
        assert getattr(type(stats), name).__doc__, f"{name} has no words"


def test_readings_are_arrays_of_their_own():
    state = JointState()
    assert state.position_rad.shape == (0,)
    with pytest.warns(OldAccessWarning):
        assert state["joint_t_ns"].dtype == np.int64


def test_an_enum_is_compared_with_its_text_for_one_release(core):
    assert core.mode is Mode.IDLE
    assert core.reason is Reason.NONE
    assert not core.reason
    with pytest.warns(OldAccessWarning, match=r"Mode\.IDLE"):
        assert core.mode == "idle"
    with pytest.warns(OldAccessWarning):
        assert core.mode != "fault"
    with pytest.warns(OldAccessWarning):
        assert core.mode in ("holding", "idle")
    assert f"{core.mode}" == str(core.mode) == core.mode.value
    assert Mode("idle") is Mode.IDLE
    assert json.dumps({"mode": core.mode}) == '{"mode": "idle"}'
    assert copy.deepcopy(Mode.FAULT) is Mode.FAULT


def test_an_enum_is_never_equal_to_another_one():
    assert Mode.FAULT != _core.MoveEnd.FAULT
    assert _core.MoveEnd.FAULT != Mode.FAULT
    assert len({Mode.FAULT, _core.MoveEnd.FAULT, Mode.FAULT}) == 2


def test_what_a_push_answers_is_an_enum(core):
    rows = np.zeros((4, 2), np.float32)
    assert core.push_chunk(rows, 1, 10**7, 0, 1) is PushStatus.NOT_RUNNING


def test_bits_are_numbers_too():
    both = GateCauses.POSITION | GateCauses.EFFORT
    assert both == 0b1001
    assert both >> 3 & 1


def test_old_names_of_the_core_lead_to_the_new_ones():
    with pytest.warns(OldAccessWarning, match="JointState"):
        assert _core.JointReadings is JointState
    for old, new in (
        ("ControlLoop", "Robot"),
        ("FeetechJoints", "FeetechBus"),
        ("DynamixelJoints", "DynamixelBus"),
    ):
        with pytest.warns(OldAccessWarning, match=new):
            assert getattr(_core, old) is getattr(_core, new)
    with pytest.raises(AttributeError, match="nothing"):
        _core.nothing  # noqa: B018


def test_a_driver_made_without_a_config_gives_the_registers_of_before():
    emulator = _core.ServoEmulator([1])
    with pytest.warns(OldAccessWarning, match="ServiceBus"):
        bus = _core.FeetechBus(emulator.port, 1_000_000)
    assert isinstance(bus, _core.ServiceBus)
    assert bus.ping(1)
    with pytest.warns(OldAccessWarning, match="dynamixel"), pytest.raises(_core.BusError):
        _core.DynamixelBus("/dev/ttyNONE", 1_000_000)
    with pytest.raises(TypeError):
        _core.FeetechBus(emulator.port, config=None)


def relayed() -> _core.Robot:
    """A robot whose servos nobody serves."""
    config = robot_config(RobotSpec.load("so101"))
    (bus,) = config.buses
    bus.family, bus.traits = "relay", {}
    config.buses = [bus]
    return _core.Robot(config, _core.Relay(6))


def test_old_names_of_a_robot_lead_to_the_new_ones():
    control = relayed()
    with pytest.warns(OldAccessWarning, match=r"Robot\.committed is now called committed_joints") as caught:
        assert control.committed(1, 10**7, rows=3).shape == (3, 6)
    with pytest.warns(OldAccessWarning, match=r"Robot\.push_chunk is now called push_joints"):
        assert control.push_chunk(np.zeros((4, 6)), 1, 10**7, 0) is PushStatus.NOT_RUNNING
    assert [warning.filename for warning in caught] == [__file__]


def test_who_watches_is_a_flag_with_words():
    both = WatchedBy.SUPERVISOR | WatchedBy.NOBODY
    assert str(both) == f"{both}" == "supervisor, none"
    assert str(WatchedBy.SERVOS) == "servo watchdog"
    assert both & WatchedBy.NOBODY
    assert both != WatchedBy.NOBODY
    with pytest.warns(OldAccessWarning, match="WatchedBy, not with the text 'supervisor, none'"):
        assert both == "supervisor, none"
    with pytest.warns(OldAccessWarning):
        assert both != "none"
    stats = relayed().stats()
    assert stats.watchdog is WatchedBy.NOBODY
    assert stats.as_dict()["watchdog"] == "none"
    assert copy.copy(stats).as_dict()["watchdog"] == "none"


def test_texts_that_are_enums_today_are_taken_with_a_warning():
    servos = _core.ServoEmulator([1])
    try:
        with pytest.warns(OldAccessWarning, match=r"give ServoFault\.DROP, not the text 'drop'") as caught:
            servos.set_fault("drop")
        assert [warning.filename for warning in caught] == [__file__]
        with pytest.raises(TypeError):
            servos.set_fault(Mode.FAULT)
    finally:
        servos.close()
    with pytest.warns(OldAccessWarning, match=r"RestPolicy\.PARK"):
        ControlConfig(**LIMITS, fallback="park")
    with pytest.warns(OldAccessWarning, match=r"Precision\.INT8"):
        assert _core.kernels.measure_peak("int8", seconds=0.001) > 0
    with pytest.raises(ValueError, match="no Precision is called 'float16'; known: float32, bfloat16, int8"):
        _core.kernels.measure_peak("float16", seconds=0.001)


def test_what_kernels_tell_is_read_like_the_dicts_it_was():
    about = _core.kernels.describe("plain")
    assert (about.isa, about.fused) == ("plain", False)
    with pytest.warns(OldAccessWarning, match="KernelTable is no longer a dict"):
        assert about["isa"] == "plain"
    times = _core.kernels.measure_product(2, 16, 16, repeats=3)
    assert len(times.seconds) == 3
    with pytest.warns(OldAccessWarning):
        assert times["weight_bytes"] == times.weight_bytes > 0


def test_a_keyword_that_was_renamed_is_taken_with_a_warning():
    @renamed_keyword(locked="committed")
    def plan(noise, committed=None):
        return noise, committed

    with pytest.warns(OldAccessWarning, match=r"the argument locked of plan\(\) is now called committed"):
        assert plan(1, locked=2) == (1, 2)
    assert plan(1, 2) == plan(1, committed=2)
    with pytest.raises(TypeError, match="got 'committed' and 'locked', its old name"):
        plan(1, committed=2, locked=2)


def test_dataclasses_that_were_dicts_are_read_the_same_way():
    joint = JointStatus(0.1, 0.0, 0.0, 12.0, 30.0, 0.01, ("overload",))
    with pytest.warns(OldAccessWarning):
        assert joint["faults"] == ["overload"]
    planning = PlanningStatus(True, 1, 2.0, 3, 4, 5, 6.0, 7, 8)
    with pytest.warns(OldAccessWarning):
        assert dict(planning) == planning.as_dict()
