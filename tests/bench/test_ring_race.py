"""The race of the rings: its arithmetic, and a short run of the real thing."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner

from motorium.bench import ring
from motorium.cli.main import main
from motorium.errors import BenchmarkError

LINES = """\
motorium transfer 5
motorium round_trip 100
boost transfer 10
boost round_trip 150
motorium transfer 50
motorium round_trip 100
boost transfer 110
boost round_trip 150
"""


def test_ratios_compare_bursts_of_the_same_round():
    figures = ring.figures(ring.parse(LINES))
    assert figures["vs_boost"] == 2.1  # of 2.0 and 2.2
    assert figures["rtt_vs_boost"] == 1.5
    assert figures["rtt_ns"] == 100
    assert figures["boost"] == {"ops_per_ms": round(1e6 / 60), "rtt_ns": 150}


def test_without_boost_there_is_no_ratio():
    alone = "\n".join(line for line in LINES.splitlines() if "boost" not in line)
    figures = ring.figures(ring.parse(alone))
    assert figures["vs_boost"] is None
    assert figures["boost"] is None
    assert figures["ops_per_ms"] > 0


def test_without_a_compiler_the_message_says_what_to_install(monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(BenchmarkError, match="apt-get install g"):
        ring.measure(2)


@pytest.mark.nightly
@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
def test_the_race_runs_with_or_without_boost():
    result = CliRunner().invoke(main, ["bench", "ring", "--json", "--rounds", "3"])
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["ops_per_ms"] > 0
    assert figures["rtt_ns"] > 0
    assert figures["machine"]["cores"] >= 1
    assert (figures["vs_boost"] is None) == ("libboost-dev" in (figures["note"] or ""))
