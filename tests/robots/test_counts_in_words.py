"""Counts of bus and gate in a message are words, never a dict."""

from __future__ import annotations

from types import SimpleNamespace

from motorium.robots.health import bus_counts, gate_counts

WELL = dict.fromkeys(
    ("crc_errors", "timeouts", "length_errors", "wrong_id", "late_replies", "io_errors", "refusals"), 0
)


def test_a_message_counts_lost_and_damaged_replies():
    assert bus_counts(SimpleNamespace(**WELL)) == "0 time-outs, 0 bad checksums"
    worse = WELL | {"timeouts": 12, "io_errors": 2}
    assert bus_counts(SimpleNamespace(**worse)) == "12 time-outs, 0 bad checksums, 2 errors of the port"


def test_a_message_counts_what_the_gate_did():
    assert gate_counts(SimpleNamespace(clamped=3, refused=20)) == "3 goals clamped, 20 refused"
