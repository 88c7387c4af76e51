"""The race of the control thread against a loop in Python keeps its form; figures belong to the machine."""

from __future__ import annotations

import pytest

from motorium.bench.loop import measure


@pytest.mark.nightly
def test_both_loops_tick_beside_the_same_load() -> None:
    figures = measure(seconds=0.6, rounds=1)
    assert set(figures["rates"]) == {"200", "1000"}
    for rate, row in figures["rates"].items():
        assert row["ticks"] > 0
        assert row["ticks_python"] > 0
        assert row["ticks"] + row["missed"] >= 0.5 * 0.6 * int(rate)
        assert row["period_error_us"] < row["period_error_us_python"]
