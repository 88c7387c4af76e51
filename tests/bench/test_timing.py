"""Races: everybody runs in every round, in turning order, and ratios compare a round with itself."""

from __future__ import annotations

import time

import pytest

from motorium.bench.timing import Pace, Race, race

PACE = Pace(rounds=4, seconds=60, block_s=0.001, settle_s=0)


def spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_every_contender_runs_first_in_turn():
    order: list[str] = []
    result = race({name: lambda name=name: (order.append(name), spin(0.002)) for name in "abc"}, PACE)
    assert order[:3] == ["a", "b", "c"], "one call each before any timing"
    first = [order[3 + 6 * number] for number in range(4)]  # one untimed call and one timed call each
    assert first == ["a", "b", "c", "a"]
    assert all(len(times) == 4 for times in result.seconds.values())


def test_a_short_contender_is_timed_over_a_block():
    calls = []
    result = race({"short": lambda: calls.append(1)}, PACE)
    assert len(calls) > 50
    assert result.median_s("short") < 1e-4


def test_the_call_that_wakes_threads_is_not_timed():
    ended = [0.0]

    def slow_after_a_pause() -> None:
        spin(0.05 if time.perf_counter() - ended[0] > 0.01 else 0.001)
        ended[0] = time.perf_counter()

    result = race({"slow": slow_after_a_pause}, Pace(rounds=5, block_s=0.001, settle_s=0.02))
    assert result.median_s("slow") < 0.025


def test_no_round_begins_after_the_time_is_up_but_two_always_run():
    result = race({"slow": lambda: spin(0.01)}, Pace(rounds=50, seconds=0.0, block_s=0.001, settle_s=0))
    assert len(result.seconds["slow"]) == 2


def test_the_ratio_of_a_round_is_blind_to_a_machine_that_slows_down():
    result = Race({"ours": (1.0, 10.0, 2.0), "theirs": (3.0, 30.0, 6.0)})
    assert result.ratio("ours", "theirs") == 3.0
    assert result.best_of(["ours", "theirs"]) == "ours"
    assert result.best_of([]) is None
    assert result.medians_ms() == {"ours": 2000.0, "theirs": 6000.0}
    assert result.least_ms() == {name: 1e3 * min(result.seconds[name]) for name in ("ours", "theirs")}


def test_rounds_of_different_length_are_no_race():
    with pytest.raises(ValueError, match=r"longer|shorter"):
        Race({"a": (1.0,), "b": (1.0, 2.0)}).ratio("a", "b")
