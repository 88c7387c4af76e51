"""A chunk that cannot be meant is refused when pushed, or its policy when bound; no run ends later for it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from turning_policy import Turn

import motorium as mt
from motorium._core import MAX_CHUNK_ROWS, ControlCore, Mode, PushStatus
from motorium.errors import BindingError, CheckpointError
from motorium.policies.find import find_checkpoint
from motorium.policies.nano.config import Descriptor
from motorium.robots.config import control_config
from motorium.runtime.schedule import Pace
from motorium.specs.robot import RobotSpec
from motorium.types import Float32

SPEC = RobotSpec.load("so101")
HOME = np.array([joint.home_rad for joint in SPEC.joints], np.float32)
NOW, DT, TICK, DAY = 10**15, 50_000_000, 5_000_000, 86_400 * 10**9


def core() -> ControlCore:
    made, still = ControlCore(control_config(SPEC)), np.zeros(6, np.float32)
    made.enable()
    made.tick(NOW, HOME, still, still, NOW)
    assert made.mode is Mode.HOLDING
    return made


def standing(rows: int) -> Float32:
    return np.tile(HOME, (rows, 1))


@pytest.mark.parametrize("value", [3e38, -3e38, 90.0, float(SPEC.joints[3].upper_rad) + 7.0])
def test_values_that_no_joint_means_are_refused(value: float) -> None:
    made, rows = core(), standing(16)
    rows[9, 3] = value
    assert made.push_chunk(rows, NOW, DT, 1, NOW) is PushStatus.OUT_OF_RANGE
    assert made.stats().malformed_chunks == 1
    assert made.push_chunk(standing(16), NOW, DT, 1, NOW) is PushStatus.ACCEPTED, "and nothing is left of it"


def test_a_little_beyond_a_limit_is_for_the_gate() -> None:
    rows = standing(16)
    rows[9, 3] = SPEC.joints[3].upper_rad + 0.5
    assert core().push_chunk(rows, NOW, DT, 1, NOW) is PushStatus.ACCEPTED


@pytest.mark.parametrize("ahead_ns", [11 * DAY, 11_000_000_000, 2**62])
def test_a_plan_for_another_day_is_refused(ahead_ns: int) -> None:
    assert core().push_chunk(standing(16), NOW + ahead_ns, DT, 1, NOW) is PushStatus.OUT_OF_TIME


@pytest.mark.parametrize("t0_ns", [NOW - 11 * DAY, 0, -(2**62)])
def test_a_plan_of_another_day_is_over(t0_ns: int) -> None:
    assert core().push_chunk(standing(16), t0_ns, DT, 1, NOW) is PushStatus.EXPIRED


@pytest.mark.parametrize("dt_ns", [-DT, 0, 1, 99_999, 10_000_000_001, 2**62])
def test_an_absurd_distance_of_rows_is_refused(dt_ns: int) -> None:
    assert core().push_chunk(standing(16), NOW, dt_ns, 1, NOW) is PushStatus.MALFORMED


def test_as_many_rows_as_a_descriptor_may_declare_are_followed_to_the_last() -> None:
    made, still, q, dt = core(), np.zeros(6, np.float32), HOME, 2 * TICK
    rows = standing(MAX_CHUNK_ROWS)
    rows[:, 0] += np.linspace(0, 0.5, MAX_CHUNK_ROWS, dtype=np.float32)
    assert made.push_chunk(rows, NOW, dt, 1, NOW) is PushStatus.ACCEPTED
    for i in range(1, 2 * MAX_CHUNK_ROWS - 1):
        now = NOW + i * TICK
        if i == MAX_CHUNK_ROWS:  # a second one as long, with all of the first's rest promised
            kept = made.committed(now, dt, MAX_CHUNK_ROWS // 2)
            again = np.vstack([kept, np.tile(kept[-1], (MAX_CHUNK_ROWS - len(kept), 1))])
            assert made.push_chunk(again, now, dt, len(kept), now) is PushStatus.ACCEPTED
        q = made.tick(now, q, still, still, now)
        np.testing.assert_allclose(
            made.setpoint_rad[0], np.interp(i / 2, np.arange(len(rows)), rows[:, 0]), atol=1e-3
        )
    assert made.push_chunk(standing(MAX_CHUNK_ROWS + 1), NOW, DT, 1, now) is PushStatus.MALFORMED


def test_plans_that_pile_up_are_refused_before_one_that_is_due_is_lost() -> None:
    made, t0, seen = core(), NOW, []
    for _ in range(5):  # each begins where the one before ends, all in the future
        seen.append(made.push_chunk(standing(MAX_CHUNK_ROWS), t0, 10_000_000, 0, NOW))
        t0 += MAX_CHUNK_ROWS * 10_000_000
    assert seen[:2] == [PushStatus.ACCEPTED] * 2
    assert PushStatus.OUT_OF_TIME in seen
    plan = made.committed(NOW, 10_000_000, MAX_CHUNK_ROWS)
    np.testing.assert_allclose(plan, standing(MAX_CHUNK_ROWS), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rows": MAX_CHUNK_ROWS + 1}, "rows is 257, not in 1..256"),
        ({"rows": 0}, "rows is 0"),
        ({"dt_s": 1e-6}, "dt_s is 1e-06"),
        ({"dt_s": float("nan")}, "dt_s is nan"),
        ({"execution_horizon": 65}, "execution_horizon is 65, not in 1..64"),
        ({"max_delay": -1}, "max_delay is -1"),
    ],
)
def test_a_policy_whose_plans_could_never_be_followed_is_refused_when_bound(
    change: dict[str, float], named: str
) -> None:
    with pytest.raises(BindingError, match=named):
        Pace.of(replace(Turn(SPEC).info, **change))


def test_descriptor_and_buffer_have_one_bound() -> None:
    text = (find_checkpoint("so101-pick") / "config.json").read_text()
    with pytest.raises(CheckpointError, match=f"rows.*{MAX_CHUNK_ROWS}"):
        Descriptor.from_json(text.replace('"rows": 16', f'"rows": {MAX_CHUNK_ROWS + 1}', 1))


class Odd(Turn):
    """Spoils every third answer after the start, each time in another way."""

    def __init__(self, spec: RobotSpec, rows: int) -> None:
        super().__init__(spec, rows, 0.02, speed_rad_s=0.1)
        degrees, huge = np.float32(57.3), np.float32(3e38)
        self.ways = itertools.cycle([lambda r: r * degrees + 40, lambda r: r[:-1], lambda r: r + huge])
        self.spoilt = 0

    def spoil(self, rows: Float32) -> Float32:
        if self.calls < 4 or self.calls % 3:
            return rows
        self.spoilt += 1
        return next(self.ways)(rows)


def test_a_run_survives_single_bad_chunks_and_takes_256_rows(virtual_robot: mt.Robot) -> None:
    policy = Odd(virtual_robot.spec, MAX_CHUNK_ROWS)

    def refused_them_all() -> bool:  # as the next answer is being made
        return policy.spoilt >= 3 and policy.calls % 3 == 1

    report = mt.run(virtual_robot, policy, "turn", 20.0, until=refused_them_all)
    assert policy.spoilt >= 3
    assert report.refused_chunks == policy.spoilt
    assert report.safety.trips == 0
    assert report.underflows == 0


def test_degrees_are_named_before_anything_moves(virtual_robot: mt.Robot) -> None:
    virtual_robot.home()
    policy, before = Turn(virtual_robot.spec), virtual_robot.control.goal_rad
    policy.spoil = lambda rows: rows * np.float32(57.3) + 40  # type: ignore[method-assign]
    with pytest.raises(
        BindingError, match=r"row 0 has shoulder_pan at .* rad, which is implausible.*degrees"
    ):
        mt.run(virtual_robot, policy, "turn", 2.0)
    np.testing.assert_array_equal(virtual_robot.control.goal_rad, before)


def test_a_policy_that_pushes_against_a_limit_does_not_wind_the_plan_up() -> None:
    """It goes on from what was promised, so what is promised must not lie where the arm cannot be."""
    made, q, still, now = core(), HOME, np.zeros(6, np.float32), NOW
    upper = SPEC.joints[0].upper_rad
    for _ in range(30):
        kept = made.committed(now, DT, 4)
        rows = np.vstack([kept, np.tile(kept[-1], (12, 1))])
        rows[4:, 0] += 0.1 * np.arange(1, 13)
        assert made.push_chunk(rows, now, DT, 4, now) in {PushStatus.ACCEPTED, PushStatus.LATE}
        for _ in range(80):
            now += TICK
            q = made.tick(now, q, still, still, now)
    assert made.committed(now, DT, 4)[:, 0] == pytest.approx([upper + 0.1] * 4, abs=1e-5)
    assert float(q[0]) == pytest.approx(upper, abs=1e-3)
