"""Servos of the SCS series, which have their lock elsewhere and the high byte first, are set up the same way."""

from __future__ import annotations

from motorium.motors.diagnosis import Expected
from motorium.motors.emulated import connect_only, emulate, make_factory_new
from motorium.motors.set_up import ServoSetUp


def test_an_scs_servo_gets_its_id_for_good():
    motors = ["scs0009"] * 2
    servos = emulate([1, 2], motors)
    make_factory_new(servos, motors)
    connect_only(servos, [1], 2)
    set_up = ServoSetUp(servos.port, [Expected("a", 1, "scs0009"), Expected("b", 2, "scs0009")], 1_000_000)
    set_up._rest = []
    entry, servo = set_up.choose(set_up.glance())
    assert (entry.joint, servo.model) == ("b", "scs0009")
    set_up.give(entry, servo)
    servos.power_cycle()
    assert servos.table(1)[5] == 2
    assert list(set_up.glance().done) == ["b"]
    servos.close()
