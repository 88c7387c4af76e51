"""Register semantics of the virtual servos, without bus or physics."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from motorium.sim.servo import ServoState
from motorium.sim.servo_registers import (
    STATUS_OVERHEAT,
    STATUS_OVERLOAD,
    RegisterModel,
    ServoGoals,
    ServoSettings,
)
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import MotorSpec

DT = 0.005
N = 6


def _senses(**changes: float) -> ServoState:
    base = {"voltage_v": 7.4, "temperature_c": 28.0}
    names = ServoState.__dataclass_fields__
    return ServoState(**{name: np.full(N, float({**base, **changes}.get(name, 0.0))) for name in names})


def _table(**words: tuple[int, int]) -> bytes:
    table = bytearray(128)
    defaults = {
        "max": (11, 4095),
        "hot": (13, 70),
        "protective": (34, 20),
        "time": (35, 200),
        "over": (36, 80),
    }
    for address, value in {**defaults, **words}.values():
        table[address] = value & 0xFF
        if value > 0xFF:
            table[address + 1] = value >> 8
    return bytes(table)


def _model(**words: tuple[int, int]) -> RegisterModel:
    return RegisterModel(
        RobotSpec.load("so101"),
        ServoSettings.from_registers([MotorSpec.load("sts3215")] * N, [_table(**words)] * N),
    )


def _goals(ticks: float, *, on: bool = True, speed: float = 0, acceleration: float = 0, limit: float = 1):
    full = [np.full(N, float(v)) for v in (ticks, speed, acceleration, limit)]
    return ServoGoals(np.full(N, on), *full)


def test_ticks_and_radians_are_inverse_and_follow_zero_and_sign():
    model = _model()
    angles = np.linspace(-1.5, 1.5, N)
    np.testing.assert_allclose(model.to_rad(model.to_ticks(angles)), angles, atol=1e-12)
    np.testing.assert_allclose(model.to_ticks(np.zeros(N)), 2048)
    np.testing.assert_allclose(model.to_ticks(np.full(N, math.pi / 2)), 3072)


def test_every_servo_counts_its_own_turn():
    so101 = RobotSpec.load("so101")
    little = replace(so101.joints[-1], motor="scs0009", zero_ticks=512)
    spec = replace(so101, joints=(*so101.joints[:-1], little))
    model = RegisterModel(spec, _model().settings)
    ticks = model.to_ticks(np.full(N, 0.5))
    assert ticks[0] == pytest.approx(2048 + so101.joints[0].sign * 0.5 * 4096 / (2 * math.pi))
    assert ticks[-1] == pytest.approx(512 + little.sign * 0.5 * 1229 / (2 * math.pi))
    np.testing.assert_allclose(model.to_rad(ticks), 0.5)


def test_torque_off_lets_go():
    drive = _model().drive(_goals(3000, on=False), np.zeros(N), DT)
    assert (drive.torque_fraction == 0).all()


def test_torque_limit_is_passed_on():
    np.testing.assert_allclose(_model().drive(_goals(2048, limit=0.5), np.zeros(N), DT).torque_fraction, 0.5)


def test_profile_starts_from_the_present_position_when_torque_comes_on():
    model = _model()
    model.drive(_goals(3000, on=False), np.full(N, 0.3), DT)
    first = model.drive(_goals(3000, speed=100), np.full(N, 0.3), DT).target_rad
    assert np.abs(first - 0.3).max() < 2 * 100 * DT * 2 * math.pi / 4096


@pytest.mark.parametrize("acceleration", [0, 254])
def test_unlimited_servo_takes_small_goals_at_once(acceleration):
    model = _model()
    model.drive(_goals(2048), np.zeros(N), DT)
    drive = model.drive(_goals(2060, acceleration=acceleration), np.zeros(N), DT)
    np.testing.assert_allclose(model.to_ticks(drive.target_rad), 2060)


def _travel(model: RegisterModel, goals: ServoGoals, steps: int) -> np.ndarray:
    return np.array([model.to_ticks(model.drive(goals, np.zeros(N), DT).target_rad)[0] for _ in range(steps)])


def test_goal_speed_limits_the_profile():
    path = _travel(_model(), _goals(3048, speed=400), 600)
    assert np.diff(path).max() == pytest.approx(400 * DT)
    assert path[-1] == pytest.approx(3048)


def test_acceleration_register_ramps_up_and_down_without_overshoot():
    path = _travel(_model(), _goals(3048, acceleration=20), 900)
    speed = np.diff(path) / DT
    ramp = np.diff(speed) / DT
    assert ramp.max() <= 20 * 100 * 1.001
    assert path.max() <= 3048 + 1
    assert path[-1] == pytest.approx(3048, abs=0.5)


def test_readings_carry_sign_and_units():
    model = _model()
    reading = model.read(_senses(effort=-0.25, velocity_rad_s=-1.0, current_ma=650.0, voltage_v=7.2), DT)
    assert reading.load_permille[0] == -250
    assert reading.speed_ticks_s[0] == -652
    assert (reading.voltage_dv[0], reading.temperature_c[0], reading.current_units[0]) == (72, 28, 100)
    assert reading.moving.all()
    assert not model.read(_senses(), DT).moving.any()


def test_overheat_shows_in_the_status():
    assert (_model().read(_senses(temperature_c=75.0), DT).status == STATUS_OVERHEAT).all()


def _overload(model: RegisterModel) -> None:
    model.drive(_goals(3000), np.zeros(N), DT)
    for _ in range(20):
        reading = model.read(_senses(effort=0.9), DT)
    assert (reading.status == STATUS_OVERLOAD).all()
    assert (model.drive(_goals(3000), np.zeros(N), DT).torque_fraction == 0.2).all()


@pytest.mark.parametrize("release", ["torque", "direction"])
def test_overload_latches_after_the_protection_time_and_is_released(release):
    model = _model(time=(35, 10))  # 0.1 s
    _overload(model)
    assert (model.read(_senses(), DT).status == STATUS_OVERLOAD).all(), "latched although the load is gone"
    if release == "torque":
        model.drive(_goals(3000, on=False), np.zeros(N), DT)
        goals = _goals(3000)
    else:
        goals = _goals(1000)
    assert (model.drive(goals, np.zeros(N), DT).torque_fraction == 1.0).all()


def test_short_overload_does_not_latch():
    model = _model(time=(35, 10))
    for _ in range(200):
        model.read(_senses(effort=0.9), DT)
        model.read(_senses(effort=0.1), DT)
    assert (model.read(_senses(), DT).status == 0).all()


def test_settings_are_replaced_while_running():
    model = _model()
    model.settings = replace(model.settings, max_temperature_c=np.full(N, 20.0))
    assert (model.read(_senses(), DT).status == STATUS_OVERHEAT).all()
