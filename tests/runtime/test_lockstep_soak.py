"""A short piece of `lockstep_soak.py`: no crash, no command out of limits, every fault counted."""

from __future__ import annotations

from lockstep_soak import soak


def test_random_faults_are_counted_and_nothing_leaves_the_limits() -> None:
    record = soak(4000, seed=1)
    assert record["faults_injected"] > 10
    assert record["out_of_limit_commands"] == 0
    assert record["ticks_in_fault"] == 0
    assert record["clamped"] > 0
    assert sum(record["bus_counters"][k] for k in COUNTED) >= record["faults_injected"]


COUNTED = ("crc_errors", "timeouts", "length_errors", "wrong_id", "flushed_bytes", "late_replies")
