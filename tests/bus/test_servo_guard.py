"""The guard in front of the gate: backs off before a servo latches, and lets go again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pytest

from motorium._core import GuardJoint, ServoGuard
from motorium.robots.config import control_config
from motorium.specs.robot import RobotSpec
from motorium.specs.robot import names as robot_names
from motorium.specs.servo import MotorSpec, names

DT = 0.005
STALLED, OVERLOADED, WARM, DERATED, HOT, LOW, BAD = (1 << bit for bit in range(7))
OK, WARN, ACT, STOP = range(4)
LIMITS = {
    "stall_effort": 0.5, "stall_error_rad": 0.2, "stall_velocity_rad_s": 0.15, "stall_time_s": 1.0,
    "overload_effort": 0.75, "hold_effort": 0.35, "warn_c": 50.0, "derate_c": 56.0, "stop_c": 64.0,
    "warn_v": 6.0, "min_v": 4.5, "max_v": 14.0,
}  # fmt: skip


@dataclass
class Bench:
    """One joint: a position controller whose torque grows with its error, and whatever is in its way."""

    stiffness: float = 8.0
    wall_rad: float = math.inf
    carried: float = 0.0
    limits: dict[str, float] = field(default_factory=dict)
    position: float = 0.0
    load: float = 0.0
    velocity: float = 0.0
    celsius: float = 30.0
    volts: float = 7.4
    bits: int = 0
    verdict: int = 0
    goal: float = 0.0
    overload_s: float = 0.0
    longest_overload_s: float = 0.0

    def __post_init__(self) -> None:
        self.guard = ServoGuard([GuardJoint(**{**LIMITS, **self.limits})], DT)

    def run(self, wish: float, seconds: float) -> None:
        for _ in range(round(seconds / DT)):
            goals, bits, self.verdict = self.guard.step(
                [wish], [self.position], [self.velocity], [self.load], [self.celsius], [self.volts]
            )
            self.bits, self.goal = bits[0], float(goals[0])
            self.load = float(np.clip(self.stiffness * (self.goal - self.position), -1, 1))
            before = self.position
            speed = 4.0 * (self.load - self.carried)
            self.position = min(self.position + speed * DT, self.wall_rad)
            self.velocity = (self.position - before) / DT
            self.overload_s = self.overload_s + DT if abs(self.load) >= 0.8 else 0.0
            self.longest_overload_s = max(self.longest_overload_s, self.overload_s)


def test_a_joint_against_a_wall_is_backed_off_before_its_servo_latches():
    bench = Bench(wall_rad=0.1)
    bench.run(wish=1.0, seconds=5)
    assert bench.longest_overload_s < 1.2  # an STS3215 latches after 2 s
    assert abs(bench.load) <= 0.36
    assert bench.bits & (STALLED | OVERLOADED)
    assert bench.verdict == ACT


def test_a_slow_stall_below_the_overload_threshold_is_one_too():
    bench = Bench(wall_rad=0.1, stiffness=3.0)
    bench.run(wish=0.32, seconds=0.3)
    assert bench.bits == 0
    bench.run(wish=0.32, seconds=3)
    assert bench.bits & STALLED
    assert abs(bench.load) <= 0.36


def test_it_lets_go_when_the_command_comes_back():
    bench = Bench(wall_rad=0.1)
    bench.run(wish=1.0, seconds=3)
    bench.run(wish=0.0, seconds=1)
    assert bench.bits == 0
    assert bench.position == pytest.approx(0.0, abs=0.01)


def test_it_lets_go_when_the_obstacle_is_taken_away():
    bench = Bench(wall_rad=0.1)
    bench.run(wish=0.6, seconds=3)
    bench.wall_rad = math.inf
    bench.run(wish=0.6, seconds=3)
    assert bench.position == pytest.approx(0.6, abs=0.01)
    assert bench.bits == 0


def test_free_motion_is_left_alone():
    bench = Bench()
    for wish in (0.3, -0.3, 1.0, -1.0, 0.0):
        bench.run(wish, 1.0)
        assert bench.goal == pytest.approx(wish)
        assert bench.bits == 0


def test_a_load_that_a_servo_bears_is_left_alone():
    bench = Bench(carried=0.45)
    bench.run(wish=0.5, seconds=10)
    assert bench.goal == pytest.approx(0.5)


def test_too_much_weight_sinks_instead_of_dropping():
    bench = Bench(carried=0.85)
    bench.run(wish=0.5, seconds=1.0)
    before = bench.position
    bench.run(wish=0.5, seconds=3.0)
    assert bench.bits & OVERLOADED
    assert bench.longest_overload_s < 1.5
    assert before - 4.0 < bench.position < before  # free fall takes it three times as far
    assert bench.load == pytest.approx(0.9 * 0.75, abs=0.1)  # it goes on bearing what it can


def test_heat_warns_then_derates_then_stops():
    bench = Bench()
    seen = []
    for celsius in (49, 52, 60, 65):
        bench.celsius = celsius
        bench.run(wish=0.0, seconds=0.2)
        seen.append((bench.bits, bench.verdict))
    assert seen == [(0, OK), (WARM, WARN), (WARM | DERATED, ACT), (WARM | DERATED | HOT, ACT)]
    bench.run(wish=0.0, seconds=0.6)
    assert bench.verdict == STOP


def test_derating_lowers_what_a_joint_may_push():
    cool, warm = (Bench(carried=0.6, celsius=celsius) for celsius in (40.0, 63.0))
    for bench in (cool, warm):
        bench.run(wish=0.5, seconds=4)
    assert cool.bits == 0
    assert warm.bits & OVERLOADED


@pytest.mark.parametrize(("volts", "bits"), [(5.5, LOW), (4.0, LOW | BAD), (14.5, BAD)])
def test_supply(volts: float, bits: int):
    bench = Bench(volts=volts)
    bench.run(wish=0.0, seconds=0.3)
    assert bench.bits == bits
    bench.run(wish=0.0, seconds=0.5)
    assert bench.verdict == (STOP if bits & BAD else WARN)


def test_one_bad_reading_stops_nothing():
    bench = Bench(celsius=90.0)
    bench.run(wish=0.0, seconds=0.3)
    bench.celsius = 30.0
    bench.run(wish=0.0, seconds=0.3)
    assert bench.verdict == OK


def test_what_is_not_known_yet_is_no_trouble():
    bench = Bench(celsius=0.0, volts=0.0)
    bench.run(wish=0.2, seconds=1.0)
    assert (bench.bits, bench.verdict) == (0, OK)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_reach_the_gate_as_they_are(bad: float):
    guard = ServoGuard([GuardJoint(**LIMITS)], DT)
    for _ in range(1000):
        goals, _, _ = guard.step([bad], [0.0], [0.0], [1.0], [30.0], [7.4])
    assert not math.isfinite(goals[0])
    goals, bits, verdict = guard.step([0.1], [0.0], [0.0], [0.0], [30.0], [7.4])
    assert (float(goals[0]), bits, verdict) == (pytest.approx(0.1), [0], OK)


@pytest.mark.parametrize(
    "change",
    [
        {"stall_effort": -1},
        {"hold_effort": 0.8},
        {"overload_effort": 0.3},
        {"stop_c": 10.0},
        {"warn_c": math.nan},
    ],
)
def test_contradictions_are_refused(change: dict[str, float]):
    with pytest.raises(ValueError, match="protection"):
        ServoGuard([GuardJoint(**{**LIMITS, **change})], DT)


@pytest.mark.parametrize("motor", [name for name in names() if MotorSpec.load(name).protection])
@pytest.mark.parametrize("role", ["body", "gripper"])
def test_shipped_thresholds_back_off_before_the_servo_does(motor: str, role: str):
    spec = MotorSpec.load(motor)
    entry = spec.protection_for(role)
    assert entry is not None
    latches_at = 0.25 if motor == "sts3215" and role == "gripper" else 0.8
    assert entry.overload_effort < latches_at
    assert entry.hold_effort < latches_at
    assert entry.stall_time_s < 2.0
    assert entry.warn_c < entry.derate_c < spec.hot_c < 70  # where the servos switch off


@pytest.mark.parametrize("robot", robot_names())
def test_every_robot_has_a_guard(robot: str):
    spec = RobotSpec.load(robot)
    assert control_config(spec).joints == len(spec.joints)
