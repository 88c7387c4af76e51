"""A short piece of `lockstep_soak.py`: no crash, no command out of limits, every fault counted, and work all along."""

from __future__ import annotations

from lockstep_soak import BREAKDOWN_TICKS, RECOVERY_TICKS, soak

COUNTED = ("crc_errors", "timeouts", "length_errors", "wrong_id", "flushed_bytes", "late_replies")


def test_random_faults_are_counted_and_nothing_leaves_the_limits() -> None:
    record = soak(4000, seed=1, breakdown_every=2000)
    assert record["faults_injected"] > 10
    assert record["out_of_limit_commands"] == 0
    assert record["clamped"] > 0
    assert sum(record["bus_counters"][k] for k in COUNTED) >= record["faults_injected"]


def test_after_a_fault_it_goes_on() -> None:
    record = soak(2000, seed=2, breakdown_every=1000)
    assert record["recoveries"] == {"bus_errors": 2}
    assert 0 < record["ticks_in_fault"] <= 2 * BREAKDOWN_TICKS
    assert record["mode"] == "running"
    assert record["commanded"] >= 2000 - 2 * (BREAKDOWN_TICKS + RECOVERY_TICKS)
    assert record["out_of_limit_commands"] == 0
