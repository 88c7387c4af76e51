"""The gate as Python and the driver see it: the only maker of goals, the only way to the bus."""

from __future__ import annotations

import numpy as np
import pytest

from motorium import _core
from motorium._core import Verdict

LIMITS = {
    "lower_rad": [-1.0, -1.0],
    "upper_rad": [1.0, 1.0],
    "max_velocity_rad_s": [2.0, 2.0],
    "max_acceleration_rad_s2": [50.0, 50.0],
    "max_effort": [0.8, 0.8],
    "dt_s": 0.005,
    "max_state_age_s": 0.1,
    "max_command_age_s": 0.5,
    "trip_after": 2,
}
REST = [0.0, 0.0]


@pytest.fixture
def gate() -> _core.SafetyGate:
    gate = _core.SafetyGate(_core.LimitsConfig(**LIMITS))
    assert gate.arm(REST)
    return gate


def test_nobody_else_makes_goals():
    with pytest.raises(TypeError, match=r"No constructor"):
        _core.GatedGoal()


def test_the_bus_takes_nothing_but_gated_goals(arm):
    for goal in (np.zeros(6, np.float32), [0.0] * 6, None):
        with pytest.raises(TypeError):
            arm.bus.write_goal(goal)


def test_a_goal_reads_as_an_array(gate):
    goal, verdict, causes = gate.apply([0.001, -0.001], REST, REST, 0, 0, 0)
    assert (verdict, causes) == (Verdict.PASS, 0)
    assert len(goal) == 2
    assert goal.position_rad.dtype == np.float32
    np.testing.assert_allclose(np.asarray(goal), [0.001, -0.001], rtol=1e-6)


def test_a_goal_is_a_copy(gate):
    goal, _, _ = gate.apply([0.001, 0.0], REST, REST, 0, 0, 0)
    goal.position_rad[:] = 9.0
    assert goal.position_rad.max() < 1.0


def test_refusals_trip_and_reset_disarms(gate):
    bad = [np.nan, 0.0]
    assert gate.apply(bad, REST, REST, 0, 0, 0)[1] == Verdict.REFUSED
    assert gate.apply(bad, REST, REST, 0, 0, 0)[1] == Verdict.TRIPPED
    assert gate.tripped
    assert not gate.arm(REST)
    gate.reset()
    assert not gate.armed
    assert gate.arm(REST)
    assert gate.counters().refused == 2
    assert gate.counters().trips == 1


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 1), ()])
def test_wrong_shapes_are_refused(gate, shape):
    wrong = np.zeros(shape, np.float32)
    with pytest.raises(ValueError, match=r"goal_rad must have shape"):
        gate.apply(wrong, REST, REST, 0, 0, 0)
    with pytest.raises(ValueError, match=r"effort must have shape"):
        gate.apply(REST, REST, wrong, 0, 0, 0)
    with pytest.raises(ValueError, match=r"measured_rad must have shape"):
        gate.arm(wrong)


@pytest.mark.parametrize(
    "bad",
    [
        {"lower_rad": [2.0, -1.0]}, {"max_effort": [0.8]}, {"max_effort": [0.8, 1.2]}, {"dt_s": 0.0}, {"trip_after": 0},
        {"max_state_age_s": -1.0}, {"lower_rad": [], "upper_rad": []}, {"max_velocity_rad_s": [np.inf, 1.0]},
    ],
    ids=str,
)  # fmt: skip
def test_contradictory_limits_are_refused(bad):
    with pytest.raises(ValueError, match=r"limits"):
        _core.LimitsConfig(**{**LIMITS, **bad})


@pytest.mark.parametrize("age_s", [float("nan"), float("inf"), 1e300, -1e300])
def test_absurd_ages_are_refused(age_s):
    with pytest.raises(ValueError, match=r"limits"):
        _core.LimitsConfig(**{**LIMITS, "max_state_age_s": age_s})
