"""When a slew has arrived, in virtual time: close, at a stand, or out of time; pushing or sagging."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from motorium._core import ControlConfig, ControlCore, Mode, Reason

TICK, T0, J = 5_000_000, 10**12, 3
GRIPPER = 2


class Bench:
    """A core and joints that are where `follow` makes them."""

    def __init__(self, **overrides: Any) -> None:
        values: dict[str, Any] = {
            "lower_rad": [-2.0] * J,
            "upper_rad": [2.0] * J,
            "max_velocity_rad_s": [4.0] * J,
            "max_acceleration_rad_s2": [100.0] * J,
            "max_effort": [1.0] * J,
            "rest_rad": [0.0] * J,
            "grippers": [False, False, True],
        }
        self.core = ControlCore(ControlConfig(**{**values, **overrides}))
        self.t, self.q = T0, np.zeros(J, np.float32)
        self.offset = np.zeros(J, np.float32)
        self.blocked: int | None = None
        self.effort = np.zeros(J, np.float32)
        self.core.enable()
        self.tick()

    def tick(self) -> None:
        self.t += TICK
        goal = self.core.tick(self.t, self.q, np.zeros(J, np.float32), self.effort, self.t) + self.offset
        if self.blocked is not None:
            goal[self.blocked] = self.q[self.blocked]
        self.q = goal.astype(np.float32)

    def move(self, *target: float) -> float:
        """Seconds until the motion is over."""
        begin = self.t
        self.core.move_to(np.array(target, np.float32))
        self.tick()
        while self.core.mode is Mode.MOVING:
            self.tick()
            assert self.t - begin < 10**10
        return (self.t - begin) * 1e-9

    def missed(self) -> int:
        return int(self.core.stats().arrival.missed)


def test_an_arm_that_is_there_is_not_waited_for() -> None:
    bench = Bench()
    quick = bench.move(1.0, -1.0, 0.5)
    bench.offset[:] = 0.05
    assert bench.move(0.0, 0.0, 0.0) == pytest.approx(quick, abs=0.02)
    assert bench.missed() == 0


def test_an_arm_that_sags_is_taken_once_it_stands() -> None:
    bench = Bench()
    quick = bench.move(1.0, 0.0, 0.0)
    bench.offset[0] = -0.15
    slow = bench.move(0.0, 0.0, 0.0)
    assert 0.08 < slow - quick < 0.2
    assert bench.missed() == 0


def test_an_arm_that_creeps_is_waited_for_no_longer_than_the_settle_time() -> None:
    bench = Bench(settle_s=0.4)
    quick = bench.move(1.0, 0.0, 0.0)
    begin = bench.t
    bench.core.move_to(np.zeros(J, np.float32))
    bench.tick()
    while bench.core.mode is Mode.MOVING:
        swing = 0.28 + 0.02 * np.sin(bench.t / 2e7)
        bench.offset[0] = min(bench.offset[0] + 0.01, swing)
        bench.tick()
    assert (bench.t - begin) * 1e-9 == pytest.approx(quick + 0.4, abs=0.05)
    assert bench.missed() == 0b001


@pytest.mark.parametrize(("tolerance", "missed"), [(0.1, 0b010), (0.3, 0), (np.inf, 0)])
def test_the_tolerance_is_each_joints_own(tolerance: float, missed: int) -> None:
    bench = Bench(arrival_tolerance_rad=[0.2, tolerance, 0.2])
    bench.offset[1] = 0.25
    bench.move(1.0, 1.0, 0.0)
    assert bench.missed() == missed


@pytest.mark.parametrize(
    ("joint", "effort", "missed", "contact"),
    [
        (GRIPPER, 0.3, 0, 1 << GRIPPER),
        (GRIPPER, -0.3, 1 << GRIPPER, 0),  # pushed away from its goal
        (GRIPPER, 0.01, 1 << GRIPPER, 0),
        (0, 0.3, 1, 0),  # an arm that something stops has not arrived
    ],
)
def test_only_a_gripper_that_pushes_arrives_by_contact(
    joint: int, effort: float, missed: int, contact: int
) -> None:
    bench = Bench()
    bench.blocked, bench.effort[joint] = joint, effort
    bench.move(1.0, 1.0, 1.0)
    arrival = bench.core.stats().arrival
    assert (arrival.missed, arrival.contact) == (missed, contact)
    assert arrival.position_rad[joint] == 0.0
    assert arrival.target_rad[joint] == 1.0


@pytest.mark.parametrize(("blocked", "reason"), [(None, ""), (0, "park_timed_out"), (GRIPPER, "")])
def test_a_park_that_ends_elsewhere_says_so(blocked: int | None, reason: str) -> None:
    bench = Bench()
    bench.move(1.0, 1.0, 1.0)
    bench.blocked = blocked
    if blocked is not None:
        bench.effort[blocked] = -0.3
    bench.core.park()
    bench.tick()
    while bench.core.mode is Mode.MOVING:
        bench.tick()
    assert (bench.core.mode, bench.core.reason) == (Mode.RELEASED, Reason(reason))


def test_a_share_that_no_profile_can_have_leaves_the_arm_where_it_is() -> None:
    bench = Bench()
    assert bench.move(0.5, 0.0, 0.0) > 0.0
    bench.core.move_to(np.ones(J, np.float32), 1e-12)
    for _ in range(50):
        bench.tick()
    assert (bench.core.mode, bench.core.reason) == (Mode.HOLDING, Reason.UNPLANNED)
    np.testing.assert_allclose(bench.q, [0.5, 0.0, 0.0], atol=1e-5)


@pytest.mark.parametrize("share", [0.0, -1.0, 2.0, np.inf, np.nan])
def test_a_share_outside_its_range_changes_nothing(share: float) -> None:
    bench = Bench()
    with pytest.raises(ValueError, match=r"velocity_share must be in \(0, 1\], or None"):
        bench.core.move_to(np.ones(J, np.float32), share)
    bench.tick()
    assert bench.core.mode is Mode.HOLDING


@pytest.mark.parametrize("limits", [{"approach_velocity_share": 1e-12}, {"max_jerk_rad_s3": [1e-9] * J}])
def test_limits_that_leave_no_park_are_refused_before_there_is_torque(limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no motion to compute"):
        Bench(**limits)
