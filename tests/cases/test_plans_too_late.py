"""A policy whose plans cannot arrive in time is refused with the numbers, or fails; it never ends as a run."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from turning_policy import Turn

import motorium as mt
from motorium._core import Mode
from motorium.cli.main import main
from motorium.errors import BindingError, SafetyError
from motorium.policies.find import find_checkpoint
from motorium.runtime.lockstep import VirtualClock, run_lockstep
from motorium.runtime.run import drive
from motorium.runtime.runner import Runner
from motorium.runtime.schedule import Bridge, Pace
from motorium.sim.lockstep import LockStep
from motorium.sim.world import World
from motorium.specs.robot import RobotSpec
from motorium.specs.slots import slot_map

SO101 = RobotSpec.load("so101")
MS = 1_000_000


@pytest.mark.parametrize(("rows", "dt_s", "needed"), [(1, 0.05, 4), (16, 0.001, 151), (12, 0.01, 16)])
def test_plans_shorter_than_the_declared_latency_are_refused(
    virtual_robot: mt.Robot, rows: int, dt_s: float, needed: int
) -> None:
    """so101 declares 100 ms for 95 of 100 inferences, and its cameras show a picture every 50 ms."""
    policy = Turn(virtual_robot.spec, rows, dt_s)
    with pytest.raises(BindingError, match=rf"needs {needed} rows .* accepts {rows - 1}\. With --sync"):
        mt.run(virtual_robot, policy, "turn")
    assert policy.calls == 0, "before anything was asked of it"


def test_what_only_shows_when_it_is_timed_is_refused_too(virtual_robot: mt.Robot) -> None:
    policy = Turn(virtual_robot.spec, 8, 0.05, thinks_s=lambda _: 0.36)
    with pytest.raises(BindingError, match=r"36\d ms \(measured\).* needs \d+ rows .*accepts 7.*--sync"):
        mt.run(virtual_robot, policy, "turn")
    assert virtual_robot.control.mode is Mode.HOLDING


def test_one_busy_moment_is_not_held_against_a_policy(virtual_robot: mt.Robot) -> None:
    policy = Turn(virtual_robot.spec, 8, 0.05, thinks_s=lambda call: 0.4 if call <= 2 else 0.0)
    assert mt.run(virtual_robot, policy, "turn", 0.4).chunks > 0


@pytest.mark.parametrize("rows", [1, 2])
def test_the_way_round_that_is_named_works(virtual_robot: mt.Robot, rows: int) -> None:
    virtual_robot.home()
    policy = Turn(virtual_robot.spec, rows, 0.3)
    begin = float(virtual_robot.control.goal_rad[0])
    report = drive(Runner(virtual_robot, policy, "turn", sync=True), 1.2)
    assert report.chunks >= 2
    assert float(virtual_robot.control.goal_rad[0]) - begin > 0.1  # 0.12 rad with every plan


def test_a_run_that_commanded_nothing_fails_and_the_log_stays_short(
    virtual_robot: mt.Robot, caplog: pytest.LogCaptureFixture
) -> None:
    policy = Turn(virtual_robot.spec, 12, 0.02, thinks_s=lambda call: 0.35 if call > 2 else 0.0)
    with caplog.at_level(logging.WARNING), pytest.raises(SafetyError, match=r"got no command .*--sync"):
        mt.run(virtual_robot, policy, "turn", 1.2)
    assert policy.calls >= 4
    assert 1 <= sum("over before it arrived" in record.message for record in caplog.records) <= 2


def test_later_shortfalls_are_counted_everywhere(virtual_robot: mt.Robot) -> None:
    policy = Turn(virtual_robot.spec, 32, 0.05, max_delay=4, thinks_s=lambda call: 0.25 if call > 3 else 0.0)
    report = mt.run(virtual_robot, policy, "turn", 1.2)
    assert report.shortfalls >= 1
    assert json.loads(json.dumps(report.as_dict()))["shortfalls"] == report.shortfalls
    assert f"{report.shortfalls} had fewer committed rows" in str(report)
    planning = virtual_robot.status().planning
    assert planning.shortfalls == report.shortfalls
    assert planning.needed_delay_rows > planning.declared_delay_rows == 4


def test_the_bridge_takes_what_is_slower_and_a_row_more() -> None:
    pace = Pace.of(Turn(SO101, 16, 0.05, max_delay=5).info)
    declared = Bridge.of(pace, SO101)
    assert (declared.latency_ns, declared.age_ns, declared.needed, declared.holds) == (
        100 * MS,
        50 * MS,
        4,
        True,
    )
    assert Bridge.of(pace, SO101, 60 * MS).needed == 4
    measured = Bridge.of(pace, SO101, 300 * MS)
    assert (measured.needed, measured.holds) == (8, False)
    koch = RobotSpec.load("koch_follower")  # declares no latency: what is measured counts
    assert Bridge.of(pace, koch, 130 * MS).needed == 1 + -(
        -(130 * MS + round(1e9 / koch.cameras[0].fps)) // (50 * MS)
    )


def test_lock_step_counts_by_the_same_rule() -> None:
    world = World(SO101)
    try:
        for latency_s, short in ((0.15, False), (0.3, True)):
            world.reset(3)
            stage = LockStep(world)
            stage.restart()
            policy = Turn(SO101, 16, 0.05, max_delay=5)
            clock = VirtualClock(1.0, latency_s, 0.03)
            report = run_lockstep(stage, policy, slot_map(SO101), "turn", clock)
            assert report.shortfalls == (report.chunks if short else 0)
    finally:
        world.close()


def test_the_shipped_checkpoint_starts_on_the_robot_it_was_made_for() -> None:
    pace = Pace.of(mt.load("so101-pick").info)
    assert pace.max_delay == 5
    Bridge.of(pace, SO101).require()
    assert np.isclose(pace.dt_ns, 50 * MS)


def test_the_command_line_refuses_before_it_opens_an_arm(tmp_path: Path) -> None:
    shipped, slow = find_checkpoint("so101-pick"), tmp_path / "slow"
    shutil.copytree(shipped, slow)
    config = (slow / "config.json").read_text()
    (slow / "config.json").write_text(config.replace('"max_delay": 5', '"max_delay": 3'))
    arguments = [
        "run",
        str(slow),
        "--robot",
        "so101",
        "--port",
        "/dev/null",
        "--task",
        "put the red cube in the tray",
    ]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert (
        "needs 4 rows of 50 ms committed, one to spare; this policy accepts 3. With --sync" in result.stderr
    )
    result = CliRunner().invoke(main, [*arguments, "--sync"])
    assert "run out of plan" not in result.stderr, "it goes on to the port"
