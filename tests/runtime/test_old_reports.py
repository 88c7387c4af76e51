"""Reports that held dicts in 0.1.0 say the same as JSON, byte for byte, and are read like dicts for one release."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from virtual_arm import VirtualArm

from motorium._core import LoopStats, Robot
from motorium.deprecated import OldAccessWarning
from motorium.robots.config import robot_config
from motorium.robots.status import PlanningStatus
from motorium.runtime.report import RunBus, RunControl, RunReport, RunSafety
from motorium.specs.robot import RobotSpec
from motorium.teleop.report import ArmCounters, FollowedJoints, SessionEnd, TeleopReport
from motorium.teleop.tracking import Tracking

SPEC = RobotSpec.load("so101")


@pytest.fixture(scope="module")
def stats() -> Iterator[tuple[LoopStats, LoopStats]]:
    """Of a control thread at two moments."""
    with VirtualArm(SPEC) as arm:
        loop = Robot(robot_config(SPEC), [arm.emulator.port])
        loop.start()
        try:
            give_up = time.monotonic() + 10
            while loop.stats().ticks < 5 and time.monotonic() < give_up:
                time.sleep(0.01)
            before = loop.stats()
            while loop.stats().ticks < before.ticks + 20 and time.monotonic() < give_up:
                time.sleep(0.01)
            yield before, loop.stats()
        finally:
            loop.stop()


def run_as_it_was(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What `Runner.report` of 0.1.0 made of two `stats()`."""

    def since(*keys: str) -> dict[str, int]:
        return {key: now[key] - before[key] for key in keys}

    bus = {key: now["bus"][key] - before["bus"][key] for key in ("cycles", "crc_errors", "timeouts")}
    period = {key: now["period_us"][key] for key in ("p50", "p99")}
    return {
        "control": {
            "rate_hz": now["rate_hz"], **since("ticks", "missed", "approaches"), "period_us": period,
            "state_age_us": now["state_age_us"],
        },
        "bus": bus,
        "safety": since("clamped", "refused", "trips"),
        "seams": now["seams"],
    }  # fmt: skip


def test_a_run_says_what_it_said(stats) -> None:
    before, now = stats
    planning = PlanningStatus(False, 2, 20.0, 1, 1, 0, 50.0, 0, 0)
    report = RunReport(
        "swing", None, 1.25, (10.0, 30.0), 0, 0.125, 1, 0, RunControl.between(before, now),
        RunBus.between(before, now), RunSafety.between(before, now), now.seams, planning,
    )  # fmt: skip
    said = report.as_dict()
    old = run_as_it_was(before.as_dict(), now.as_dict())
    assert json.dumps({key: said[key] for key in old}) == json.dumps(old)
    assert json.dumps(said["planning"]) == json.dumps(planning.as_dict())
    assert " ".join(said) == (
        "task success duration_s chunks chunk_latency_ms control bus safety underflows late_chunks shortfalls "
        "refused_chunks unknown_words seam_jump_max_rad seams planning"
    )
    assert said["chunk_latency_ms"] == {"p50": 20.0, "p95": 29.0}
    assert f"{report.bus.cycles} cycles" in str(report)
    with pytest.warns(OldAccessWarning, match="RunControl is no longer a dict"):
        assert report.control["period_us"]["p99"] == report.control.period_us.p99
    with pytest.warns(OldAccessWarning):
        assert dict(report.safety) == old["safety"]


def arm_as_it_was(stats: dict[str, Any], missed: int) -> dict[str, Any]:
    """What `TeleopReport` of 0.1.0 told of a control thread."""
    names = ("mode", "ticks", "missed", "bad_reads", "period_us", "clamped", "refused", "trips", "bus")
    return {**{name: stats[name] for name in names}, "missed": missed}


def test_a_session_says_what_it_said(stats) -> None:
    before, now = stats
    tracking = Tracking(12.0, 4.0, 0.01, 0.05, (0.01, 0.02), 0.7, 200)
    report = TeleopReport(
        "so101", "so101_leader", 2.0, 1.5, 200.0, 1, 0, SessionEnd.TIME, ArmCounters.of(now, before), tracking,
        FollowedJoints(("elbow_flex",), (), ("gripper",)), ArmCounters.of(now),
    )  # fmt: skip
    old = {
        "robot": "so101", "source": "so101_leader", "seconds": 2.0, "engaged_s": 1.5, "rate_hz": 200.0,
        "streams": 1, "losses": 0, "reason": "time",
        "tracking": {
            "lag_ms": 12.0, "command_lag_ms": 4.0, "rms_rad": 0.01, "max_rad": 0.05,
            "rms_per_joint_rad": [0.01, 0.02], "moved_rad": 0.7, "ticks": 200,
        },
        "joints": {"moved": ["elbow_flex"], "unmoved": [], "unused": ["gripper"]},
        "control": arm_as_it_was(now.as_dict(), now.missed - before.missed),
        "leader": arm_as_it_was(now.as_dict(), now.missed),
    }  # fmt: skip
    assert json.dumps(report.as_dict()) == json.dumps(old)
    with pytest.warns(OldAccessWarning):
        assert report.tracking["rms_rad"] == 0.01
    with pytest.warns(OldAccessWarning, match=r"SessionEnd\.TIME"):
        assert report.reason == "time"


def test_a_session_without_a_leader_tells_of_none(stats) -> None:
    _, now = stats
    report = TeleopReport("so101", "keys", 2.0, 1.5, 200.0, 1, 0, SessionEnd.ENDED, ArmCounters.of(now))
    said = report.as_dict()
    assert (said["tracking"], said["joints"], said["leader"]) == (None, {}, None)
